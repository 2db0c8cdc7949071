// The key of a server that is pinned, on every transport: compared on each new connection before anything is sent, and set anew while calls run.
import { afterEach, describe, expect, it } from 'vitest'
import type { PeerTrust, Upstream, UpstreamDeps, UpstreamLink } from '../../src/upstream/client.ts'
import type { ServerOptions } from '../../src/upstream/options.ts'
import { META } from '../../src/wire/revision.ts'
import { startOddServer } from '../fixtures/upstream/odd-http.ts'
import { startOddSse } from '../fixtures/upstream/odd-sse.ts'
import { startOddWebSocket } from '../fixtures/upstream/odd-websocket.ts'
import { issue, makeAuthority } from '../support/certificates.ts'
import { startTlsFront, type TlsFront } from '../support/tls-front.ts'
import {
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

const authority = makeAuthority()
const ca = [authority.cert]
const first = issue(authority)
const second = issue(authority)

const MODERN_META = { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {} }

interface Plain {
  readonly era: 'legacy' | 'modern'
  readonly port: number
  options(port: number): ServerOptions
}

const PLACES: Record<string, () => Promise<Plain>> = {
  async 'Streamable HTTP with a session'() {
    const { port, close } = await startOddServer({ stream: true })
    release.push(close)
    return {
      era: 'legacy',
      port,
      options: (front) => httpOptions(`https://localhost:${front}/mcp`),
    }
  },
  async 'Streamable HTTP without sessions'() {
    const result = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }
    const discover = { status: 200, body: { result } }
    const { port, close } = await startOddServer({ stateless: true, discover, listen: true })
    release.push(close)
    return {
      era: 'modern',
      port,
      options: (front) => httpOptions(`https://localhost:${front}/mcp`),
    }
  },
  async 'HTTP+SSE'() {
    const { port, close } = await startOddSse()
    release.push(close)
    const transport = 'sse' as const
    return {
      era: 'legacy',
      port,
      options: (front) => httpOptions(`https://localhost:${front}/sse`, { transport }),
    }
  },
  async WebSocket() {
    const { port, close } = await startOddWebSocket()
    release.push(close)
    return {
      era: 'legacy',
      port,
      options: (front) => webSocketOptions(`wss://localhost:${front}/`),
    }
  },
}

async function serve(
  place: () => Promise<Plain>,
  trust: PeerTrust,
  deps: Partial<UpstreamDeps> = {},
) {
  const plain = await place()
  const front = await startTlsFront(plain.port, first)
  release.push(front.close)
  const made = upstreamOf(plain.options(front.port), { trust, ...deps })
  release.push(() => made.upstream.close())
  return { ...made, era: plain.era, front }
}

const echo = (link: UpstreamLink) =>
  textOf(
    link.request(
      toolCall('echo', { n: 1 }, { ...(link.era === 'modern' && { meta: MODERN_META }) }),
    ),
  )
const refusedOf = (upstream: Upstream, era: 'legacy' | 'modern') =>
  upstream.ready(era).catch((error: unknown) => error)

describe.each(Object.entries(PLACES))('over %s', (_transport, place) => {
  it('the pinned key is spoken to, and no session of TLS is ever resumed', async () => {
    const { upstream, era, front, seen } = await serve(place, {
      pin: first.spkiSha256,
      tls: { ca },
    })
    await upstream.start()
    expect(await echo(await upstream.ready(era))).toBe('{"n":1}')
    front.drop()
    await eventually(async () => expect(await echo(await upstream.ready(era))).toBe('{"n":1}'))
    expect(front.handshakes.length).toBeGreaterThan(1)
    expect(front.handshakes.filter(({ resumed }) => resumed)).toEqual([])
    expect(seen.keys).toEqual([])
  })

  it('another key is sent nothing, and it is told which', async () => {
    const { upstream, era, front, seen } = await serve(place, {
      pin: second.spkiSha256,
      tls: { ca },
    })
    await upstream.start()
    expect(await refusedOf(upstream, era)).toMatchObject({
      code: 'UPSTREAM_KEY_CHANGED',
      message: `server odd showed the TLS key ${first.spkiSha256}, and ${second.spkiSha256} is the one it was admitted with`,
    })
    expect(upstream.status.error).toContain('showed the TLS key')
    expect(new Set(seen.keys)).toEqual(new Set([first.spkiSha256]))
    expect(front.received()).toBe(0)
    await eventually(() => expect(front.connections()).toBe(0))
  })

  it('a server that comes back with another key is sent nothing until that one is pinned', async () => {
    const { upstream, era, front, seen } = await serve(place, {
      pin: first.spkiSha256,
      tls: { ca },
    })
    await upstream.start()
    await echo(await upstream.ready(era))
    front.rekey(second)
    const received = front.received()
    front.drop()
    await eventually(async () => {
      await upstream
        .link(era)
        ?.request(toolCall('echo'))
        .catch(() => {})
      expect(seen.keys).toContain(second.spkiSha256)
    })
    expect(front.received()).toBe(received)
    upstream.secure({ pin: second.spkiSha256, tls: { ca } })
    await eventually(async () => expect(await echo(await upstream.ready(era))).toBe('{"n":1}'))
  })

  it('with another pin nothing more is sent on connections of the old one', async () => {
    const { upstream, era, front, seen } = await serve(place, {
      pin: first.spkiSha256,
      tls: { ca },
    })
    await upstream.start()
    await echo(await upstream.ready(era))
    front.rekey(second)
    const before = front.handshakes.length
    upstream.secure({ pin: second.spkiSha256, tls: { ca } })
    await eventually(async () => expect(await echo(await upstream.ready(era))).toBe('{"n":1}'))
    expect(front.handshakes.length).toBeGreaterThan(before)
    expect(seen.keys).toEqual([])
  })
})

const http = PLACES['Streamable HTTP with a session'] as () => Promise<Plain>
const websocket = PLACES.WebSocket as () => Promise<Plain>

async function ready(front: TlsFront, upstream: Upstream) {
  await upstream.start()
  const link = await upstream.ready('legacy')
  await eventually(() => expect(front.connections()).toBeGreaterThan(0))
  return link
}

describe('another pin', () => {
  it('ends idle connections at once and keeps the session', async () => {
    const { upstream, front } = await serve(http, { pin: first.spkiSha256, tls: { ca } })
    const link = await ready(front, upstream)
    // the stream of the session and what has been idle since the greeting
    await eventually(() => expect(front.connections()).toBe(2))
    front.rekey(second)
    upstream.secure({ pin: second.spkiSha256, tls: { ca } })
    await eventually(() => expect(front.connections()).toBe(1))
    expect(await echo(link)).toBe('{"n":1}')
    expect(upstream.link('legacy')).toBe(link)
  })

  it('lets a call under way end on the connection that it began on', async () => {
    const { upstream, front } = await serve(http, { pin: first.spkiSha256, tls: { ca } })
    const link = await ready(front, upstream)
    // what this leaves idle takes the call, which so needs no handshake
    await echo(link)
    await eventually(() => expect(front.connections()).toBe(2))
    const before = front.received()
    const pieces = textOf(link.request(toolCall('pieces')))
    while (front.received() === before) await new Promise((resolve) => setTimeout(resolve, 1))
    upstream.secure({ pin: second.spkiSha256, tls: { ca } })
    expect(await pieces).toBe('in pieces é€')
  })

  it('ends streams of the old one when the time of a call is over', async () => {
    const limits = { response: 1 << 20, depth: 64, requestTimeout: 300 }
    const { upstream, front } = await serve(
      http,
      { pin: first.spkiSha256, tls: { ca } },
      { limits },
    )
    await ready(front, upstream)
    await eventually(() => expect(front.connections()).toBe(2))
    const before = front.handshakes.length
    front.rekey(second)
    upstream.secure({ pin: second.spkiSha256, tls: { ca } })
    // the stream is taken up again, on the new key
    await eventually(() => expect(front.handshakes.length).toBeGreaterThan(before))
  })

  it('that is the key of the connection leaves a WebSocket as it is', async () => {
    const { upstream, front } = await serve(websocket, { tls: { ca } })
    const link = await ready(front, upstream)
    upstream.secure({ pin: first.spkiSha256, tls: { ca } })
    expect(await echo(link)).toBe('{"n":1}')
    expect(front.handshakes).toHaveLength(1)
  })

  it('that says the same changes nothing', async () => {
    const { upstream, front } = await serve(http, { pin: first.spkiSha256, tls: { ca } })
    const link = await ready(front, upstream)
    expect(await echo(link)).toBe('{"n":1}')
    const { length } = front.handshakes
    upstream.secure({ pin: first.spkiSha256, tls: { ca: [...ca] } })
    expect(await echo(link)).toBe('{"n":1}')
    expect(front.handshakes).toHaveLength(length)
  })
})

describe('a pin', () => {
  it.each<[string, ServerOptions]>([
    ['http', httpOptions('http://localhost:1/mcp')],
    ['ws', webSocketOptions('ws://localhost:1/mcp')],
    ['a process', stdioOptions('odd-server.mjs')],
  ])('is refused for %s: there is no key', async (_what, options) => {
    const refused = expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: 'server odd is not reached over TLS: it has no key that could be pinned',
    })
    expect(() => upstreamOf(options, { trust: { pin: first.spkiSha256 } })).toThrow(refused)
    const { upstream } = upstreamOf(options)
    release.push(() => upstream.close())
    expect(() => upstream.secure({ pin: first.spkiSha256 })).toThrow(refused)
    expect(() => upstream.secure({ tls: { ca } })).toThrow(refused)
  })

  it.each(['', 'ab', first.spkiSha256.toUpperCase(), `${first.spkiSha256} `])(
    'that is no digest is refused: %j',
    (pin) => {
      const { upstream } = upstreamOf(httpOptions('https://localhost:1/mcp'))
      release.push(() => upstream.close())
      expect(() => upstream.secure({ pin })).toThrow('no SHA-256')
    },
  )
})
