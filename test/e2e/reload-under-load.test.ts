// Reload under constant load of both eras: no request fails that the change does not demand, by file change and by SIGHUP.
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { connect, type Peer, textOf } from '../gateway/peers.ts'
import { type Recorder, startRecorder } from '../gateway/recorder.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import type { RpcMessage } from '../support/rpc.ts'

let stays: Recorder
let goes: Recorder
let gateway: RunningGateway
let ports: object

interface Outcome {
  readonly started: number
  readonly ended: number
  readonly tool: string
  readonly era: string
  readonly message: RpcMessage | undefined
  readonly failed: unknown
}

const slow = (ms: number) => (_: unknown, answers: { result(result: unknown): void }) =>
  void setTimeout(() => answers.result({ content: [{ type: 'text', text: 'fine' }] }), ms)

beforeAll(async () => {
  stays = await startRecorder({ tools: ['work'], call: slow(15) })
  goes = await startRecorder({
    tools: ['work', 'long'],
    call: (received, answers) =>
      slow(received.message.params?.name === 'long' ? 1500 : 15)(received, answers),
  })
  gateway = await startGateway(stringify(configOf({})))
  const { listen, admin } = parsed(await readFile(gateway.configFile, 'utf8'))
  ports = { listen, admin }
}, 60_000)

afterAll(async () => {
  await gateway?.stop()
  await stays?.close()
  await goes?.close()
})

function parsed(text: string): { listen: { port: number }; admin: { port: number } } {
  const port = (section: string) =>
    Number(new RegExp(`${section}:\\n  port: (\\d+)`).exec(text)?.[1])
  return { listen: { port: port('listen') }, admin: { port: port('admin') } }
}

interface Change {
  readonly without?: true
  readonly deny?: string
  readonly broken?: true
}

function configOf({ without, deny, broken }: Change): object {
  const policy = (name: string, tool: string) => ({
    name,
    on: ['tool_pre_invoke'],
    conditions: [{ tools: [tool] }],
    // biome-ignore lint/suspicious/noThenProperty: the word of the contract
    then: 'deny',
    code: 'DENIED',
    reason: 'by policy',
  })
  return {
    version: 1,
    ...ports,
    limits: { drain: '10s' },
    // the calls would fill the output that the last test reads
    telemetry: { log: { level: 'warn' } },
    servers: [
      { name: 'stays', url: stays.url },
      ...(without ? [] : [{ name: 'goes', url: goes.url }]),
    ],
    plugins: { enabled: true, allowed: ['rules'] },
    policies: [policy('never', 'nothing-like-it'), ...(deny ? [policy('now', deny)] : [])],
    ...(broken ? { namespacing: { mode: 'sideways' } } : {}),
  }
}

/** Calls without pause until told to stop; keeps how each call ended. */
function load(peers: readonly Peer[], tools: readonly string[]) {
  const outcomes: Outcome[] = []
  let running = true
  const worker = async (peer: Peer, tool: string, worker: number) => {
    for (let round = 0; running; round++) {
      const started = performance.now()
      const params = { name: tool, arguments: {} }
      const outcome = await peer
        .request('tools/call', params, { id: `${tool}-${worker}-${round}` })
        .then(({ response }) => ({ message: response, failed: undefined }))
        .catch((failed: unknown) => ({ message: undefined, failed }))
      outcomes.push({ started, ended: performance.now(), tool, era: peer.era, ...outcome })
    }
  }
  const workers = peers.flatMap((peer) =>
    tools.flatMap((tool) => [worker(peer, tool, 1), worker(peer, tool, 2)]),
  )
  return {
    outcomes,
    async stop() {
      running = false
      await Promise.all(workers)
      return outcomes
    },
  }
}

const isFine = ({ message }: Outcome) => textOf(message) === 'fine'
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How many reloads ended so; the log says it too, but under load a line is soon out of reach. */
async function reloads(outcome: Ending): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  const found = text.match(`portcullis_config_reloads_total{outcome="${outcome}"} (\\d+)`)
  return Number(found?.[1] ?? 0)
}

/** Writes the file, and where that is not how it is told, sends the signal. Resolves when the reload has ended so. */
async function reload(change: Change, how: 'file' | 'signal', ending: Ending): Promise<void> {
  const before = await reloads(ending)
  await writeFile(gateway.configFile, stringify(configOf(change)))
  if (how === 'signal') process.kill(gateway.process.pid, 'SIGHUP')
  const end = Date.now() + 10_000
  while ((await reloads(ending)) === before) {
    if (Date.now() > end) throw new Error(`no reload ended ${ending} within 10 s`)
    await pause(20)
  }
}

type Ending = 'ok' | 'refused'
const APPLIED = 'ok'
const REFUSED = 'refused'

async function peersOf(): Promise<Peer[]> {
  return [await connect('legacy', gateway.url), await connect('modern', gateway.url)]
}

describe.each(['file', 'signal'] as const)('a reload by %s', (how) => {
  it('of a good file fails no request', async () => {
    const under = load(await peersOf(), ['stays__work', 'goes__work'])
    await pause(200)
    await reload({ deny: 'other' }, how, APPLIED)
    await pause(200)
    await reload({}, how, APPLIED)
    await pause(200)
    const outcomes = await under.stop()
    expect(outcomes.length).toBeGreaterThan(20)
    expect(outcomes.filter((outcome) => !isFine(outcome))).toEqual([])
  })

  it('of a bad file fails no request and changes nothing', async () => {
    const under = load(await peersOf(), ['stays__work', 'goes__work'])
    await pause(100)
    await reload({ broken: true, deny: 'work' }, how, REFUSED)
    await pause(200)
    const outcomes = await under.stop()
    expect(outcomes.filter((outcome) => !isFine(outcome))).toEqual([])
    // back to what is in force already: read, and left alone
    await writeFile(gateway.configFile, stringify(configOf({})))
    if (how === 'signal') process.kill(gateway.process.pid, 'SIGHUP')
    await pause(500)
  })

  it('that changes a policy: calls before it pass, calls after it are denied, and no call is anything else', async () => {
    const under = load(await peersOf(), ['stays__work'])
    await pause(200)
    await reload({ deny: 'work' }, how, APPLIED)
    const applied = performance.now()
    await pause(200)
    const outcomes = await under.stop()
    const isDenied = ({ message }: Outcome) => textOf(message).includes('DENIED')
    expect(outcomes.filter((outcome) => !isFine(outcome) && !isDenied(outcome))).toEqual([])
    expect(outcomes.filter((outcome) => outcome.started > applied && !isDenied(outcome))).toEqual(
      [],
    )
    expect(outcomes.filter(isDenied).length).toBeGreaterThan(0)
    await reload({}, how, APPLIED)
  })

  it('that removes a server in use: its calls in flight complete, later ones name an unknown tool, the other server serves on', async () => {
    const peers = await peersOf()
    const under = load(peers, ['stays__work', 'goes__work'])
    await pause(200)
    const inFlight = peers.map((peer) => peer.call('goes__long', {}))
    await pause(100)
    await reload({ without: true }, how, APPLIED)
    const applied = performance.now()
    await pause(300)
    const outcomes = await under.stop()
    const others = outcomes.filter(({ tool }) => tool === 'stays__work')
    expect(others.filter((outcome) => !isFine(outcome))).toEqual([])
    const own = outcomes.filter(({ tool }) => tool === 'goes__work')
    const isUnknown = ({ message }: Outcome) => message?.error?.data?.code === 'WIRE_UNKNOWN_TARGET'
    expect(own.filter((outcome) => !isFine(outcome) && !isUnknown(outcome))).toEqual([])
    expect(own.filter((outcome) => outcome.started > applied && isFine(outcome))).toEqual([])
    expect(own.filter(isUnknown).length).toBeGreaterThan(0)
    expect((await Promise.all(inFlight)).map(textOf)).toEqual(['fine', 'fine'])
    await reload({}, how, APPLIED)
    expect((await Promise.all(peers.map((peer) => peer.call('goes__work')))).map(textOf)).toEqual([
      'fine',
      'fine',
    ])
  })
})

it('none of this was an error to the gateway', () => {
  expect(gateway.output()).not.toMatch(
    /UnhandledPromiseRejection|"level":"fatal"|the gateway failed/,
  )
})
