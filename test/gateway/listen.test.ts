// subscriptions/listen of the modern era through the gateway: acknowledged first, fanned in from several servers, judged, bounded, ended with a result.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { deny, type HandlerAt, patch } from '../../src/plugin.ts'
import { modernRequest, type RpcMessage } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'
import { type Listening, listening } from './listening.ts'
import { connect } from './peers.ts'
import { type Answers, type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

const ID = 'io.modelcontextprotocol/subscriptionId'
const SHARED = 'test://shared'

interface Heard {
  readonly id: string | number | undefined
  readonly filter: Record<string, unknown>
  readonly answers: Answers
  closed: boolean
}

/** A modern server that keeps its subscriptions open; `two` is one of the legacy era. */
let one: Recorder
let two: Recorder
let heard: Heard[]
let gateway: Started
let judge: HandlerAt<'resource_pre_subscribe'> | undefined
let forward: HandlerAt<'notification_pre_forward'> | undefined
const open: Listening[] = []

const offer = (uris: readonly string[]) => (method: string) =>
  ({
    'resources/list': { resources: [...uris, SHARED].map((uri) => ({ uri, name: uri })) },
    'resources/templates/list': { resourceTemplates: [] },
    'prompts/list': { prompts: [] },
  })[method]

const capabilities = {
  tools: { listChanged: true },
  prompts: {},
  resources: { subscribe: true, listChanged: true },
}

beforeEach(async () => {
  heard = []
  judge = undefined
  forward = undefined
  one = await startRecorder({
    listens: 'by hand',
    eras: 'modern',
    capabilities,
    list: offer(['test://one', 'test://two', 'test://refused']),
    call: ({ message }, answers) => {
      if (message.method !== 'subscriptions/listen') return answers.result({ content: [] })
      const filter = message.params?.notifications as Heard['filter']
      const uris = filter.resourceSubscriptions as string[] | undefined
      const granted = uris?.filter((uri) => uri !== 'test://refused')
      const notifications = { ...filter, ...(granted ? { resourceSubscriptions: granted } : {}) }
      const params = { notifications, _meta: { [ID]: message.id } }
      answers.events([{ method: 'notifications/subscriptions/acknowledged', params }], {
        open: true,
      })
      const entry: Heard = { id: message.id, filter, answers, closed: false }
      heard.push(entry)
      void answers.closed.then(() => {
        entry.closed = true
      })
    },
  })
  two = await startRecorder({ capabilities, list: offer([]) })
  gateway = await run()
})
afterEach(async () => {
  for (const stream of open.splice(0)) await stream.close()
  await gateway[Symbol.asyncDispose]()
  await one.close()
  await two.close()
})

const run = (config: object = {}) =>
  runGateway({ servers: [server('one', one.url), server('two', two.url)], ...config }, [
    {
      name: 'acts',
      hooks: {
        resource_pre_subscribe: (payload, ctx) => judge?.(payload, ctx),
        notification_pre_forward: (payload, ctx) => forward?.(payload, ctx),
      },
    },
  ])

/** Tells on the newest subscription at the modern server. */
function tell(method: string, params: object = {}): void {
  const { answers, id } = heard.findLast(({ closed }) => !closed) as Heard
  answers.send({ method, params: { ...params, _meta: { [ID]: id } } })
}

async function listen(
  notifications: unknown,
  {
    id = 'sub',
    to = gateway,
    accept,
  }: { id?: string | number; to?: Started; accept?: string } = {},
): Promise<Listening> {
  const { body, headers } = modernRequest('subscriptions/listen', { notifications }, { id })
  const all = accept === undefined ? headers : { ...headers, accept }
  const stream = await listening(to.url, { headers: all, body })
  open.push(stream)
  await eventually(() => expect(stream.messages).not.toHaveLength(0))
  return stream
}

const methods = ({ messages }: Listening) => messages.map(({ method }) => method)
const last = ({ messages }: Listening) => messages.at(-1) as RpcMessage

describe('subscriptions/listen', () => {
  it('is advertised: changes of lists, and updates where a server tells of them', async () => {
    const { body, headers } = modernRequest('server/discover')
    const { messages } = await listening(gateway.url, { headers, body })
    await eventually(() => expect(messages).toHaveLength(1))
    expect(messages[0]?.result?.capabilities).toEqual({
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
    })
  })

  it.each(['text', 7])(
    'is acknowledged first, under the request id %s, with what is granted only',
    async (id) => {
      const stream = await listen(
        {
          toolsListChanged: true,
          promptsListChanged: false,
          resourceSubscriptions: ['test://one', 'test://unknown', 'test://refused', 'test://one'],
          x: 1,
        },
        { id },
      )
      expect(stream.headers.get('content-type')).toBe('text/event-stream')
      expect(stream.headers.get('x-accel-buffering')).toBe('no')
      expect(stream.messages).toEqual([
        {
          jsonrpc: '2.0',
          method: 'notifications/subscriptions/acknowledged',
          params: {
            notifications: { toolsListChanged: true, resourceSubscriptions: ['test://one'] },
            _meta: { [ID]: id },
          },
        },
      ])
    },
  )

  it('changes of lists come from servers of either era, each under the id, and only what was asked for', async () => {
    const stream = await listen({ toolsListChanged: true })
    const other = await listen({ resourcesListChanged: true }, { id: 'other' })
    tell('notifications/tools/list_changed')
    await eventually(() => expect(stream.messages).toHaveLength(2))
    expect(last(stream)).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/tools/list_changed',
      params: { _meta: { [ID]: 'sub' } },
    })
    two.announce({ method: 'notifications/tools/list_changed' })
    two.announce({ method: 'notifications/prompts/list_changed' })
    await eventually(() => expect(stream.messages).toHaveLength(3))
    expect(last(stream).params).toEqual({ _meta: { [ID]: 'sub' } })
    two.announce({ method: 'notifications/resources/list_changed' })
    await eventually(() => expect(other.messages).toHaveLength(2))
    expect(methods(other)[1]).toBe('notifications/resources/list_changed')
    expect(stream.messages).toHaveLength(3)
  })

  it('updates of resources come from the subscriptions of the gateway, and to who follows them only', async () => {
    const stream = await listen({ resourceSubscriptions: ['test://one'] })
    const other = await listen({ resourceSubscriptions: ['test://two'] }, { id: 'other' })
    expect(heard.at(-1)?.filter).toEqual({
      toolsListChanged: true,
      resourcesListChanged: true,
      resourceSubscriptions: ['test://one', 'test://two'],
    })
    await eventually(() => expect(heard.filter(({ closed }) => !closed)).toHaveLength(1))
    tell('notifications/resources/updated', { uri: 'test://one' })
    tell('notifications/resources/updated', { uri: 'test://two' })
    await eventually(() => expect(other.messages).toHaveLength(2))
    await eventually(() => expect(stream.messages).toHaveLength(2))
    expect(last(stream).params).toEqual({ uri: 'test://one', _meta: { [ID]: 'sub' } })
    expect(last(other).params).toEqual({ uri: 'test://two', _meta: { [ID]: 'other' } })
  })

  it('a client that goes away ends it: the gateway lets go of what only it followed', async () => {
    await listen({ resourceSubscriptions: ['test://one'] })
    const stream = await listen({ resourceSubscriptions: ['test://two'] }, { id: 'other' })
    await stream.close()
    await eventually(() =>
      expect(heard.at(-1)?.filter.resourceSubscriptions).toEqual(['test://one']),
    )
    expect(gateway.logged()).not.toContain('"failed"')
  })

  it.each([
    ['the link', 'both'],
    ['the server', 'one'],
  ])(
    'what only %s of the other era tells of is followed there, whichever era the client has',
    async (_, eras) => {
      const resources = (subscribe: boolean) => ({ resources: subscribe ? { subscribe } : {} })
      const make = (where: 'legacy' | 'modern') =>
        startRecorder({
          listens: 'by hand',
          eras: eras === 'both' ? 'both' : where,
          capabilities: (modern) => resources(modern === (where === 'modern')),
          list: offer([`test://${where}`]),
          call: ({ message }, answers) => {
            if (message.method !== 'subscriptions/listen') return answers.result({})
            const params = {
              notifications: message.params?.notifications,
              _meta: { [ID]: message.id },
            }
            const method = 'notifications/subscriptions/acknowledged'
            answers.events([{ method, params }], { open: true })
            heard.push({ id: message.id, filter: {}, answers, closed: false })
          },
        })
      await using legacy = await make('legacy')
      await using modern = await make('modern')
      await using both = await runGateway({
        servers: [server('legacy', legacy.url), server('modern', modern.url)],
      })
      const stream = await listen({ resourceSubscriptions: ['test://legacy'] }, { to: both })
      expect(legacy.calls('resources/subscribe')).toHaveLength(1)
      legacy.announce({
        method: 'notifications/resources/updated',
        params: { uri: 'test://legacy' },
      })
      await eventually(() => expect(stream.messages).toHaveLength(2))
      expect(last(stream).params).toEqual({ uri: 'test://legacy', _meta: { [ID]: 'sub' } })

      const peer = await connect('legacy', both.url)
      const session = await listening(both.url, { headers: peer.headers })
      open.push(session)
      await peer.request('resources/subscribe', { uri: 'test://modern' })
      tell('notifications/resources/updated', { uri: 'test://modern' })
      await eventually(() => expect(session.messages).toHaveLength(1))
      // the subscription of the gateway is nothing to a session
      expect(last(session).params).toEqual({ uri: 'test://modern', _meta: {} })
    },
  )

  it('is kept alive by comments', async () => {
    const soon: Clock = {
      ...systemClock,
      after: (ms, run) => systemClock.after(ms === 15_000 ? 20 : ms, run),
    }
    await using quick = await runGateway({ servers: [server('one', one.url)] }, [], { clock: soon })
    const stream = await listen({ toolsListChanged: true }, { to: quick })
    await eventually(() => expect(stream.text()).toMatch(/: keep-alive\n\n: keep-alive/))
  })

  it('ends with a result when nothing was granted', async () => {
    const stream = await listen({ resourceSubscriptions: ['test://unknown'] })
    await stream.ended
    expect(stream.messages.map(({ params, result }) => params?.notifications ?? result)).toEqual([
      {},
      {
        resultType: 'complete',
        _meta: {
          [ID]: 'sub',
          'io.modelcontextprotocol/serverInfo': expect.objectContaining({ name: 'portcullis' }),
        },
      },
    ])
  })

  it('ends with a result when the gateway drains, and none is begun after it', async () => {
    const stream = await listen({ toolsListChanged: true })
    gateway.gateway.drain()
    await stream.ended
    expect(last(stream)).toMatchObject({ id: 'sub', result: { resultType: 'complete' } })
    const late = await listen({ toolsListChanged: true })
    expect(last(late)).toMatchObject({ error: { data: { code: 'SHUTTING_DOWN' } } })
  })

  it('ends with a result when the gateway stops', async () => {
    const stopping = await run()
    const stream = await listen({ toolsListChanged: true }, { to: stopping })
    await stopping.stop()
    await stream.ended
    expect(last(stream)).toMatchObject({ id: 'sub', result: { resultType: 'complete' } })
  })

  it('is not begun when a policy refuses the response', async () => {
    const no: CodeEntry = {
      name: 'no',
      hooks: {
        http_post_request: ({ headers }) =>
          headers['content-type'] === 'text/event-stream'
            ? deny({ code: 'NO', reason: 'no' })
            : undefined,
      },
    }
    await using refusing = await runGateway(
      { servers: [server('one', one.url)], limits: { listens_per_principal: 1 } },
      [no],
    )
    for (const _ of ['first', 'again']) {
      const stream = await listen({ toolsListChanged: true }, { to: refusing })
      expect(stream.status).toBe(403)
      expect(stream.messages).toMatchObject([{ error: { code: -31001 } }])
    }
  })

  it('a reload does not wait for it, and what comes after passes the points of the new generation', async () => {
    const stream = await listen({ toolsListChanged: true })
    const { runtime } = gateway.gateway.state()
    await runtime.drained()
    const generations: number[] = []
    forward = (_, { generation }) => void generations.push(generation)
    tell('notifications/tools/list_changed')
    await eventually(() => expect(stream.messages).toHaveLength(2))
    expect(generations).toEqual([runtime.generation.id])
  })

  it('its filter passes resource_pre_subscribe once, and each resource once more under its own name', async () => {
    const seen: unknown[] = []
    judge = (payload, ctx) => void seen.push([payload, ctx.server?.name])
    const shared = `portcullis://one/${SHARED}`
    const filter = { toolsListChanged: true, resourceSubscriptions: ['test://one', shared] }
    const stream = await listen(filter)
    expect(seen).toEqual([
      [{ filter }, undefined],
      [{ server: 'one', uri: 'test://one' }, 'one'],
      [{ server: 'one', uri: SHARED }, 'one'],
    ])
    expect(last(stream).params?.notifications).toEqual(filter)
    tell('notifications/resources/updated', { uri: SHARED })
    await eventually(() => expect(stream.messages).toHaveLength(2))
    expect(last(stream).params?.uri).toBe(shared)
  })

  it.each([
    ['filter', (payload: { filter?: unknown }) => payload.filter !== undefined],
    ['one of its resources', (payload: { uri?: unknown }) => payload.uri === 'test://one'],
  ])('a denial of its %s is -31001, and nothing is subscribed to', async (_, matches) => {
    judge = (payload) => (matches(payload) ? deny({ code: 'NO', reason: 'no' }) : undefined)
    const stream = await listen({ resourceSubscriptions: ['test://two', 'test://one'] })
    expect(stream.messages).toMatchObject([
      { id: 'sub', error: { code: -31001, data: { code: 'NO' } } },
    ])
    expect(heard.flatMap(({ filter }) => filter.resourceSubscriptions ?? [])).toEqual([])
  })

  it('a fault of a policy fails closed: -32603, and nothing is told', async () => {
    judge = () => {
      throw new Error('broken')
    }
    const stream = await listen({ toolsListChanged: true })
    expect(stream.messages).toMatchObject([{ id: 'sub', error: { code: -32603 } }])
  })

  it('a subscription that its server ends is asked for again, with its resources', async () => {
    const stream = await listen({ resourceSubscriptions: ['test://one'] })
    const { filter, answers } = heard.at(-1) as Heard
    const before = heard.length
    answers.destroy()
    await eventually(() => expect(heard.length).toBe(before + 1), 8000)
    expect(heard.at(-1)?.filter).toEqual(filter)
    tell('notifications/resources/updated', { uri: 'test://one' })
    await eventually(() => expect(stream.messages).toHaveLength(2))
  })

  it('a patched filter is what is granted', async () => {
    judge = ({ filter }) => (filter ? patch({ filter: { resourcesListChanged: true } }) : undefined)
    const stream = await listen({ toolsListChanged: true })
    expect(last(stream).params?.notifications).toEqual({ resourcesListChanged: true })
  })

  it('a message that a policy denies is not told, and a patched one keeps its id', async () => {
    const stream = await listen({ toolsListChanged: true, resourcesListChanged: true })
    forward = ({ method }) =>
      method === 'notifications/tools/list_changed'
        ? deny({ code: 'NO', reason: 'no' })
        : patch({ params: { added: true } })
    tell('notifications/tools/list_changed')
    tell('notifications/resources/list_changed')
    await eventually(() => expect(stream.messages).toHaveLength(2))
    expect(last(stream).params).toEqual({ added: true, _meta: { [ID]: 'sub' } })
  })

  it('is over when a policy withholds the acknowledgement', async () => {
    forward = () => deny({ code: 'NO', reason: 'no' })
    const stream = await listen({ toolsListChanged: true })
    expect(stream.messages).toMatchObject([{ id: 'sub', error: { code: -31001 } }])
  })

  it.each([
    [undefined],
    ['all'],
    [{ toolsListChanged: 'yes' }],
    [{ resourceSubscriptions: 'test://one' }],
    [{ resourceSubscriptions: [1] }],
  ])('a filter %j is -32602', async (filter) => {
    expect(last(await listen(filter))).toMatchObject({ error: { code: -32602 } })
  })

  it('is bounded in resources and per principal', async () => {
    await using small = await run({ limits: { subscriptions: 1, listens_per_principal: 1 } })
    const many = { resourceSubscriptions: ['test://one', 'test://two'] }
    const limit = { error: { code: -32600, data: { code: 'SUBSCRIPTION_LIMIT' } } }
    expect(last(await listen(many, { to: small }))).toMatchObject(limit)
    const first = await listen({ toolsListChanged: true }, { to: small })
    expect(last(await listen({ toolsListChanged: true }, { to: small }))).toMatchObject(limit)
    await first.close()
    await eventually(async () => {
      const next = await listen({ toolsListChanged: true }, { to: small })
      expect(last(next).method).toBe('notifications/subscriptions/acknowledged')
    })
  })

  it('needs a client that takes event streams', async () => {
    const stream = await listen({ toolsListChanged: true }, { accept: 'application/json' })
    expect(last(stream)).toMatchObject({ error: { data: { code: 'WIRE_NOT_ACCEPTABLE' } } })
  })
})
