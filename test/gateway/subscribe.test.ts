// resources/subscribe of the legacy era through the gateway: one subscription per server and resource, updates to who follows it only.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deny, type HandlerAt, patch } from '../../src/plugin.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { eventually } from '../upstream/support.ts'
import { type Listening, listening } from './listening.ts'
import { connect, type Peer } from './peers.ts'
import { type Answers, type Recorder, startRecorder } from './recorder.ts'
import { LISTEN, runGateway, type Started, server } from './running.ts'

let recorder: Recorder
let gateway: Started
let judge: HandlerAt<'resource_pre_subscribe'> | undefined
let forward: HandlerAt<'notification_pre_forward'> | undefined
let refuse: boolean
const open: Listening[] = []

const SHARED = 'test://shared'

const startServer = (uris: readonly string[]) =>
  startRecorder({
    eras: 'legacy',
    capabilities: { resources: { subscribe: true, listChanged: true } },
    list: (method) =>
      ({
        'resources/list': {
          resources: [...uris, SHARED].map((uri) => ({ uri, name: uri })),
        },
        'resources/templates/list': { resourceTemplates: [] },
      })[method],
    call: (_, answers) =>
      refuse
        ? answers.error({ code: -32002, message: 'none', data: { uri: 'x' } })
        : answers.result({}),
  })

const run = (config: object = {}, url = recorder.url) =>
  runGateway({ servers: [server('rec', url), other], ...config }, [
    {
      name: 'acts',
      hooks: {
        resource_pre_subscribe: (payload, ctx) => judge?.(payload, ctx),
        notification_pre_forward: (payload, ctx) => forward?.(payload, ctx),
      },
    },
  ])

let other: object
let second: Recorder

beforeEach(async () => {
  judge = undefined
  forward = undefined
  refuse = false
  recorder = await startServer(['test://one', 'test://two'])
  second = await startServer([])
  other = server('second', second.url)
  gateway = await run()
})
afterEach(async () => {
  for (const stream of open.splice(0)) await stream.close()
  await gateway[Symbol.asyncDispose]()
  await recorder.close()
  await second.close()
})

const subscribe = (peer: Peer, uri: string) => peer.request('resources/subscribe', { uri })
const unsubscribe = (peer: Peer, uri: string) => peer.request('resources/unsubscribe', { uri })
const asked = (method: string, to = recorder) =>
  to.calls(method).map(({ message }) => message.params?.uri)
const update = (uri: string, from = recorder) =>
  from.announce({ method: 'notifications/resources/updated', params: { uri } })

async function client(): Promise<{ peer: Peer; stream: Listening }> {
  const peer = await connect('legacy', gateway.url)
  const stream = await listening(gateway.url, { headers: peer.headers })
  open.push(stream)
  return { peer, stream }
}

describe('resources/subscribe', () => {
  it('is advertised where a server tells of updates, in both eras', async () => {
    const legacy = await connect('legacy', gateway.url)
    const { response } = await legacy.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    })
    expect(response?.result?.capabilities).toEqual({
      resources: { listChanged: true, subscribe: true },
    })
  })

  it('asks the server once for however many sessions, and lets go with the last', async () => {
    const [a, b] = [await client(), await client()]
    for (const { peer } of [a, b, b])
      expect((await subscribe(peer, 'test://one')).response?.result).toEqual({})
    expect(asked('resources/subscribe')).toEqual(['test://one'])
    await unsubscribe(a.peer, 'test://one')
    expect(asked('resources/unsubscribe')).toEqual([])
    expect((await unsubscribe(b.peer, 'test://one')).response?.result).toEqual({})
    await eventually(() => expect(asked('resources/unsubscribe')).toEqual(['test://one']))
    expect((await unsubscribe(b.peer, 'test://one')).response?.result).toEqual({})
    expect(asked('resources/unsubscribe')).toEqual(['test://one'])
  })

  it('ends with the session that asked', async () => {
    const { peer } = await client()
    await subscribe(peer, 'test://one')
    await fetch(gateway.url, { method: 'DELETE', headers: peer.headers })
    await eventually(() => expect(asked('resources/unsubscribe')).toEqual(['test://one']))
  })

  it('updates go to the sessions that follow the resource, and to no other', async () => {
    const [a, b] = [await client(), await client()]
    await subscribe(a.peer, 'test://one')
    await subscribe(b.peer, 'test://two')
    update('test://one')
    update('test://one/part')
    update('test://one-more')
    update('test://two')
    await eventually(() => expect(a.stream.messages).toHaveLength(2))
    await eventually(() => expect(b.stream.messages).toHaveLength(1))
    const params = (stream: Listening) => stream.messages.map((message) => message.params)
    expect(params(a.stream)).toEqual([{ uri: 'test://one' }, { uri: 'test://one/part' }])
    expect(params(b.stream)).toEqual([{ uri: 'test://two' }])
  })

  it('a URI two servers have is asked for and told under the right name', async () => {
    const { peer, stream } = await client()
    const exposed = `portcullis://second/${SHARED}`
    await subscribe(peer, exposed)
    expect(asked('resources/subscribe', second)).toEqual([SHARED])
    expect(asked('resources/subscribe')).toEqual([])
    const seen: unknown[] = []
    forward = ({ params, server: owner }) => void seen.push([owner, params])
    update(SHARED)
    update(SHARED, second)
    await eventually(() => expect(stream.messages).toHaveLength(1))
    expect(stream.messages[0]?.params).toEqual({ uri: exposed })
    expect(seen).toEqual([['second', { uri: SHARED }]])
  })

  it('an update that a policy denies reaches nobody', async () => {
    const { peer, stream } = await client()
    await subscribe(peer, 'test://one')
    forward = ({ params }) =>
      params?.uri === 'test://one' ? deny({ code: 'NO', reason: 'no' }) : undefined
    update('test://one')
    update('test://one/part')
    await eventually(() => expect(stream.messages).toHaveLength(1))
    expect(stream.messages[0]?.params).toEqual({ uri: 'test://one/part' })
  })

  it('a denied subscription is -31001, and the server is not asked', async () => {
    const { peer } = await client()
    judge = ({ uri, server: owner }) =>
      uri === 'test://one' && owner === 'rec' ? deny({ code: 'NO', reason: 'no' }) : undefined
    const { response } = await subscribe(peer, 'test://one')
    expect(response?.error).toMatchObject({ code: -31001, data: { code: 'NO' } })
    expect(asked('resources/subscribe')).toEqual([])
  })

  it('a fault of a policy fails closed: -32603, and the server is not asked', async () => {
    const { peer } = await client()
    judge = () => {
      throw new Error('broken')
    }
    const { response } = await subscribe(peer, 'test://one')
    expect(response?.error).toMatchObject({ code: -32603, data: { code: 'PLUGIN_THREW' } })
    expect(asked('resources/subscribe')).toEqual([])
  })

  it('a patched URI is the one that is asked for, and told under the one the client knows', async () => {
    const { peer, stream } = await client()
    judge = () => patch({ uri: 'test://two' })
    await subscribe(peer, 'test://one')
    expect(asked('resources/subscribe')).toEqual(['test://two'])
    update('test://two')
    await eventually(() => expect(stream.messages).toHaveLength(1))
    expect(stream.messages[0]?.params).toEqual({ uri: 'test://one' })
  })

  it('a refusal of the server is the answer, and is asked for again next time', async () => {
    const { peer } = await client()
    refuse = true
    const { response } = await subscribe(peer, 'test://one')
    expect(response?.error).toEqual({ code: -32002, message: 'none', data: { uri: 'x' } })
    refuse = false
    expect((await subscribe(peer, 'test://one')).response?.result).toEqual({})
    expect(asked('resources/subscribe')).toHaveLength(2)
    expect(asked('resources/unsubscribe')).toEqual([])
  })

  it('an unknown resource is -32602', async () => {
    const { peer } = await client()
    const { response } = await subscribe(peer, 'unknown://thing')
    expect(response?.error?.code).toBe(-32602)
  })

  it('a session follows no more resources than limits.subscriptions', async () => {
    await using small = await run({ limits: { subscriptions: 1 } })
    const peer = await connect('legacy', small.url)
    await subscribe(peer, 'test://one')
    const { response } = await subscribe(peer, 'test://two')
    expect(response?.error).toMatchObject({ code: -32600, data: { code: 'SUBSCRIPTION_LIMIT' } })
    await unsubscribe(peer, 'test://one')
    expect((await subscribe(peer, 'test://two')).response?.result).toEqual({})
  })

  it('a session that has a connection of its own follows there, where its calls go, too', async () => {
    const { peer, stream } = await client()
    const own = await connect('legacy', gateway.url, { capabilities: { roots: {} } })
    const ownStream = await listening(gateway.url, { headers: own.headers })
    open.push(ownStream)
    await subscribe(peer, 'test://one')
    await subscribe(own, 'test://one')
    await own.request('resources/read', { uri: 'test://two' })
    const sessionOf = ({ headers }: { headers: object }) =>
      (headers as Record<string, unknown>)['mcp-session-id']
    const [shared, alone] = recorder.calls('resources/subscribe').map(sessionOf)
    expect(alone).not.toBe(shared)
    expect(sessionOf(recorder.calls('resources/read').at(-1) as { headers: object })).toBe(alone)
    // each connection tells of it, and each client hears its own
    await eventually(() => expect(recorder.streams()).toBe(2))
    update('test://one')
    await eventually(() =>
      expect([stream, ownStream].map(({ messages }) => messages.length)).toEqual([1, 1]),
    )
    await unsubscribe(own, 'test://one')
    await eventually(() =>
      expect(recorder.calls('resources/unsubscribe').map(sessionOf)).toEqual([alone]),
    )
  })

  it('in a virtual server only what it selects is followed and told', async () => {
    const virtual = { name: 'part', path: '/part', resources: ['test://one'] }
    await using running = await run({ virtual_servers: [virtual] })
    const url = running.url.replace(/\/mcp$/, '/part')
    const peer = await connect('legacy', url)
    const stream = await listening(url, { headers: peer.headers })
    open.push(stream)
    expect((await subscribe(peer, 'test://two')).response?.error?.code).toBe(-32602)
    expect((await subscribe(peer, 'test://one')).response?.result).toEqual({})
    update('test://one/hidden')
    update('test://one')
    await eventually(() => expect(stream.messages).toHaveLength(1))
    expect(stream.messages[0]?.params).toEqual({ uri: 'test://one' })
  })

  it('a reload that replaces the server takes what is followed along', async () => {
    await using directory = await temporaryDirectory()
    const write = (extra: object) =>
      directory.write(
        'gateway.yaml',
        JSON.stringify({ version: 1, ...LISTEN, servers: [server('rec', recorder.url, extra)] }),
      )
    await using running = await runGateway({}, [], { configFile: await write({}) })
    const peer = await connect('legacy', running.url)
    const stream = await listening(running.url, { headers: peer.headers })
    open.push(stream)
    await subscribe(peer, 'test://one')
    await write({ headers: { 'x-new': 'yes' } })
    expect(await running.gateway.reload()).toMatchObject({ outcome: 'applied' })
    await eventually(() =>
      expect(recorder.calls('resources/subscribe').at(-1)?.headers['x-new']).toBe('yes'),
    )
    const updates = () => stream.messages.filter(({ method }) => method?.endsWith('/updated'))
    await eventually(() => {
      update('test://one')
      expect(updates().length).toBeGreaterThan(0)
    })
  })

  it('messages that wait for a policy are bounded', async () => {
    const { peer, stream } = await client()
    await subscribe(peer, 'test://one')
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    forward = async () => void (await held)
    for (let part = 0; part < 1000; part++) update(`test://one/${part}`)
    const dropped = () => gateway.lines.filter(({ fields }) => fields.reason === 'too many waiting')
    await eventually(() => expect(dropped()).toHaveLength(1000 - 256))
    release()
    await eventually(() => expect(stream.messages).toHaveLength(256))
  })

  it('is asked for again when the server comes back', async () => {
    const { peer } = await client()
    await subscribe(peer, 'test://one')
    const { port } = recorder
    await recorder.close()
    recorder = await startRecorder({
      eras: 'legacy',
      strict: true,
      listen: { port },
      capabilities: { resources: { subscribe: true } },
      call: (_, answers: Answers) => answers.result({}),
    })
    await eventually(() => expect(asked('resources/subscribe')).toEqual(['test://one']), 8000)
  })
})
