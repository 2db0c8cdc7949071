// A server that is quarantined while it runs, over every transport: nothing goes there, nothing comes from there, and it comes back.
import { afterEach, describe, expect, it } from 'vitest'
import type { Upstream, UpstreamLink } from '../../src/upstream/client.ts'
import type { ServerOptions } from '../../src/upstream/options.ts'
import { makeNotification } from '../../src/wire/message.ts'
import { META } from '../../src/wire/revision.ts'
import { startOddServer } from '../fixtures/upstream/odd-http.ts'
import { startOddSse } from '../fixtures/upstream/odd-sse.ts'
import { startOddWebSocket } from '../fixtures/upstream/odd-websocket.ts'
import {
  alive,
  eventually,
  httpOptions,
  stdioOptions,
  textOf,
  toolCall,
  upstreamOf,
  webSocketOptions,
} from './support.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

const REASON = 'the certificate of the server was revoked'
const REFUSED = {
  code: 'UPSTREAM_QUARANTINED',
  message: `server odd is quarantined: ${REASON}; it serves again once it is admitted`,
}
const MODERN_META = { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {} }

interface Place {
  readonly options: ServerOptions
  readonly era: 'legacy' | 'modern'
  /** How many messages have come. */
  heard(): number
  /** What the server still has of the gateway. */
  open(): number | Promise<number>
}

const PLACES: Record<string, () => Promise<Place>> = {
  async stdio() {
    const options = stdioOptions('odd-server.mjs')
    return { options, era: 'legacy', heard: () => 0, open: () => 0 }
  },
  async 'Streamable HTTP with a session'() {
    const server = await startOddServer({ stream: true })
    release.push(() => server.close())
    return {
      options: httpOptions(server.url),
      era: 'legacy',
      heard: () => server.seen.length,
      open: () => server.openStreams(),
    }
  },
  async 'Streamable HTTP without sessions'() {
    const result = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }
    const discover = { status: 200, body: { result } }
    const server = await startOddServer({ stateless: true, discover, listen: true })
    release.push(() => server.close())
    return {
      options: httpOptions(server.url, { transport: 'streamable-http' }),
      era: 'modern',
      heard: () => server.seen.length,
      open: () => server.openStreams(),
    }
  },
  async 'HTTP+SSE'() {
    const server = await startOddSse()
    release.push(() => server.close())
    return {
      options: httpOptions(server.url, { transport: 'sse' }),
      era: 'legacy',
      heard: () => server.posts.length + server.gets.length,
      open: server.streams,
    }
  },
  async WebSocket() {
    const server = await startOddWebSocket()
    release.push(() => server.close())
    return {
      options: webSocketOptions(server.url),
      era: 'legacy',
      heard: () => server.heard.length,
      open: server.connections,
    }
  },
}

async function up(place: Place) {
  const made = upstreamOf(place.options)
  release.push(() => made.upstream.close())
  await made.upstream.start()
  return { ...made, link: await made.upstream.ready(place.era) }
}

const call = (link: UpstreamLink, name: string, more: object = {}) =>
  link.request(
    toolCall(name, { n: 1 }, { ...(link.era === 'modern' && { meta: MODERN_META }), ...more }),
  )

/** Every way to something that could be sent. */
const waysIn = (upstream: Upstream, link: UpstreamLink): (() => Promise<unknown>)[] => [
  () => upstream.ready('legacy'),
  () => upstream.ready('modern'),
  () => upstream.reach('legacy'),
  () => upstream.reach('modern'),
  () => upstream.follow('legacy', 'file:///a'),
  () => upstream.follow('modern', 'file:///a'),
  // found before, and kept by somebody
  () => call(link, 'echo'),
]

describe.each(Object.entries(PLACES))('over %s', (_transport, serve) => {
  it('calls under way end with the reason, and no way leads to the server any more', async () => {
    const place = await serve()
    const { upstream, seen, link } = await up(place)
    const hanging = call(link, 'hang', { timeout: 60_000 })
    const ended = expect(hanging).rejects.toMatchObject(REFUSED)
    await call(link, 'echo')
    const closed = upstream.admit('quarantined', REASON)
    // at once, before anything has been waited for
    expect([upstream.link(place.era), upstream.nearest('legacy')]).toEqual([undefined, undefined])
    expect(upstream.refusal).toMatchObject(REFUSED)
    const heard = place.heard()
    await ended
    for (const way of waysIn(upstream, link)) await expect(way()).rejects.toMatchObject(REFUSED)
    await upstream.prepare('legacy')
    await upstream.start()
    await link.notify(makeNotification('notifications/roots/list_changed')).catch(() => {})
    await closed
    await eventually(async () => expect(await place.open()).toBe(0))
    expect(place.heard()).toBe(heard)
    expect(upstream.status).toMatchObject({ state: 'stopped' })
    expect([upstream.admission, upstream.admissionReason]).toEqual(['quarantined', REASON])
    expect(seen.states.at(-1)).toBe('stopped')
    expect(seen.calls.find(({ method }) => method === 'tools/call')).toBeDefined()
  })

  it('one that is admitted again serves again, and links from before stay closed', async () => {
    const place = await serve()
    const { upstream, seen, link } = await up(place)
    await upstream.admit('quarantined', REASON)
    await upstream.admit('admitted')
    expect(upstream.status.state).toBe('ready')
    const next = await upstream.ready(place.era)
    expect(await textOf(call(next, 'echo'))).toBe('{"n":1}')
    await expect(call(link, 'echo')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
    expect(seen.states.slice(-3)).toEqual(['stopped', 'starting', 'ready'])
    expect([upstream.refusal, upstream.admissionReason]).toEqual([undefined, undefined])
  })

  it('one that is only due or in its grace serves on as if nothing were', async () => {
    const place = await serve()
    const { upstream, seen, link } = await up(place)
    const states = seen.states.length
    await upstream.admit('due', 'its attestation is old')
    await upstream.admit('grace', 'the revocation list cannot be fetched')
    expect(upstream.link(place.era)).toBe(link)
    expect(await textOf(call(link, 'echo'))).toBe('{"n":1}')
    expect(upstream.admission).toBe('grace')
    expect(upstream.admissionReason).toBe('the revocation list cannot be fetched')
    expect(seen.states).toHaveLength(states)
  })

  it('one that is still being started is given up', async () => {
    const place = await serve()
    const { upstream } = upstreamOf(place.options)
    release.push(() => upstream.close())
    const starting = upstream.start()
    const waiting = upstream.ready(place.era)
    const refused = expect(waiting).rejects.toMatchObject(REFUSED)
    await upstream.admit('quarantined', REASON)
    await refused
    await starting
    expect(upstream.nearest('legacy')).toBeUndefined()
    await eventually(async () => expect(await place.open()).toBe(0))
  })
})

it('the process of a server that is quarantined ends', async () => {
  const place = await (PLACES.stdio as () => Promise<Place>)()
  const { upstream, link } = await up(place)
  const pid = Number(await textOf(call(link, 'pid')))
  expect(alive(pid)).toBe(true)
  await upstream.admit('quarantined', REASON)
  expect(alive(pid)).toBe(false)
})

it('a session is not ended with DELETE: nothing is told to a server that is quarantined', async () => {
  const server = await startOddServer({ stream: true })
  release.push(() => server.close())
  const { upstream } = await up({
    options: httpOptions(server.url),
    era: 'legacy',
    heard: () => 0,
    open: () => 0,
  })
  await eventually(() => expect(server.openStreams()).toBe(1))
  await upstream.admit('quarantined', REASON)
  await eventually(() => expect(server.openStreams()).toBe(0))
  expect(server.seen.filter(({ verb }) => verb === 'DELETE')).toEqual([])
})

it('connections of clients of their own are ended, and none is opened', async () => {
  const server = await startOddWebSocket()
  release.push(() => server.close())
  const pool = { per: 'session', max: 4, idleStop: 60_000 } as const
  const { upstream } = upstreamOf(webSocketOptions(server.url, { pool }))
  release.push(() => upstream.close())
  await upstream.start()
  const client = { capabilities: {}, notification() {}, request: () => undefined }
  const own = await upstream.own?.open('a', client)
  const hanging = expect(call(own as UpstreamLink, 'hang')).rejects.toMatchObject(REFUSED)
  expect(server.connections()).toBe(2)
  await upstream.admit('quarantined', REASON)
  await hanging
  expect(upstream.own?.link('a')).toBeUndefined()
  await expect(upstream.own?.open('a', client)).rejects.toMatchObject(REFUSED)
  await expect(upstream.own?.open('b', client)).rejects.toMatchObject(REFUSED)
  await expect(upstream.own?.follow('a', 'file:///a')).rejects.toMatchObject(REFUSED)
  await eventually(() => expect(server.connections()).toBe(0))
  await upstream.admit('admitted')
  const again = await upstream.own?.open('a', client)
  expect(await textOf(call(again as UpstreamLink, 'echo'))).toBe('{"n":1}')
})

it('one that is quarantined from the start is not spoken to until it is admitted', async () => {
  const server = await startOddServer()
  release.push(() => server.close())
  const deps = { admission: 'quarantined', admissionReason: REASON } as const
  const { upstream } = upstreamOf(httpOptions(server.url), deps)
  release.push(() => upstream.close())
  await upstream.start()
  await upstream.prepare('legacy')
  await expect(upstream.ready('legacy')).rejects.toMatchObject(REFUSED)
  expect(server.seen).toEqual([])
  await upstream.admit('admitted')
  expect(await textOf(call(await upstream.ready('legacy'), 'echo'))).toBe('{"n":1}')
})

it('one that is closed is not started by being admitted', async () => {
  const server = await startOddServer()
  release.push(() => server.close())
  const { upstream } = upstreamOf(httpOptions(server.url), { admission: 'quarantined' })
  await upstream.close()
  await upstream.admit('admitted')
  expect(server.seen).toEqual([])
})
