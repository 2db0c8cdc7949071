// A url that names no transport: what is tried in which order, what counts as evidence, and for how long it is remembered.
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import type { UpstreamDeps } from '../../src/upstream/client.ts'
import type { HttpOptions } from '../../src/upstream/options.ts'
import { startOddServer } from '../fixtures/upstream/odd-http.ts'
import { type OddSseOptions, startOddSse } from '../fixtures/upstream/odd-sse.ts'
import { startSdkSse } from '../fixtures/upstream/sdk-sse.ts'
import { eventually, httpOptions, LIMITS, textOf, toolCall, upstreamOf } from './support.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

const ONCE = { every: 0, timeout: 1000, restart: { least: 60_000, most: 60_000, max: 1 } }

async function started(
  url: string,
  more: Partial<HttpOptions> = {},
  deps: Partial<UpstreamDeps> = {},
) {
  const made = upstreamOf(httpOptions(url, more), deps)
  release.push(() => made.upstream.close())
  await made.upstream.start()
  return made
}

async function oddSse(options: OddSseOptions) {
  const server = await startOddSse(options)
  release.push(server.close)
  return server
}

describe('a url without a transport', () => {
  it('of an HTTP+SSE server of the official SDK is spoken to by HTTP+SSE', async () => {
    const server = await startSdkSse()
    release.push(server.close)
    const { upstream } = await started(server.url)
    const link = await upstream.ready('legacy')
    expect(await textOf(link.request(toolCall('add', { a: 2, b: 3 })))).toBe('5')
    expect(upstream.status).toMatchObject({ state: 'ready', eras: ['legacy'] })
  })

  it('of a server of both is spoken to by Streamable HTTP', async () => {
    const server = await startSdkSse({ streamable: true })
    release.push(server.close)
    const { upstream } = await started(server.url)
    const link = await upstream.ready('legacy')
    expect(await textOf(link.request(toolCall('add', { a: 2, b: 3 })))).toBe('5')
    expect(server.verbs).not.toContain('POST /messages')
  })

  it.each([
    [400, 'Bad Request'],
    [404, 'Not Found'],
    [405, 'Method Not Allowed'],
    [400, '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}'],
  ])('falls back when initialize is answered with %i %s', async (status, body) => {
    const server = await oddSse({ initialize: { status, body } })
    const { upstream } = await started(server.url)
    const link = await upstream.ready('legacy')
    expect(link.serverInfo).toMatchObject({ name: 'odd-sse' })
  })

  it.each([
    [401, 'UPSTREAM_REFUSED'],
    [403, 'UPSTREAM_REFUSED'],
    [406, 'UPSTREAM_PROTOCOL'],
    [429, 'UPSTREAM_UNAVAILABLE'],
    [500, 'UPSTREAM_UNAVAILABLE'],
    [503, 'UPSTREAM_UNAVAILABLE'],
  ])(
    'does not fall back when it is answered with %i, which is no evidence',
    async (status, code) => {
      const server = await oddSse({ initialize: { status } })
      const { upstream } = await started(server.url, { health: ONCE })
      await expect(upstream.ready('legacy')).rejects.toMatchObject({ code })
      expect(server.gets).toEqual([])
    },
  )

  it('does not fall back for a server of the modern era only', async () => {
    const error = { code: -32022, message: 'no', data: { supported: ['2026-07-28'] } }
    const server = await startOddServer({ refuseInitialize: { status: 400, body: { error } } })
    release.push(server.close)
    const { upstream } = await started(server.url, { health: ONCE })
    await expect(upstream.ready('legacy')).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
    expect(server.seen.map(({ verb }) => verb)).not.toContain('GET')
  })

  it('does not fall back for one that only its modern answers tell from an old one', async () => {
    const result = { supportedVersions: ['2026-07-28'], capabilities: {} }
    const server = await startOddServer({
      discover: { status: 200, body: { result } },
      refuseInitialize: { status: 404, body: {} },
    })
    release.push(server.close)
    const { upstream } = await started(server.url, { health: ONCE })
    expect(upstream.link('modern')).toBeDefined()
    await expect(upstream.ready('legacy')).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' })
    expect(server.seen.map(({ verb }) => verb)).not.toContain('GET')
  })

  it('of a server that is neither fails with what Streamable HTTP was answered with', async () => {
    const server = await startOddServer({ always: { status: 404 } })
    release.push(server.close)
    const { upstream } = await started(server.url, { health: ONCE })
    expect(upstream.status.error).toBe('server odd answered with 404')
    expect(server.seen.map(({ verb }) => verb)).toContain('GET')
  })

  it('of a server whose stream names no endpoint fails with that, too', async () => {
    const server = await oddSse({ mute: true })
    const limits = { ...LIMITS, requestTimeout: 200 }
    const { upstream } = await started(server.url, { health: ONCE }, { limits })
    expect(upstream.status.error).toBe('server odd answered with 404')
    expect(server.gets).toHaveLength(1)
  })

  it('of an HTTP+SSE server that wants credentials says that', async () => {
    const server = await oddSse({ refuse: 401 })
    const { upstream } = await started(server.url, { health: ONCE })
    await expect(upstream.ready('legacy')).rejects.toMatchObject({ code: 'UPSTREAM_REFUSED' })
  })

  it('is told at debug with what was found', async () => {
    const lines: unknown[] = []
    const log = {
      ...silentLogger,
      debug: (_fields: object, text?: string) => lines.push(text),
      child: () => log,
    }
    const server = await oddSse({})
    await started(server.url, {}, { log: log as never })
    expect(lines).toEqual(
      expect.arrayContaining([
        'no Streamable HTTP; HTTP+SSE is tried',
        'the transport of the server was found out',
      ]),
    )
  })
})

describe('what was found', () => {
  const initializes = (server: { verbs: string[] }) =>
    server.verbs.filter((verb) => verb === 'POST /sse').length

  async function sdk(deps: Partial<UpstreamDeps> = {}) {
    const server = await startSdkSse()
    release.push(server.close)
    const { upstream, seen } = await started(server.url, {}, deps)
    const again = async () => {
      const { restarts } = seen
      server.drop()
      await eventually(() => expect(seen.restarts).toBeGreaterThan(restarts))
      await eventually(() => expect(upstream.link('legacy')).toBeDefined())
    }
    return { server, again }
  }

  it('is used at the next connect without trying the other one', async () => {
    const { server, again } = await sdk()
    // one server/discover, one initialize
    expect(initializes(server)).toBe(2)
    await again()
    expect(initializes(server)).toBe(2)
  })

  it('is forgotten after an hour', async () => {
    let ahead = 0
    const clock = { ...systemClock, now: () => systemClock.now() + ahead }
    const { server, again } = await sdk({ clock })
    ahead = 59 * 60_000
    await again()
    expect(initializes(server)).toBe(2)
    ahead += 61 * 60_000
    await again()
    expect(initializes(server)).toBe(3)
  })

  it('is forgotten when the server shows something else', async () => {
    const first = await startOddSse()
    const { upstream, seen } = await started(first.url)
    expect(upstream.link('legacy')?.serverInfo).toMatchObject({ name: 'odd-sse' })
    await first.close()
    await eventually(() => expect(seen.restarts).toBeGreaterThan(0))
    const next = await startOddServer({ port: first.port })
    release.push(next.close)
    await eventually(() =>
      expect(upstream.link('legacy')?.serverInfo).toMatchObject({ name: 'odd-http' }),
    )
  })

  it('does not matter where the transport is named', async () => {
    const server = await startOddSse()
    release.push(server.close)
    const { upstream } = await started(server.url, { transport: 'streamable-http', health: ONCE })
    expect(upstream.status.error).toBe('server odd answered with 404')
    expect(server.gets).toEqual([])
  })
})
