// Clients of streams that are silent, slow or gone, in both eras: kept alive, bounded, and what their leaving means.

import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { deny } from '../../src/plugin.ts'
import { modernRequest } from '../support/rpc.ts'
import { type Events, openEvents, until } from './events.ts'
import { heldCalls } from './held-calls.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

let gateway: Started

const held = heldCalls()
afterEach(() => gateway?.stop({ now: true }))

async function start(entries: readonly CodeEntry[] = [], clock = systemClock) {
  gateway = await runGateway({ servers: [server('rec', held.recorder.url)] }, entries, { clock })
  return gateway
}

/** A call whose stream is open after one step. */
async function streaming(peer: Peer): Promise<{ stream: Events; at: (typeof held.calls)[number] }> {
  const params = { name: 'rec__work', arguments: {}, _meta: { progressToken: 'p' } }
  const made =
    peer.era === 'modern'
      ? modernRequest('tools/call', params)
      : { body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, headers: {} }
  const headers = { ...peer.headers, ...made.headers }
  const pending = openEvents(peer.url, { headers, body: made.body })
  await until(() => held.calls.length > 0)
  const at = held.calls.shift() as (typeof held.calls)[number]
  at.answers.events([progress(at, 1)], { open: true })
  const stream = await pending
  await until(() => stream.messages().length === 1)
  return { stream, at }
}

const progress = ({ received }: (typeof held.calls)[number], step: number, message = '') => {
  const { progressToken } = (received.message.params?._meta ?? {}) as { progressToken?: number }
  return { method: 'notifications/progress', params: { progressToken, progress: step, message } }
}
const result = ({ received }: (typeof held.calls)[number]) => ({
  id: received.message.id,
  result: { content: [{ type: 'text', text: 'done' }], resultType: 'complete' },
})

/** Fifteen seconds pass in 30 ms. */
const hasty = {
  ...systemClock,
  after: (ms: number, run: () => void) => systemClock.after(ms === 15_000 ? 30 : ms, run),
}

describe.each(ERAS)('in the %s era', (era) => {
  it('a stream that says nothing is kept alive with comments until it ends', async () => {
    const { url } = await start([], hasty)
    const { stream, at } = await streaming(await connect(era, url))
    await until(() => stream.comments.length >= 2)
    expect(new Set(stream.comments)).toEqual(new Set(['keep-alive']))
    at.answers.events([result(at)])
    expect(await stream.ended).toBe('ended')
    expect(stream.messages().length).toBe(2)
  })

  it('a client that does not read is cut off when so much waits for it, and gets no more than that', async () => {
    const { url } = await start()
    const peer = await connect(era, url)
    const { stream, at } = await streaming(peer)
    stream.stop()
    const text = 'x'.repeat(100_000)
    for (let step = 2; step < 200; step++) {
      at.answers.events([progress(at, step, text)], { open: true })
      if (step % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (era === 'modern') await at.answers.closed
    else at.answers.events([result(at)])
    await new Promise((resolve) => setTimeout(resolve, 100))
    stream.read()
    expect(await stream.ended).toBe('broken')
    // of 20 MB: what the gateway may buffer, and what the system does
    expect(stream.text().length).toBeLessThan(14 * 1024 ** 2)
    // a client that can come back is told that it has missed too much
    if (era === 'legacy') {
      const headers = { ...peer.headers, 'last-event-id': stream.events[0]?.id ?? '' }
      expect((await openEvents(url, { headers })).status).toBe(410)
    }
  })
})

it('the stream of a session, and one taken up again, are kept alive, too', async () => {
  const { url } = await start([], hasty)
  const peer = await connect('legacy', url)
  const standing = await openEvents(url, { headers: peer.headers })
  await until(() => standing.comments.includes('keep-alive'))
  standing.leave()
  await new Promise((resolve) => setTimeout(resolve, 30))
  const headers = { ...peer.headers, 'last-event-id': standing.events[0]?.id ?? '' }
  const again = await openEvents(url, { headers })
  await until(() => again.comments.includes('keep-alive'))
})

it('no timer is left when a stream has ended', async () => {
  const pending = new Set<symbol>()
  const counting = {
    ...systemClock,
    after(ms: number, run: () => void) {
      if (ms !== 15_000) return systemClock.after(ms, run)
      const key = Symbol('beat')
      pending.add(key)
      return () => void pending.delete(key)
    },
  }
  const { url } = await start([], counting)
  const peer = await connect('legacy', url)
  const { stream, at } = await streaming(peer)
  const standing = await openEvents(url, { headers: peer.headers })
  expect(pending.size).toBe(2)
  at.answers.events([result(at)])
  await stream.ended
  standing.leave()
  await until(() => pending.size === 0)
})

it('a question that a policy drops on its way to the client fails at once: the server need not wait for a person', async () => {
  const { url } = await start([
    {
      name: 'mine',
      hooks: {
        stream_message: ({ message }) =>
          message?.method === 'elicitation/create' ? deny({ code: 'NO', reason: 'no' }) : undefined,
      },
    },
  ])
  const peer = await connect('legacy', url, { capabilities: { elicitation: {} } })
  const { at } = await streaming(peer)
  const requestedSchema = { type: 'object', properties: {} }
  const question = {
    id: 'q1',
    method: 'elicitation/create',
    params: { message: 'sure?', requestedSchema },
  }
  at.answers.events([question], { open: true })
  const answered = () => held.recorder.seen.find(({ raw }) => raw.includes('"q1"'))
  await until(() => answered() !== undefined)
  expect(JSON.parse(answered()?.raw ?? '{}')).toMatchObject({
    id: 'q1',
    error: { data: { code: 'CLIENT_UNREACHABLE' } },
  })
})
