// A server that is quarantined while clients use it: what each method answers then, what clients are told, what the operator sees.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Upstream } from '../../src/upstream/client.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { modernRequest } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'
import { type Listening, listening } from './listening.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { echo, type Recorder, startRecorder } from './recorder.ts'
import { LISTEN, runGateway, type Started, server } from './running.ts'

const EXTENSION = 'io.modelcontextprotocol/tasks'
const REASON = 'the TLS key of the server is another one'
const REFUSED = {
  code: -32603,
  message: 'the server is quarantined; ask the operator of the gateway',
  data: { code: 'UPSTREAM_QUARANTINED' },
}

let one: Recorder
let two: Recorder
let gateway: Started
let upstream: Upstream
let decided: number
const open: Listening[] = []

const list = (own: string) => (method: string) =>
  ({
    'tools/list': { tools: [{ name: 'work', inputSchema: { type: 'object' } }] },
    'prompts/list': { prompts: [{ name: `greet-${own}` }] },
    'resources/list': { resources: [{ uri: `test://${own}`, name: own }] },
    'resources/templates/list': {
      resourceTemplates: [{ uriTemplate: `test://${own}/{id}`, name: own }],
    },
  })[method]

const capabilities = {
  tools: { listChanged: true },
  prompts: {},
  resources: { subscribe: true },
  completions: {},
  logging: {},
  tasks: { requests: { tools: { call: {} } } },
  extensions: { [EXTENSION]: {} },
}

beforeEach(async () => {
  decided = 0
  one = await startRecorder({
    capabilities,
    list: list('one'),
    call: (received, answers) => {
      const { method, params = {} } = received.message
      const { hang, task } = (params.arguments ?? {}) as { hang?: boolean; task?: boolean }
      if (hang) return
      const made = {
        taskId: 'own',
        status: 'working',
        createdAt: 'now',
        lastUpdatedAt: 'now',
        ttl: 1,
      }
      const modern = JSON.stringify(params._meta ?? {}).includes('protocolVersion')
      if (task) return answers.result(modern ? { resultType: 'task', ...made } : { task: made })
      if (method === 'tools/call') return echo(received, answers)
      answers.result({})
    },
  })
  two = await startRecorder({ capabilities, list: list('two') })
  gateway = await runGateway({ servers: [server('one', one.url), server('two', two.url)] }, [
    { name: 'counts', hooks: { tool_pre_invoke: () => void decided++ } },
  ])
  upstream = gateway.gateway.state().servers.get('one')?.upstream as Upstream
})
afterEach(async () => {
  for (const stream of open.splice(0)) await stream.close()
  await gateway?.stop({ now: true })
  await one?.close()
  await two?.close()
})

const names = async (peer: Peer) => {
  const { response } = await peer.request('tools/list')
  const tools = (response?.result?.tools ?? []) as { name: string }[]
  return tools.map(({ name }) => name)
}

async function told(peer: Peer): Promise<Listening> {
  const notifications = { toolsListChanged: true }
  const { body, headers } = modernRequest('subscriptions/listen', { notifications })
  const stream = await (peer.era === 'legacy'
    ? listening(peer.url, { headers: peer.headers })
    : listening(peer.url, { headers: headers as Record<string, string>, body: body as object }))
  open.push(stream)
  return stream
}

describe.each(ERAS)('a client of the %s era', (era) => {
  const task = era === 'legacy' ? { task: { ttl: 1000 } } : {}

  it('is refused by every method, with the reason, and its policies are not asked', async () => {
    const peer = await connect(era, gateway.url, {
      capabilities: era === 'modern' ? { extensions: { [EXTENSION]: {} } } : {},
    })
    expect(await names(peer)).toEqual(['one__work', 'two__work'])
    expect(textOf(await peer.call('one__work', { n: 1 }))).toBe('{"n":1}')
    const { result } = await peer.call('one__work', { task: true }, task)
    const made = (era === 'legacy' ? result?.task : result) as { taskId: string } | undefined
    const taskId = made?.taskId
    const hanging = peer.call('one__work', { hang: true })
    await eventually(() => expect(one.calls('tools/call')).toHaveLength(3))

    const closed = upstream.admit('quarantined', REASON)
    expect((await hanging).error).toMatchObject(REFUSED)
    await closed
    decided = 0
    const heard = one.seen.length
    const ref = { type: 'ref/prompt', name: 'one__greet-one' }
    const asked: [string, Record<string, unknown>][] = [
      ['tools/call', { name: 'one__work', arguments: {} }],
      ['prompts/get', { name: 'one__greet-one' }],
      ['resources/read', { uri: 'test://one' }],
      ['completion/complete', { ref, argument: { name: 'a', value: '' } }],
      ['tasks/get', { taskId }],
      ['tasks/cancel', { taskId }],
      ...(era === 'legacy'
        ? ([
            ['tasks/result', { taskId }],
            ['resources/subscribe', { uri: 'test://one' }],
          ] as [string, Record<string, unknown>][])
        : []),
    ]
    for (const [method, params] of asked)
      expect([method, (await peer.request(method, params)).response?.error]).toEqual([
        method,
        expect.objectContaining({ ...REFUSED, data: expect.objectContaining(REFUSED.data) }),
      ])
    expect(decided).toBe(0)
    if (era === 'legacy') await peer.request('logging/setLevel', { level: 'debug' })
    expect(await names(peer)).toEqual(['two__work'])
    // whoever comes now sees the other one only
    const late = await connect(era, gateway.url)
    expect(await names(late)).toEqual(['two__work'])
    expect(textOf(await late.call('two__work', { n: 2 }))).toBe('{"n":2}')
    expect(one.seen).toHaveLength(heard)
  })

  it('is told that lists have changed, when it goes and when it is back', async () => {
    const peer = await connect(era, gateway.url)
    await names(peer)
    const stream = await told(peer)
    const changes = () =>
      stream.messages.filter(({ method }) => method === 'notifications/tools/list_changed').length
    await eventually(() => expect(one.streams() + one.listens()).toBeGreaterThan(0))
    const before = changes()
    await upstream.admit('quarantined', REASON)
    await eventually(() => expect(changes()).toBeGreaterThan(before))
    expect(await names(peer)).toEqual(['two__work'])
    const between = changes()
    await upstream.admit('admitted')
    await eventually(() => expect(changes()).toBeGreaterThan(between))
    await eventually(async () => expect(await names(peer)).toEqual(['one__work', 'two__work']))
    expect(textOf(await peer.call('one__work', { n: 3 }))).toBe('{"n":3}')
  })
})

describe('an operator', () => {
  it('sees the state, the admission and the reason in one sentence', async () => {
    const shown = () => gateway.gateway.readiness().servers
    await upstream.admit('grace', 'the revocation list could not be fetched')
    expect(shown()).toMatchObject([
      {
        name: 'one',
        state: 'ready',
        admission: 'grace',
        reason: 'the revocation list could not be fetched',
      },
      { name: 'two', state: 'ready', admission: 'admitted' },
    ])
    await upstream.admit('quarantined', REASON)
    expect(shown()).toMatchObject([
      { name: 'one', state: 'quarantined', admission: 'quarantined', reason: REASON },
      { name: 'two', state: 'ready' },
    ])
  })

  it('does not lift a quarantine, or a pin, by a reload that changes nothing of the server', async () => {
    await using directory = await temporaryDirectory()
    const servers = [server('one', one.url), server('pinned', 'https://localhost:1/mcp')]
    const write = (more: object) =>
      directory.write('gateway.yaml', JSON.stringify({ version: 1, ...LISTEN, servers, ...more }))
    const configFile = await write({})
    await using own = await runGateway({}, [], { configFile })
    const { gateway } = own
    const now = (name: string) => gateway.state().servers.get(name)?.upstream as Upstream
    const before = now('one')
    const pin = 'a'.repeat(64)
    now('pinned').secure({ pin })
    await before.admit('quarantined', REASON)
    await write({ namespacing: { mode: 'collision' } })
    expect((await gateway.reload()).outcome).toBe('applied')
    expect([now('one'), now('one').admission]).toEqual([before, 'quarantined'])
    // it is made anew, though nobody declared it anew
    await write({ limits: { request_timeout: '31s' } })
    expect((await gateway.reload()).outcome).toBe('applied')
    expect(now('one')).not.toBe(before)
    expect([now('one').admission, now('one').admissionReason]).toEqual(['quarantined', REASON])
    expect(now('pinned').trust).toEqual({ pin })
    await write({ servers: [server('one', one.url, { tags: ['other'] })] })
    expect((await gateway.reload()).outcome).toBe('applied')
    expect(now('one').admission).toBe('admitted')
  })
})
