// Starts one surface of the matrix: a gateway in this process, its servers, and what it is mounted in.

import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createGateway, type Gateway } from '../../../src/app/gateway.ts'
import { startGateway } from '../../../src/app.ts'
import { LISTS, type ListKind } from '../../../src/gateway/catalog/listing.ts'
import { type Bridge, startBridge } from '../../fixtures/upstream/websocket-bridge.ts'
import { until } from '../../gateway/events.ts'
import { createQuestioner } from '../../gateway/questioner.ts'
import { echo, type Recorder, startRecorder } from '../../gateway/recorder.ts'
import { LISTEN, memoryLog, pluginsOf, pluginsSection } from '../../gateway/running.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { startFixture } from '../../support/fixture.ts'
import { modules, node, root } from '../../support/paths.ts'
import { freePort, listening } from '../../support/ports.ts'
import { type Counter, createCounter, TRIGGERED } from './counting.ts'
import type { Surface } from './surfaces.ts'

/** Names of what the operations use, as the servers of this surface call it. */
export interface Names {
  readonly tool: string
  readonly arguments: object
  readonly progress: string
  readonly progressArguments: object
  readonly failing: string
  readonly failingArguments: object
  readonly prompt: string
  readonly wrongPrompt: string
  readonly resource: string
  readonly wrongResource: string
  readonly down: string
  /** What completion is asked for. */
  readonly ref: object
  readonly argument: object
}

/** Selects what the operations use, and not all there is. */
const VIRTUAL = {
  name: 'part',
  path: '/mcp/part',
  tools: ['real__test_*', 'feed__die', '*__ask'],
  prompts: ['real__*'],
  resources: ['test://**', 'portcullis://real/test://**', 'feed://**'],
}
const DOORS = { whole: '/mcp', virtual: VIRTUAL.path, sse: '/sse' } as const

export interface Running extends AsyncDisposable {
  readonly url: string
  readonly gateway: Gateway
  readonly counter: Counter
  readonly recorder: Recorder
  readonly names: Names
  /** A server says that the resource it is asked to watch has changed. */
  update(): void
  /** A server says that its tools have changed: on GET streams, or where there are none on subscriptions. */
  announce(): void
  /** Changes the configuration file and reloads it. */
  reload(): Promise<void>
  /** All servers are up: one that comes back announces its lists, and no cell is to count that of the cell before. */
  steady(): Promise<void>
}

const FIXTURE_NAMES: Names = {
  tool: 'real__test_simple_text',
  arguments: {},
  progress: 'real__test_tool_with_progress',
  progressArguments: {},
  failing: 'real__test_error_handling',
  failingArguments: {},
  prompt: 'real__test_simple_prompt',
  wrongPrompt: 'real__test_prompt_with_arguments',
  resource: 'test://static-text',
  wrongResource: 'portcullis://real/test://nonexistent',
  down: 'feed__die',
  ref: { type: 'ref/prompt', name: 'real__test_prompt_with_arguments' },
  argument: { name: 'arg1', value: 'par' },
}

const EVERYTHING_NAMES: Names = {
  tool: 'real__echo',
  arguments: { message: 'hello' },
  progress: 'real__trigger-long-running-operation',
  progressArguments: { duration: 0.03, steps: 3 },
  failing: 'real__get-sum',
  failingArguments: { a: 'no number' },
  prompt: 'real__simple-prompt',
  wrongPrompt: 'real__args-prompt',
  resource: 'demo://resource/static/document/architecture.md',
  wrongResource: 'portcullis://real/demo://resource/static/document/nonexistent.md',
  down: 'odd__crash',
  ref: { type: 'ref/prompt', name: 'real__completable-prompt' },
  argument: { name: 'department', value: '' },
}

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'

/** What clients subscribe to, at the server that is fed. */
export const WATCHED = 'feed://watched'

export async function startSurface(surface: Surface, fixtureUrl: string): Promise<Running> {
  const counter = createCounter()
  let tell: (message: { method: string; params: object }) => void = () => {}
  const recorder = await startRecorder({
    eras: surface.servers,
    listens: 'by hand',
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
    tools: ['echo', 'die'],
    list: (method) =>
      method === 'resources/list' ? { resources: [{ uri: WATCHED, name: 'watched' }] } : undefined,
    call(received, answers) {
      const { id, method, params } = received.message
      if (params?.name === 'die') return answers.destroy()
      if (method !== 'subscriptions/listen') return echo(received, answers)
      const own = { _meta: { [SUBSCRIPTION]: id } }
      const granted = { ...own, notifications: params?.notifications }
      const acknowledged = { method: 'notifications/subscriptions/acknowledged', params: granted }
      answers.events([acknowledged], { open: true })
      tell = (message) => answers.send({ ...message, params: { ...message.params, ...own } })
    },
  })
  const asking = (eras: 'legacy' | 'modern') =>
    startRecorder({ eras, tools: ['ask'], call: createQuestioner().call })
  const asks = { legacy: await asking('legacy'), modern: await asking('modern') }
  const entries = [...counter.entries, ...TRIGGERED]
  const behind = await startBehind(surface)
  const config = {
    version: 1,
    ...LISTEN,
    listen: { ...LISTEN.listen, sse: { path: DOORS.sse } },
    virtual_servers: [VIRTUAL],
    servers: [
      ...serversOf(surface, behind?.url ?? fixtureUrl, recorder.url),
      { name: 'legacy', url: asks.legacy.url },
      { name: 'modern', url: asks.modern.url },
    ],
    ...pluginsSection(entries),
  }
  const directory = await temporaryDirectory()
  let revision = 0
  const write = () =>
    directory.write('gateway.yaml', JSON.stringify({ ...config, ...timeoutOf(config, ++revision) }))
  const options = { configFile: await write(), plugins: pluginsOf(entries), log: memoryLog() }
  const { gateway, url, stop } = await mount(surface, options)
  await catalogued(gateway)
  return {
    url,
    gateway,
    counter,
    recorder,
    names: isEverything(surface) ? EVERYTHING_NAMES : FIXTURE_NAMES,
    announce() {
      const message = { method: 'notifications/tools/list_changed', params: {} }
      if (recorder.streams() > 0) recorder.announce(message)
      else tell(message)
    },
    update() {
      const message = { method: 'notifications/resources/updated', params: { uri: WATCHED } }
      // on the connections of both eras: each client is told by its own
      recorder.announce(message)
      tell(message)
    },
    async reload() {
      await write()
      const { outcome, reason } = await gateway.reload()
      if (outcome !== 'applied') throw new Error(`the reload was ${outcome}: ${reason}`)
    },
    async steady() {
      const { servers } = gateway.state()
      const isUp = () =>
        [...servers.values()].every(({ upstream }) => upstream.status.state === 'ready')
      if (isUp()) return
      await until(isUp, 20_000)
      await gateway.engine.observers.idle()
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await Promise.all([recorder, asks.legacy, asks.modern].map((each) => each.close()))
      await behind?.[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** What servers list passes its points when it is first read, over each of their connections: no cell is to count that. */
async function catalogued(gateway: Gateway): Promise<void> {
  const { servers, runtime } = gateway.state()
  await Promise.all([...servers.values()].map(({ upstream }) => upstream.prepare('legacy')))
  for (const catalog of Object.values(runtime.catalogs))
    for (const kind of Object.keys(LISTS) as ListKind[]) await catalog.list(kind)
  await gateway.engine.observers.idle()
}

// JSON is YAML; the servers stay the same, so that they stay up
function timeoutOf(config: object, revision: number): object {
  const { plugins } = config as { plugins: object }
  return { plugins: { ...plugins, defaults: { timeout: `${5000 + revision}ms` } } }
}

const EVERYTHING = modules('@modelcontextprotocol/server-everything/dist/index.js')
const FIXTURE = `${root}/test/fixtures/conformance/server.ts`

const isEverything = ({ upstream }: Surface) => upstream === 'stdio' || upstream === 'sse'

function serversOf(surface: Surface, real: string, feed: string): object[] {
  const feeding = { name: 'feed', url: feed }
  if (!isEverything(surface)) return [{ name: 'real', url: real }, feeding]
  const odd = `${root}/test/fixtures/upstream/odd-server.mjs`
  return [
    surface.upstream === 'sse'
      ? { name: 'real', url: real, transport: 'sse' }
      : { name: 'real', command: node, args: [EVERYTHING, 'stdio'] },
    { name: 'odd', command: node, args: [odd], health: { restart: { backoff: '20ms..1s' } } },
    feeding,
  ]
}

/** What has to be there before the gateway is, where the gateway does not start it itself. */
async function startBehind({ upstream, servers }: Surface): Promise<Bridge | undefined> {
  if (servers !== 'both') return startFixture(servers)
  if (upstream === 'websocket') return startBridge(node, [FIXTURE, '--stdio'])
  if (upstream !== 'sse') return undefined
  const port = await freePort()
  const env = { ...process.env, PORT: String(port) }
  const child = spawn(node, [EVERYTHING, 'sse'], { env, stdio: 'ignore' })
  await listening(port)
  return {
    url: `http://127.0.0.1:${port}/sse`,
    [Symbol.asyncDispose]: async () => void child.kill('SIGKILL'),
  }
}

type Options = Parameters<typeof createGateway>[0]

async function mount(
  { mount: how, door }: Surface,
  options: Options,
): Promise<{ gateway: Gateway; url: string; stop: () => Promise<void> }> {
  // pipes need no listener; what has one besides is the same gateway
  if (how === 'listener' || how === 'stdio') {
    const running = await startGateway({ ...options, watch: false })
    const url = new URL(DOORS[door], running.url).href
    return { ...running, url, stop: () => running.stop({ now: true }) }
  }
  const gateway = await createGateway(options)
  const app = express()
  if (how === 'parsed') app.use(express.json())
  app.use('/gateway/mcp', gateway.mcp())
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    await closed(server)
    await gateway.close()
  }
  return { gateway, url: `http://127.0.0.1:${port}/gateway/mcp`, stop }
}

async function closed(server: Server): Promise<void> {
  const end = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await end
}
