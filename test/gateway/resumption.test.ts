// Streams of the legacy era taken up again (2025-11-25 transports#resumability-and-redelivery, SEP-1699): by GET, without a gap, no other stream.

import { afterEach, describe, expect, it } from 'vitest'
import { startFixture } from '../support/fixture.ts'
import { type RpcMessage, rpc } from '../support/rpc.ts'
import { type Events, openEvents, until } from './events.ts'
import { heldCalls } from './held-calls.ts'
import { connect, type Peer } from './peers.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

let gateway: Started
let peer: Peer

const held = heldCalls()
afterEach(() => gateway?.stop({ now: true }))

async function start(config: object = {}, entries: readonly CodeEntry[] = []): Promise<void> {
  gateway = await runGateway({ servers: [server('rec', held.recorder.url)], ...config }, entries)
  peer = await connect('legacy', gateway.url)
}

const callBody = (id: number) => ({
  jsonrpc: '2.0', id, method: 'tools/call',
  params: { name: 'rec__work', arguments: {}, _meta: { progressToken: id } },
}) // biome-ignore format: one message

const progress = ({ received }: (typeof held.calls)[number], step: number) => {
  const { progressToken } = (received.message.params?._meta ?? {}) as { progressToken?: number }
  return { method: 'notifications/progress', params: { progressToken, progress: step } }
}
const result = ({ received }: (typeof held.calls)[number], text: string) => ({
  id: received.message.id,
  result: { content: [{ type: 'text', text }] },
})

const resume = (id: string | undefined, headers = peer.headers) =>
  openEvents(gateway.url, { headers: { ...headers, 'last-event-id': id ?? '' } })
const listen = () => openEvents(gateway.url, { headers: peer.headers })
const steps = (messages: readonly RpcMessage[]) =>
  messages.map(({ params, result: end }) => params?.progress ?? (end ? 'result' : undefined))

/** A call whose stream is open after one step; the call itself goes on. */
async function streaming(id = 1): Promise<{ stream: Events; at: (typeof held.calls)[number] }> {
  const pending = openEvents(gateway.url, { headers: peer.headers, body: callBody(id) })
  const before = held.calls.length
  await until(() => held.calls.length > before)
  const at = held.calls.at(-1) as (typeof held.calls)[number]
  at.answers.events([progress(at, 1)], { open: true })
  const stream = await pending
  await until(() => stream.messages().length === 1)
  return { stream, at }
}

describe('a stream of 2025-11-25', () => {
  it('begins with an empty event that has an id and says when to come back, POST and GET alike', async () => {
    await start()
    const { stream } = await streaming()
    const standing = await listen()
    await until(() => standing.events.length === 1)
    for (const { events, retry } of [stream, standing]) {
      expect(events[0]).toEqual({ id: expect.any(String), data: '' })
      expect(retry).toBe(1000)
    }
  })

  it('gives each event an id that no other stream of the session has', async () => {
    await start()
    const one = await streaming(1)
    const two = await streaming(2)
    const standing = await listen()
    await until(() => standing.events.length === 1)
    const ids = [one.stream, two.stream, standing].flatMap(({ events }) =>
      events.map(({ id }) => id),
    )
    expect(ids).not.toContain(undefined)
    expect(new Set(ids).size).toBe(5)
  })
})

it.each(['2025-06-18', '2025-03-26'])(
  'a client of %s, which may choke on an empty event, gets none; its events have ids all the same',
  async (version) => {
    await start()
    const params = {
      protocolVersion: version,
      capabilities: {},
      clientInfo: { name: 'old', version: '1' },
    }
    const opened = await rpc(gateway.url, { jsonrpc: '2.0', id: 0, method: 'initialize', params })
    const session = opened.headers.get('mcp-session-id') ?? ''
    peer = { ...peer, headers: { 'mcp-session-id': session, 'mcp-protocol-version': version } }
    const { stream } = await streaming()
    expect(stream.events).toEqual([
      { id: expect.any(String), data: expect.stringContaining('progress') },
    ])
    expect(stream.retry).toBeUndefined()
    const standing = await listen()
    await until(() => standing.comments.length === 1)
    expect(standing.events).toEqual([])
  },
)

describe('a call whose connection broke', () => {
  it('goes on, and its stream is taken up after the last event, live to the end', async () => {
    await start()
    const { stream, at } = await streaming()
    stream.leave()
    at.answers.events([progress(at, 2)], { open: true })
    const again = await resume(stream.events.at(-1)?.id)
    expect(again.status).toBe(200)
    await until(() => again.messages().length === 1)
    at.answers.events([progress(at, 3), result(at, 'done')])
    expect(await again.ended).toBe('ended')
    expect(steps(again.messages())).toEqual([2, 3, 'result'])
    expect(again.messages().at(-1)?.id).toBe(1)
    expect(held.recorder.calls('notifications/cancelled')).toEqual([])
  })

  it('has its answer wait until the client comes back', async () => {
    await start()
    const { stream, at } = await streaming()
    const [first] = stream.events
    stream.leave()
    at.answers.events([result(at, 'done')])
    await new Promise((resolve) => setTimeout(resolve, 50))
    const again = await resume(first?.id)
    expect(await again.ended).toBe('ended')
    expect(steps(again.messages())).toEqual([1, 'result'])
  })

  it('can be read to its end again by a client that lost the last of it', async () => {
    await start()
    const { stream, at } = await streaming()
    at.answers.events([result(at, 'done')])
    expect(await stream.ended).toBe('ended')
    const again = await resume(stream.events[1]?.id)
    expect(await again.ended).toBe('ended')
    expect(again.events).toEqual(stream.events.slice(2))
  })

  it('is taken from a connection that is only half dead', async () => {
    await start()
    const { stream, at } = await streaming()
    const again = await resume(stream.events.at(-1)?.id)
    expect(await stream.ended).toBe('ended')
    at.answers.events([result(at, 'done')])
    await again.ended
    expect(steps(again.messages())).toEqual(['result'])
    expect(steps(stream.messages())).toEqual([1])
  })
})

it('a stream that is taken up gets what was its own, and nothing of another', async () => {
  await start()
  const one = await streaming(1)
  const two = await streaming(2)
  one.stream.leave()
  two.stream.leave()
  two.at.answers.events([progress(two.at, 22), result(two.at, 'two')])
  one.at.answers.events([progress(one.at, 11), result(one.at, 'one')])
  const again = await resume(one.stream.events[0]?.id)
  await again.ended
  expect(steps(again.messages())).toEqual([1, 11, 'result'])
  expect(again.text()).not.toContain('"two"')
})

it('the stream of a session gets what was announced while its client was away, once, and goes on', async () => {
  await start()
  const standing = await listen()
  await until(() => standing.events.length === 1)
  standing.leave()
  await new Promise((resolve) => setTimeout(resolve, 30))
  held.recorder.announce({ method: 'notifications/tools/list_changed' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const again = await resume(standing.events[0]?.id)
  await until(() => again.messages().length === 1)
  held.recorder.announce({ method: 'notifications/prompts/list_changed' })
  await until(() => again.messages().length === 2)
  expect(again.messages().map(({ method }) => method)).toEqual([
    'notifications/tools/list_changed',
    'notifications/prompts/list_changed',
  ])
})

describe('Last-Event-ID', () => {
  const refused = async (id: string, headers = peer.headers) => {
    const answer = await rpc(
      gateway.url,
      '',
      { ...headers, accept: 'text/event-stream', 'last-event-id': id },
      { method: 'GET' },
    )
    return [answer.status, answer.response?.error?.data?.code]
  }

  it.each(['', 'x', '1', '__proto__', 'a.1.1', '0.0.0', '%00', `${'9'.repeat(400)}`])(
    'that is no id of ours (%s) is refused, and opens no stream',
    async (id) => {
      await start()
      await streaming()
      expect(await refused(id)).toEqual([400, 'STREAM_EVENT_UNKNOWN'])
    },
  )

  it('of another session, even of the same client, is refused', async () => {
    await start()
    const { stream } = await streaming()
    const other = await connect('legacy', gateway.url)
    const id = stream.events.at(-1)?.id ?? ''
    expect(await refused(id, other.headers)).toEqual([400, 'STREAM_EVENT_UNKNOWN'])
  })

  it('of an event or a stream that was never sent is refused', async () => {
    await start()
    const { stream } = await streaming()
    const [tag] = (stream.events[0]?.id ?? '').split('.')
    expect(await refused(`${tag}.1.99`)).toEqual([400, 'STREAM_EVENT_UNKNOWN'])
    expect(await refused(`${tag}.99.1`)).toEqual([400, 'STREAM_EVENT_UNKNOWN'])
  })

  it('whose successors fell out of the memory is refused: no gap is left silently', async () => {
    await start({ limits: { replay: '2KiB' } })
    const { stream, at } = await streaming()
    const [primer, last] = stream.events
    stream.leave()
    const many = Array.from({ length: 20 }, (_, step) => progress(at, step + 2))
    at.answers.events([...many, result(at, 'done')])
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await refused(primer?.id ?? '')).toEqual([410, 'STREAM_EVENT_GONE'])
    expect(await refused(last?.id ?? '')).toEqual([410, 'STREAM_EVENT_GONE'])
  })

  it('means nothing in the modern era, whose clients cannot come back', async () => {
    await start()
    const headers = { 'mcp-protocol-version': '2026-07-28' }
    const { status } = await rpc(
      gateway.url,
      '',
      { ...headers, 'last-event-id': 'x' },
      { method: 'GET' },
    )
    expect(status).toBe(405)
    const modern = await connect('modern', gateway.url)
    const body = await openEvents(gateway.url, {
      headers: { ...modern.headers, 'last-event-id': 'x', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
      body: { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {},
      } } },
      accept: 'text/event-stream',
    }) // biome-ignore format: one message
    await body.ended
    expect(body.events.map(({ id }) => id)).toEqual([undefined])
  })
})

it('the end of a session forgets its streams, and ends what waits', async () => {
  await start()
  const { stream } = await streaming()
  stream.leave()
  await rpc(gateway.url, '', peer.headers, { method: 'DELETE' })
  const answer = await resume(stream.events[0]?.id)
  expect(answer.status).toBe(404)
})

it('a client that opens its stream anew takes the place of one it never came back for', async () => {
  await start({ limits: { streams_per_session: 1 } })
  const standing = await listen()
  await until(() => standing.events.length === 1)
  standing.leave()
  await new Promise((resolve) => setTimeout(resolve, 30))
  const anew = await listen()
  expect(anew.status).toBe(200)
  expect((await listen()).status).toBe(409)
  expect((await resume(standing.events[0]?.id)).status).toBe(410)
})

it('a server that sends the gateway away to come back has the client come back, too', async () => {
  const fixture = await startFixture()
  try {
    gateway = await runGateway({ servers: [server('real', fixture.url)] })
    peer = await connect('legacy', gateway.url)
    const body = {
      jsonrpc: '2.0',
      id: 7,
      method: 'tools/call',
      params: { name: 'real__test_reconnection', arguments: {} },
    }
    const stream = await openEvents(gateway.url, { headers: peer.headers, body })
    expect(await stream.ended).toBe('ended')
    expect(stream.events).toEqual([{ id: expect.any(String), data: '' }])
    expect(stream.retry).toBe(100)
    const again = await resume(stream.events[0]?.id)
    await again.ended
    expect(again.messages()).toMatchObject([{ id: 7, result: { content: [{ type: 'text' }] } }])
  } finally {
    await fixture.stop()
  }
})
