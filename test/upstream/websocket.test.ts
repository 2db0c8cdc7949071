// Servers over WebSocket, of each era: what is greeted and sent, what is too large, too much or against the rules, and coming back.
import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import type { Era, UpstreamDeps } from '../../src/upstream/client.ts'
import { makeNotification } from '../../src/wire/message.ts'
import { META } from '../../src/wire/revision.ts'
import { type OddWebSocketOptions, startOddWebSocket } from '../fixtures/upstream/odd-websocket.ts'
import {
  eventually,
  freePort,
  goneAfter,
  LIMITS,
  textOf,
  toolCall,
  upstreamOf,
  webSocketOptions,
} from './support.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

async function serve(options: OddWebSocketOptions = {}) {
  const server = await startOddWebSocket(options)
  release.push(server.close)
  return server
}

function connectTo(url: string, more: object = {}, deps: Partial<UpstreamDeps> = {}) {
  const made = upstreamOf(webSocketOptions(url, more), deps)
  release.push(() => made.upstream.close())
  return made
}

async function odd(options: OddWebSocketOptions = {}, deps: Partial<UpstreamDeps> = {}) {
  const server = await serve(options)
  const { upstream, seen } = connectTo(server.url, {}, deps)
  await upstream.start()
  const era: Era = options.era === 'modern' ? 'modern' : 'legacy'
  return { server, upstream, seen, link: await upstream.ready(era) }
}

const meta = {
  [META.protocolVersion]: '2026-07-28',
  [META.clientCapabilities]: {},
}

it('a legacy server is probed, greeted once, and says what it is', async () => {
  const { server, upstream, link } = await odd()
  expect(link).toMatchObject({
    era: 'legacy',
    revision: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'odd-websocket' },
  })
  expect(upstream.status).toMatchObject({ state: 'ready', eras: ['legacy'] })
  await textOf(link.request(toolCall('echo')))
  expect(server.heard.map(({ method }) => method)).toEqual([
    'server/discover',
    'initialize',
    'notifications/initialized',
    'tools/call',
  ])
  expect(server.connections()).toBe(1)
  await expect(upstream.ready('modern')).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
})

it('a modern server is found by its answer to server/discover', async () => {
  const { server, upstream, link } = await odd({ era: 'modern' })
  expect(link).toMatchObject({ era: 'modern', revision: '2026-07-28' })
  expect(await textOf(link.request(toolCall('echo', { n: 1 }, { meta })))).toBe('{"n":1}')
  expect(server.heard[0]).toMatchObject({ method: 'server/discover' })
  await eventually(() => expect(upstream.status.eras).toEqual(['modern']))
})

it('a server of both eras has a connection for each', async () => {
  const { server, upstream } = await odd({ era: 'both' })
  expect((await upstream.ready('modern')).era).toBe('modern')
  expect((await upstream.ready('legacy')).era).toBe('legacy')
  expect(server.connections()).toBe(2)
})

it('a server that a probe kills is legacy', async () => {
  const { upstream, server } = await odd({ diesOfProbe: true })
  expect(upstream.status).toMatchObject({ state: 'ready', eras: ['legacy'] })
  expect(server.upgrades).toHaveLength(2)
})

it('the upgrade carries the subprotocol, the configured headers and the url, and no origin', async () => {
  const server = await serve()
  const { upstream } = connectTo(server.url, {
    headers: { 'X-Api-Key': 'k', Authorization: 'Bearer t' },
  })
  await upstream.start()
  expect(server.upgrades[0]).toMatchObject({
    'x-api-key': 'k',
    authorization: 'Bearer t',
    'sec-websocket-protocol': 'mcp',
    host: `127.0.0.1:${server.port}`,
  })
  expect(server.upgrades[0]).not.toHaveProperty('origin')
})

it('concurrent calls with the same client id each get their own answer', async () => {
  const { link } = await odd()
  const numbers = Array.from({ length: 40 }, (_, index) => index)
  const texts = await Promise.all(
    numbers.map((n) => textOf(link.request(toolCall('echo', { n }, { id: 1 })))),
  )
  expect(texts).toEqual(numbers.map((n) => JSON.stringify({ n })))
})

it('an answer in many frames, with pings between them, is one message', async () => {
  const { link } = await odd()
  expect(await textOf(link.request(toolCall('fragments')))).toBe('in pieces é€')
})

it('progress reaches its caller, and a list change, a ping and a request of the server the gateway', async () => {
  const { link, seen } = await odd()
  const progress: unknown[] = []
  const call = toolCall(
    'progress',
    {},
    { meta: { progressToken: 'p' }, onNotification: ({ params }) => progress.push(params) },
  )
  expect(await textOf(link.request(call))).toBe('number')
  expect(progress).toEqual([1, 2].map((n) => ({ progressToken: 'p', progress: n })))
  await textOf(link.request(toolCall('ask')))
  expect(seen.notifications.map(({ method }) => method)).toEqual([
    'notifications/tools/list_changed',
  ])
  expect(seen.requests.map(({ method }) => method)).toEqual(['sampling/createMessage'])
  expect(JSON.parse(await textOf(link.request(toolCall('answers'))))).toEqual([
    { jsonrpc: '2.0', id: 'ask-1', error: expect.objectContaining({ code: -32601 }) },
    { jsonrpc: '2.0', id: 'ask-2', result: {} },
  ])
})

it('a call that is given up is cancelled at the server', async () => {
  const { link, server } = await odd()
  const call = link.request(toolCall('hang', {}, { caller: goneAfter(20) }))
  await expect(call).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
  const asked = server.heard.find(({ params }) => params?.name === 'hang')
  expect(JSON.parse(await textOf(link.request(toolCall('cancelled'))))).toEqual([
    expect.objectContaining({ requestId: asked?.id }),
  ])
})

it('a frame that is no text or no message harms nobody; an answer that cannot be read fails its call', async () => {
  const { link } = await odd()
  expect(await textOf(link.request(toolCall('noise')))).toBe('after noise')
  await expect(link.request(toolCall('broken'))).rejects.toMatchObject({
    code: 'UPSTREAM_PROTOCOL',
  })
  expect(await textOf(link.request(toolCall('echo', { still: 1 })))).toBe('{"still":1}')
})

describe('bounds', () => {
  it.each([
    ['a message above limits.response', 'huge', { bytes: LIMITS.response + 1 }],
    ['a frame that only says it is large', 'says-it-is-large', {}],
    ['a message of too many frames', 'endless-fragments', { count: 5000 }],
    ['text that is no UTF-8', 'invalid-utf8', {}],
    ['a masked frame', 'masked', {}],
  ])(
    '%s fails what is under way at once, and the server is connected anew',
    async (_what, tool, args) => {
      const { link, server, upstream, seen } = await odd()
      const other = link.request(toolCall('hang'))
      const call = link.request(toolCall(tool, args))
      await expect(call).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' })
      await expect(other).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' })
      await eventually(() => expect(upstream.link('legacy')).toBeDefined())
      expect(seen.restarts).toBe(1)
      await eventually(() => expect(server.connections()).toBe(1))
      if (tool === 'huge') expect(server.closes).toEqual([1009])
    },
  )

  it('a compressed answer counts by what it is unpacked', async () => {
    const { link, seen } = await odd({ deflate: true })
    const bytes = LIMITS.response - 200
    expect(await textOf(link.request(toolCall('deflated', { bytes })))).toHaveLength(bytes)
    const call = link.request(toolCall('deflated', { bytes: LIMITS.response + 1 }))
    await expect(call).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' })
    await eventually(() => expect(seen.restarts).toBe(1))
  })

  it('an answer just below limits.response passes', async () => {
    const { link } = await odd()
    const bytes = LIMITS.response - 200
    expect(await textOf(link.request(toolCall('huge', { bytes })))).toHaveLength(bytes)
  })

  it('a server that does not read is sent no more than limits.response', async () => {
    const { link, server } = await odd()
    server.deafen()
    const notice = makeNotification('notifications/x', { large: 'x'.repeat(LIMITS.response / 2) })
    let refused = 0
    // the operating system takes some; what it does not take is ours to bound
    for (let sent = 0; refused < 10; sent++) {
      expect(sent).toBeLessThan(200)
      await link.notify(notice).then(
        () => (refused = 0),
        ({ code }) => (refused += code === 'UPSTREAM_UNAVAILABLE' ? 1 : Number.NaN),
      )
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await expect(link.request(toolCall('echo'))).rejects.toMatchObject({
      message: 'server odd is not available: it does not read its input',
    })
  })
})

describe('a connection that ends', () => {
  it.each([
    ['with a close frame', 'goodbye', 'it closed the connection with 1001'],
    ['without a word', 'die', 'the connection was lost'],
  ])('%s fails the calls under way and is opened again', async (_how, tool, reason) => {
    const { link, upstream, seen } = await odd()
    const call = link.request(toolCall(tool))
    await expect(call).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: `server odd is not available: ${reason}`,
    })
    const next = await upstream.ready('legacy')
    expect(await textOf(next.request(toolCall('echo', { n: 2 })))).toBe('{"n":2}')
    expect(seen.restarts).toBe(1)
    await expect(link.request(toolCall('echo'))).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
  })

  it('a server that no longer answers probes is connected anew', async () => {
    const server = await serve()
    const { upstream, seen } = connectTo(server.url, {
      health: { every: 50, timeout: 100, restart: { least: 20, most: 100, max: 50 } },
    })
    await upstream.start()
    await eventually(() => expect(server.heard.map(({ method }) => method)).toContain('ping'))
    expect(seen.restarts).toBe(0)
    server.deafen()
    await eventually(() => expect(seen.restarts).toBeGreaterThan(0))
    await eventually(() => expect(upstream.link('legacy')).toBeDefined())
  })

  it('closing says goodbye with a close frame and leaves no connection', async () => {
    const { upstream, server } = await odd()
    await upstream.close()
    expect(server.closes).toHaveLength(1)
    await eventually(() => expect(server.connections()).toBe(0))
  })

  it('closing does not wait for a server that does not read', async () => {
    const { upstream, server } = await odd()
    server.deafen()
    const began = performance.now()
    await upstream.close()
    expect(performance.now() - began).toBeLessThan(2500)
  })
})

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url))
const TLS = { cert: pem('server.cert.pem'), key: pem('server.key.pem') }

it('a server over wss is spoken to when its certificate is trusted', async () => {
  const before = getCACertificates('default')
  release.push(() => setDefaultCACertificates(before))
  setDefaultCACertificates([...before, TLS.cert.toString()])
  const server = await serve({ tls: TLS })
  const { upstream } = connectTo(server.url)
  await upstream.start()
  const link = await upstream.ready('legacy')
  expect(await textOf(link.request(toolCall('echo', { n: 1 })))).toBe('{"n":1}')
})

describe('a handshake that fails', () => {
  it.each<[string, OddWebSocketOptions, string, string]>([
    ['401', { refuse: 401 }, 'UPSTREAM_REFUSED', 'refused the gateway with 401'],
    ['404', { refuse: 404 }, 'UPSTREAM_PROTOCOL', 'answered with 404'],
    ['503', { refuse: 503 }, 'UPSTREAM_UNAVAILABLE', 'answered with 503'],
    ['another subprotocol', { subprotocol: 'graphql' }, 'UPSTREAM_PROTOCOL', 'subprotocol mcp'],
    ['no subprotocol', { subprotocol: undefined }, 'UPSTREAM_PROTOCOL', 'subprotocol mcp'],
    ['a wrong key', { wrongKey: true }, 'UPSTREAM_PROTOCOL', 'handshake'],
    ['silence', { mute: true }, 'UPSTREAM_UNAVAILABLE', 'no answer in time'],
  ])('with %s is told, and leaves no connection', async (_how, options, code, text) => {
    const server = await serve(options)
    const { upstream } = connectTo(
      server.url,
      { health: { every: 0, timeout: 500, restart: { least: 60_000, most: 60_000, max: 1 } } },
      { limits: { ...LIMITS, requestTimeout: 300 } },
    )
    await upstream.start()
    expect(upstream.status.state).toBe('failed')
    await expect(upstream.ready('legacy')).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    })
    await eventually(() => expect(server.connections()).toBe(0))
  })

  it('with a certificate nobody vouches for is refused', async () => {
    const server = await serve({ tls: TLS })
    const { upstream } = connectTo(server.url)
    await upstream.start()
    expect(upstream.status.error).toMatch(/could not be reached: .*(CERT|SIGN)/)
    expect(server.upgrades).toEqual([])
  })

  it('with nobody there is tried again until somebody is', async () => {
    const port = await freePort()
    const { upstream } = connectTo(`ws://127.0.0.1:${port}/`)
    await upstream.start()
    expect(upstream.status.error).toBe('server odd could not be reached: ECONNREFUSED')
    await serve({ port })
    await eventually(() => expect(upstream.link('legacy')).toBeDefined())
  })
})
