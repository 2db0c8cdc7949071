// The points of streams towards clients: when they fire, on which streams, what each verdict does in both eras, and what is held meanwhile.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deny, type Hooks, patch } from '../../src/plugin.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { modernRequest, rpc } from '../support/rpc.ts'
import { type Events, openEvents, until } from './events.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { type Answers, type Received, type Recorder, startRecorder } from './recorder.ts'
import {
  type CodeEntry,
  LISTEN,
  pluginsSection,
  runGateway,
  type Started,
  server,
} from './running.ts'

type Era = Peer['era']

let recorder: Recorder
let gateway: Started | undefined
let calls: { received: Received; answers: Answers }[]

beforeEach(async () => {
  calls = []
  directory = await temporaryDirectory()
  recorder = await startRecorder({
    tools: ['work'],
    capabilities: { tools: { listChanged: true }, prompts: {}, resources: {} },
    call(received, answers) {
      if (received.message.method === 'tools/call') calls.push({ received, answers })
    },
  })
})
afterEach(async () => {
  await gateway?.stop({ now: true })
  gateway = undefined
  await recorder.close()
  await directory[Symbol.asyncDispose]()
})

let directory: TemporaryDirectory
let configuration: Record<string, unknown> & { readonly limits?: object }

async function start(hooks: Hooks, config: object = {}, more: Partial<CodeEntry> = {}) {
  const entries = [{ name: 'mine', hooks, ...more }]
  const servers = [server('rec', recorder.url)]
  configuration = { version: 1, ...LISTEN, ...pluginsSection(entries), servers, ...config }
  const configFile = await directory.write('gateway.yaml', JSON.stringify(configuration))
  gateway = await runGateway({}, entries, { configFile })
  // the server is spoken to in both eras before anything is counted: its coming up is announced, too
  await connect('legacy', gateway.url)
  await until(() => recorder.streams() > 0)
  return gateway
}

async function reload(running: Started): Promise<void> {
  // nothing that is announced to clients
  const limits = { ...configuration.limits, body: '3MiB' }
  const changed = { ...configuration, limits }
  await directory.write('gateway.yaml', JSON.stringify(changed))
  const { outcome, reason } = await running.gateway.reload()
  if (outcome !== 'applied') throw new Error(`the reload was ${outcome}: ${reason}`)
}

const no = (code = 'NO') => deny({ code, reason: 'not this' })

function asked(peer: Peer, method: string, params: Record<string, unknown>, accept?: string) {
  const body = { jsonrpc: '2.0', id: 1, method, params }
  const made = peer.era === 'modern' ? modernRequest(method, params) : { body, headers: {} }
  const headers = { ...peer.headers, ...made.headers }
  return openEvents(peer.url, { headers, body: made.body, ...(accept ? { accept } : {}) })
}

const work = (peer: Peer, accept?: string) =>
  asked(peer, 'tools/call', { name: 'rec__work', _meta: { progressToken: 'p' } }, accept)

async function called(): Promise<(typeof calls)[number]> {
  await until(() => calls.length > 0)
  return calls.shift() as (typeof calls)[number]
}

const progress = ({ received }: (typeof calls)[number], step: number, message = '') => {
  const { progressToken } = (received.message.params?._meta ?? {}) as { progressToken?: number }
  return { method: 'notifications/progress', params: { progressToken, progress: step, message } }
}
const result = ({ received }: (typeof calls)[number], text = 'done', more: object = {}) => ({
  id: received.message.id,
  result: { content: [{ type: 'text', text }], resultType: 'complete' },
  ...more,
})

/** A call with these steps before its answer. */
async function run(peer: Peer, steps = 1): Promise<Events> {
  const pending = work(peer)
  const at = await called()
  const before = Array.from({ length: steps }, (_, step) => progress(at, step + 1))
  at.answers.events([...before, result(at)])
  const stream = await pending
  await stream.ended
  return stream
}

interface Fired {
  readonly point: string
  readonly channel: string
  readonly method: string
  readonly message: unknown
  readonly generation: number
}

/** Tells what fired, in order. */
function recording(fired: Fired[], hooks: Hooks = {}): Hooks {
  const points = [
    'stream_pre_open',
    'stream_pre_update',
    'stream_message',
    'stream_pre_close',
    'notification_pre_forward',
  ] as const
  return Object.fromEntries(
    points.map((point) => [
      point,
      (
        payload: { channel?: string; message?: { method?: string; result?: unknown } },
        ctx: { generation: number; method: string },
      ) => {
        const message = payload.message && (payload.message.method ?? 'answer')
        fired.push({
          point,
          channel: payload.channel ?? '',
          method: ctx.method,
          message,
          generation: ctx.generation,
        })
        return (hooks[point] as ((...all: unknown[]) => unknown) | undefined)?.(payload, ctx)
      },
    ]),
  ) as Hooks
}
const inShort = (fired: readonly Fired[]) =>
  fired.map(({ point, message }) => (message ? `${point} ${String(message)}` : point))

describe.each(ERAS)('in the %s era', (era: Era) => {
  it('fires once at the opening and the end of a POST’s stream, and on each message after its own point', async () => {
    const fired: Fired[] = []
    const { url } = await start(recording(fired))
    const peer = await connect(era, url)
    fired.length = 0
    const stream = await run(peer, 2)
    await until(() => fired.some(({ point }) => point === 'stream_pre_close'))
    expect(stream.messages().length).toBe(3)
    expect(inShort(fired)).toEqual([
      'notification_pre_forward',
      'stream_pre_open',
      'stream_message notifications/progress',
      'notification_pre_forward',
      'stream_message notifications/progress',
      'stream_message answer',
      'stream_pre_close',
    ])
    const streams = fired.filter(({ point }) => point.startsWith('stream'))
    expect(new Set(streams.map(({ channel }) => channel))).toEqual(new Set(['post']))
  })

  it('does not fire for an answer that is JSON', async () => {
    const fired: Fired[] = []
    const { url } = await start(recording(fired))
    const peer = await connect(era, url)
    expect((await peer.request('tools/list')).response?.result).toBeDefined()
    expect(inShort(fired).filter((point) => point.startsWith('stream'))).toEqual([])
  })

  it('a veto at stream_pre_open of a client that takes nothing else is 403 with the id of the request, and nothing is sent', async () => {
    const fired: Fired[] = []
    const { url } = await start(recording(fired, { stream_pre_open: () => no('NO_STREAM') }))
    const peer = await connect(era, url)
    fired.length = 0
    const answer = await asked(peer, 'tools/list', {}, 'text/event-stream')
    await answer.ended
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.text())).toMatchObject({
      id: 1,
      error: { code: -31001, data: { code: 'NO_STREAM', reason: 'not this' } },
    })
    expect(inShort(fired)).toEqual(['stream_pre_open'])
  })

  it('a veto at stream_pre_open of a call under way refuses the call, and gives it up at the server', async () => {
    const { url } = await start({ stream_pre_open: () => no('NO_STREAM') })
    const peer = await connect(era, url)
    const pending = work(peer)
    const at = await called()
    at.answers.events([progress(at, 1)], { open: true })
    const answer = await pending
    await answer.ended
    expect([answer.status, JSON.parse(answer.text()).error.data.code]).toEqual([403, 'NO_STREAM'])
    if (era === 'modern') await at.answers.closed
    else await until(() => recorder.calls('notifications/cancelled').length === 1)
    await gateway?.observed()
  })

  it('a fault at stream_pre_open fails closed', async () => {
    const { url } = await start({
      stream_pre_open() {
        throw new Error('broken')
      },
    })
    const answer = await asked(await connect(era, url), 'tools/list', {}, 'text/event-stream')
    await answer.ended
    expect([answer.status, JSON.parse(answer.text()).error]).toMatchObject([
      500,
      { code: -32603, data: { code: 'PLUGIN_THREW' } },
    ])
  })

  it('a message that stream_message denies is dropped, the others come in their order', async () => {
    const { url } = await start({
      stream_message: ({ message }) => (message?.params?.progress === 2 ? no() : undefined),
    })
    const stream = await run(await connect(era, url), 3)
    expect(stream.messages().map(({ params }) => params?.progress)).toEqual([1, 3, undefined])
  })

  it('a denied answer becomes the denial of its request: that of a tool, or an error', async () => {
    const { url } = await start({
      stream_message: ({ message }) => (message?.method === undefined ? no('SECRET') : undefined),
    })
    const peer = await connect(era, url)
    const stream = await run(peer, 1)
    expect(stream.text()).not.toContain('"done"')
    expect(stream.messages().at(-1)).toMatchObject({
      id: 1,
      result: { isError: true, _meta: { 'portcullis/violation': { code: 'SECRET' } } },
    })
    expect(JSON.stringify(stream.messages().at(-1))).toContain('its result is withheld')
    const list = await asked(peer, 'tools/list', {}, 'text/event-stream')
    await list.ended
    expect(list.messages()).toMatchObject([
      { id: 1, error: { code: -31001, data: { code: 'SECRET' } } },
    ])
  })

  it('a fault at stream_message fails closed: a notification is dropped, an answer is -32603', async () => {
    const { url } = await start({
      stream_message() {
        throw new Error('broken')
      },
    })
    const stream = await run(await connect(era, url), 2)
    expect(stream.messages()).toMatchObject([
      { id: 1, error: { code: -32603, data: { code: 'PLUGIN_THREW' } } },
    ])
  })

  it('a patch at stream_message of message is what the client gets', async () => {
    const { url } = await start({
      stream_message: ({ message }) =>
        message?.method
          ? patch({ message: { ...message, params: { ...message.params, message: 'changed' } } })
          : patch({ message: { ...message, result: { ...message?.result, content: [] } } }),
    })
    const stream = await run(await connect(era, url), 1)
    expect(stream.messages()).toMatchObject([
      { method: 'notifications/progress', params: { progressToken: 'p', message: 'changed' } },
      { id: 1, result: { content: [] } },
    ])
  })

  it.each([
    ['the id', { id: 2 }],
    ['the method', { method: 'notifications/message' }],
    ['both result and error', { error: { code: 1, message: 'no' } }],
  ])('a patch of %s is a fault, and the message does not cross', async (_what, change) => {
    const { url } = await start({
      stream_message: ({ message }) => patch({ message: { ...message, ...change } }),
    })
    const stream = await asked(await connect(era, url), 'tools/list', {}, 'text/event-stream')
    await stream.ended
    expect(stream.messages()).toMatchObject([
      { id: 1, error: { code: -32603, data: { code: 'PLUGIN_PATCH_INVALID' } } },
    ])
  })

  it('members no policy is shown do not cross where one looks', async () => {
    const { url } = await start({ stream_message() {} })
    const peer = await connect(era, url)
    const pending = work(peer)
    const at = await called()
    at.answers.events([{ ...progress(at, 1), smuggled: 1 }, result(at, 'done', { smuggled: 2 })])
    const stream = await pending
    await stream.ended
    expect(stream.messages().length).toBe(2)
    expect(stream.text()).not.toContain('smuggled')
  })

  it('holds what follows while a policy decides, in order', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { url } = await start({
      async stream_message({ message }) {
        if (message?.params?.progress === 1) await held
      },
    })
    const pending = work(await connect(era, url))
    const at = await called()
    at.answers.events([progress(at, 1), progress(at, 2), result(at)])
    const stream = await pending
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(stream.messages()).toEqual([])
    release()
    await stream.ended
    expect(stream.messages().map(({ params }) => params?.progress)).toEqual([1, 2, undefined])
  })

  it('more than limits.holdback held is let through by nobody: the request fails, and is given up at the server', async () => {
    const never = new Promise<undefined>(() => {})
    const { url } = await start({ stream_message: () => never }, { limits: { holdback: '4KiB' } })
    const pending = work(await connect(era, url))
    const at = await called()
    const large = 'x'.repeat(1500)
    at.answers.events([progress(at, 1, large), progress(at, 2, large), progress(at, 3, large)], {
      open: true,
    })
    const stream = await pending
    await stream.ended
    expect(stream.text()).not.toContain('xxx')
    expect(stream.messages()).toMatchObject([
      { id: 1, error: { code: -32603, data: { code: 'STREAM_HOLDBACK' } } },
    ])
    if (era === 'modern') await at.answers.closed
    else await until(() => recorder.calls('notifications/cancelled').length === 1)
  })

  it('a single message above limits.holdback that a policy takes its time for is not let through', async () => {
    const { url } = await start(
      { stream_message: () => new Promise((resolve) => setTimeout(resolve, 20)) },
      { limits: { holdback: '4KiB' } },
    )
    const pending = work(await connect(era, url))
    const at = await called()
    at.answers.events([progress(at, 1), result(at, 'x'.repeat(8000))])
    const stream = await pending
    await stream.ended
    expect(stream.text()).not.toContain('xxx')
    expect(stream.messages().at(-1)).toMatchObject({
      id: 1,
      error: { data: { code: 'STREAM_HOLDBACK' } },
    })
  })

  it('where no policy decides nothing is held, whatever its size', async () => {
    const { url } = await start({ tool_pre_invoke() {} }, { limits: { holdback: '1KiB' } })
    const pending = work(await connect(era, url))
    const at = await called()
    at.answers.events([progress(at, 1, 'x'.repeat(5000)), result(at, 'y'.repeat(5000))])
    const stream = await pending
    await stream.ended
    expect(stream.messages().length).toBe(2)
  })

  it('after a reload an open stream passes stream_pre_update before its next message, and those after it the new generation', async () => {
    const fired: Fired[] = []
    const first = await start(recording(fired))
    const peer = await connect(era, first.url)
    const pending = work(peer)
    const at = await called()
    at.answers.events([progress(at, 1)], { open: true })
    const stream = await pending
    await until(() => stream.messages().length === 1)
    const before = first.gateway.state().runtime.generation.id
    expect(before).toBe(fired.at(-1)?.generation)
    await reload(first)
    at.answers.events([progress(at, 2), result(at)])
    await stream.ended
    await until(() => fired.at(-1)?.point === 'stream_pre_close')
    const after = fired.slice(fired.findIndex(({ point }) => point === 'stream_pre_update'))
    expect(inShort(after).filter((each) => each.startsWith('stream'))).toEqual([
      'stream_pre_update',
      'stream_message notifications/progress',
      'stream_message answer',
      'stream_pre_close',
    ])
    const streams = after.filter(({ point }) => point.startsWith('stream'))
    expect(new Set(streams.map(({ generation }) => generation))).toEqual(
      new Set([first.gateway.state().runtime.generation.id]),
    )
    expect(first.gateway.state().runtime.generation.id).toBeGreaterThan(before)
  })

  it('a veto at stream_pre_update closes the stream: its request is denied and given up', async () => {
    const first = await start({ stream_pre_update: () => no('NO_MORE'), stream_message() {} })
    const peer = await connect(era, first.url)
    const pending = work(peer)
    const at = await called()
    at.answers.events([progress(at, 1)], { open: true })
    const stream = await pending
    await until(() => stream.messages().length === 1)
    await reload(first)
    await stream.ended
    expect(stream.messages().at(-1)).toMatchObject({
      id: 1,
      result: { isError: true, _meta: { 'portcullis/violation': { code: 'NO_MORE' } } },
    })
    if (era === 'modern') await at.answers.closed
    else await until(() => recorder.calls('notifications/cancelled').length === 1)
  })

  it('a veto at stream_pre_close holds nothing open', async () => {
    let closed = 0
    const { url } = await start({
      stream_pre_close() {
        closed++
        return no()
      },
    })
    const stream = await run(await connect(era, url))
    expect(await stream.ended).toBe('ended')
    expect(stream.messages().length).toBe(2)
    await until(() => closed === 1)
  })
})

describe('the stream of a session', () => {
  const listen = (peer: Peer, more: Record<string, string> = {}) =>
    openEvents(peer.url, { headers: { ...peer.headers, ...more } })
  const primed = (stream: Events) => until(() => stream.events.length > 0)
  const CHANGED = 'notifications/tools/list_changed'

  it('fires once at its opening, on each message after its own point, and once at its end', async () => {
    const fired: Fired[] = []
    const { url } = await start(recording(fired))
    const peer = await connect('legacy', url)
    fired.length = 0
    const stream = await listen(peer)
    await primed(stream)
    recorder.announce({ method: CHANGED })
    await until(() => stream.messages().length === 1)
    await rpc(url, '', peer.headers, { method: 'DELETE' })
    expect(await stream.ended).toBe('ended')
    expect(inShort(fired)).toEqual([
      'stream_pre_open',
      'notification_pre_forward',
      `stream_message ${CHANGED}`,
      'stream_pre_close',
    ])
    expect(fired.at(0)?.channel).toBe('get')
  })

  it('belongs to its session, whose client and labels its policies go by', async () => {
    const fired: unknown[] = []
    const sees: Hooks = {
      stream_pre_open: (_, ctx) => void fired.push([ctx.client?.name, [...ctx.labels]]),
      stream_message: () => no(),
      session_pre_open: (_, ctx) => ctx.addLabel('known', 'session'),
    }
    const more = { conditions: [{ agents: ['portcullis-test'] }] }
    const peer = await connect('legacy', (await start(sees, {}, { more })).url)
    const stream = await listen(peer)
    await primed(stream)
    expect(fired).toEqual([['portcullis-test', ['known']]])
    recorder.announce({ method: CHANGED })
    await until(() => gateway?.lines.some(({ fields }) => fields.reason === 'policy') ?? false)
    expect(stream.messages()).toEqual([])
  })

  it('that stream_pre_open refuses is 403, and takes no place', async () => {
    const { url } = await start(
      { stream_pre_open: () => deny({ code: 'NO', reason: 'no', httpStatus: 451 }) },
      { limits: { streams_per_session: 1 } },
    )
    const peer = await connect('legacy', url)
    for (const _ of ['once', 'twice']) {
      const stream = await listen(peer)
      await stream.ended
      expect(stream.status).toBe(451)
      expect(JSON.parse(stream.text())).toMatchObject({
        error: { code: -31001, data: { code: 'NO' } },
      })
    }
  })

  it('loses a message that is denied, and no other', async () => {
    const { url } = await start({
      stream_message: ({ message }) => (message?.method === CHANGED ? no() : undefined),
    })
    const stream = await listen(await connect('legacy', url))
    await primed(stream)
    recorder.announce({ method: CHANGED })
    recorder.announce({ method: 'notifications/prompts/list_changed' })
    await until(() => stream.messages().length === 1)
    expect(stream.messages()[0]?.method).toBe('notifications/prompts/list_changed')
  })

  it('is judged by a generation that comes into force, also while nothing is said on it; a veto closes it for good', async () => {
    let refused = false
    const fired: Fired[] = []
    const running = await start(
      recording(fired, { stream_pre_update: () => (refused ? no() : undefined) }),
    )
    const peer = await connect('legacy', running.url)
    const stream = await listen(peer)
    await primed(stream)
    await reload(running)
    await until(() => inShort(fired).includes('stream_pre_update'))
    recorder.announce({ method: CHANGED })
    await until(() => stream.messages().length === 1)
    refused = true
    configuration = { ...configuration, limits: { drain: '1s' } }
    await reload(running)
    expect(await stream.ended).toBe('ended')
    expect((await listen(peer, { 'last-event-id': stream.events[0]?.id ?? '' })).status).toBe(410)
    await until(() => fired.at(-1)?.point === 'stream_pre_close')
    expect(inShort(fired).filter((point) => point === 'stream_pre_close').length).toBe(1)
  })

  it('that is taken up again passes stream_pre_update; what is sent anew does not pass stream_message twice', async () => {
    const fired: Fired[] = []
    const { url } = await start(recording(fired))
    const peer = await connect('legacy', url)
    const stream = await listen(peer)
    await primed(stream)
    stream.leave()
    await new Promise((resolve) => setTimeout(resolve, 30))
    recorder.announce({ method: CHANGED })
    await until(() => inShort(fired).includes(`stream_message ${CHANGED}`))
    fired.length = 0
    const again = await listen(peer, { 'last-event-id': stream.events[0]?.id ?? '' })
    await until(() => again.messages().length === 1)
    expect(inShort(fired)).toEqual(['stream_pre_update'])
  })

  it('a veto at stream_pre_update of a client that takes a stream up is 403, and the stream is gone', async () => {
    const fired: Fired[] = []
    const { url } = await start(recording(fired, { stream_pre_update: () => no('NOT_AGAIN') }))
    const peer = await connect('legacy', url)
    const stream = await listen(peer)
    await primed(stream)
    stream.leave()
    await new Promise((resolve) => setTimeout(resolve, 30))
    const again = await listen(peer, { 'last-event-id': stream.events[0]?.id ?? '' })
    await again.ended
    expect([again.status, JSON.parse(again.text()).error.data.code]).toEqual([403, 'NOT_AGAIN'])
    expect((await listen(peer, { 'last-event-id': stream.events[0]?.id ?? '' })).status).toBe(410)
    expect(inShort(fired).filter((point) => point === 'stream_pre_close').length).toBe(1)
  })

  it('a veto at stream_pre_close forgets what was kept of a stream that could be taken up', async () => {
    const { url } = await start({ stream_pre_close: () => no() })
    const peer = await connect('legacy', url)
    const stream = await run(peer)
    const again = await listen(peer, { 'last-event-id': stream.events[0]?.id ?? '' })
    expect(again.status).toBe(410)
  })
})

describe('a client of the modern era that leaves', () => {
  it('has its call given up, and its stream closed once; nothing is sent after', async () => {
    const fired: Fired[] = []
    const { url } = await start(recording(fired))
    const pending = work(await connect('modern', url))
    const at = await called()
    at.answers.events([progress(at, 1)], { open: true })
    const stream = await pending
    await until(() => stream.messages().length === 1)
    fired.length = 0
    stream.leave()
    await at.answers.closed
    await until(() => fired.length > 0)
    expect(inShort(fired)).toEqual(['stream_pre_close'])
  })
})

it.each(['/mcp', '/part'])(
  'a session at %s that is refused its stream at initialize is ended: its client was not told of it',
  async (path) => {
    const closed: unknown[] = []
    const hooks: Hooks = {
      stream_pre_open: () => no(),
      session_post_close: ({ cause }) => void closed.push(cause),
    }
    const virtual_servers = [{ name: 'part', path: '/part', tools: ['*'] }]
    const { url, gateway: own } = await start(hooks, { virtual_servers })
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    }
    const body = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
    const answer = await rpc(new URL(path, url).href, body, { accept: 'text/event-stream' })
    expect([answer.status, answer.headers.get('mcp-session-id')]).toEqual([403, null])
    await own.engine.observers.idle()
    expect(closed).toEqual(['refused'])
  },
)
