// Servers over HTTP+SSE of 2024-11-05: the official SDK's, and odd ones by hand; where messages go, what is understood, what is lost and found.
import { afterEach, describe, expect, it } from 'vitest'
import type { UpstreamDeps } from '../../src/upstream/client.ts'
import type { HttpOptions } from '../../src/upstream/options.ts'
import { makeRequest } from '../../src/wire/message.ts'
import { type OddSseOptions, startOddSse } from '../fixtures/upstream/odd-sse.ts'
import { startSdkSse } from '../fixtures/upstream/sdk-sse.ts'
import {
  eventually,
  goneAfter,
  httpOptions,
  LIMITS,
  textOf,
  toolCall,
  upstreamOf,
} from './support.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

function connectTo(url: string, more: Partial<HttpOptions> = {}, deps: Partial<UpstreamDeps> = {}) {
  const made = upstreamOf(httpOptions(url, { transport: 'sse', ...more }), deps)
  release.push(() => made.upstream.close())
  return made
}

async function odd(options: OddSseOptions = {}, more: Partial<HttpOptions> = {}) {
  const server = await startOddSse(options)
  release.push(server.close)
  const { upstream, seen } = connectTo(server.url, more)
  await upstream.start()
  return { server, upstream, seen, link: await upstream.ready('legacy') }
}

it('a server of the official SDK is greeted, lists, answers and tells of progress', async () => {
  const server = await startSdkSse()
  release.push(server.close)
  const { upstream } = connectTo(server.url)
  await upstream.start()
  const link = await upstream.ready('legacy')
  expect(link).toMatchObject({
    era: 'legacy',
    revision: '2025-11-25',
    serverInfo: { name: 'sdk-sse' },
  })
  const list = await link.request({ message: makeRequest('tools/list'), edits: [], timeout: 5000 })
  const { tools } = list.message.result as { tools: { name: string }[] }
  expect(tools.map(({ name }) => name)).toEqual(['add', 'count'])
  expect(await textOf(link.request(toolCall('add', { a: 2, b: 3 })))).toBe('5')
  const progress: unknown[] = []
  await link.request(
    toolCall(
      'count',
      {},
      { meta: { progressToken: 'p' }, onNotification: ({ params }) => progress.push(params) },
    ),
  )
  expect(progress).toEqual([1, 2].map((n) => ({ progressToken: 'p', progress: n })))
  // the greeting is not of a revision yet, all that follows is
  expect(server.headers.map((headers) => headers['mcp-protocol-version'])).toEqual([
    undefined,
    undefined,
    ...Array.from({ length: 4 }, () => '2025-11-25'),
  ])
})

it('is spoken to in the legacy era only', async () => {
  const { upstream, server } = await odd()
  expect(upstream.status).toMatchObject({ state: 'ready', eras: ['legacy'] })
  await expect(upstream.ready('modern')).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
  expect(server.posts.map(({ body }) => body.method)).not.toContain('server/discover')
})

it('the stream and every message carry the configured headers; a call its own, but no reserved ones', async () => {
  const { link, server } = await odd({}, { headers: { 'X-Api-Key': 'k' } })
  expect(server.gets[0]).toMatchObject({ 'x-api-key': 'k', accept: 'text/event-stream' })
  const headers = { traceparent: 't', host: 'evil', 'X-Api-Key': 'theirs' }
  const seen = JSON.parse(await textOf(link.request(toolCall('headers', {}, { headers }))))
  expect(seen).toMatchObject({
    'x-api-key': 'k',
    traceparent: 't',
    host: `127.0.0.1:${server.port}`,
    'content-type': 'application/json',
  })
})

it('concurrent calls with the same client id each get their own answer', async () => {
  const { link } = await odd()
  const numbers = Array.from({ length: 40 }, (_, index) => index)
  const texts = await Promise.all(
    numbers.map((n) => textOf(link.request(toolCall('echo', { n }, { id: 1 })))),
  )
  expect(texts).toEqual(numbers.map((n) => JSON.stringify({ n })))
})

it('pieces, comments, empty events, foreign event names and events without a name are understood', async () => {
  const { link } = await odd({ preface: ': hello\n\ndata:\n\n' })
  expect(await textOf(link.request(toolCall('pieces')))).toBe('in pieces é€')
})

it('progress reaches its caller, a list change the gateway, and a ping is answered', async () => {
  const { link, seen, server } = await odd()
  const progress: unknown[] = []
  const call = toolCall(
    'progress',
    {},
    { meta: { progressToken: 'p' }, onNotification: ({ params }) => progress.push(params) },
  )
  expect(await textOf(link.request(call))).toBe('number')
  expect(progress).toEqual([1, 2].map((n) => ({ progressToken: 'p', progress: n })))
  expect(seen.notifications.map(({ method }) => method)).toEqual([
    'notifications/tools/list_changed',
  ])
  await eventually(() =>
    expect(server.posts.map(({ body }) => body)).toContainEqual({
      jsonrpc: '2.0',
      id: 'ask-1',
      result: {},
    }),
  )
})

it('a call that is given up is cancelled at the server', async () => {
  const { link, server } = await odd()
  const call = link.request(toolCall('hang', {}, { caller: goneAfter(20) }))
  await expect(call).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
  const asked = server.posts.find(({ body }) => body.params?.name === 'hang')
  await eventually(async () =>
    expect(JSON.parse(await textOf(link.request(toolCall('cancelled'))))).toEqual([
      expect.objectContaining({ requestId: asked?.body.id }),
    ]),
  )
})

it('an event that is no message harms nobody; an answer that cannot be read fails its call', async () => {
  const { link } = await odd()
  expect(await textOf(link.request(toolCall('noise')))).toBe('after noise')
  await expect(link.request(toolCall('broken'))).rejects.toMatchObject({
    code: 'UPSTREAM_PROTOCOL',
  })
  expect(await textOf(link.request(toolCall('echo', { still: 1 })))).toBe('{"still":1}')
})

it.each([
  ['200 and JSON', { status: 200, type: 'application/json', text: '{"ok":true}' }],
  ['200 and HTML', { status: 200, type: 'text/html', text: '<p>ok</p>' }],
  ['204', { status: 204, type: 'text/plain', text: '' }],
])('a server may take messages with %s', async (_what, accept) => {
  const { link } = await odd({ accept })
  expect(await textOf(link.request(toolCall('echo', { n: 1 })))).toBe('{"n":1}')
})

describe('the endpoint', () => {
  it.each([
    ['an absolute path', '/messages?session=%s'],
    ['a path beside the stream', 'messages?session=%s'],
    ['a whole URL of the same origin', '%o/messages?session=%s'],
  ])('may be %s', async (_what, endpoint) => {
    const { link, server } = await odd({ endpoint })
    expect(await textOf(link.request(toolCall('echo', { n: 1 })))).toBe('{"n":1}')
    expect(server.posts[0]?.path).toMatch(/^\/messages\?session=[0-9a-f-]{36}$/)
  })

  it.each([
    ['another host', 'http://evil.example/messages'],
    ['another port', 'http://127.0.0.1:1/messages'],
    ['another scheme', 'https://127.0.0.1/messages'],
    ['a host without a scheme', '//evil.example/messages'],
    ['credentials', 'http://me:secret@127.0.0.1/messages'],
    ['no URL', 'http://'],
    ['far too long a path', `/${'x'.repeat(5000)}`],
  ])('that is %s is refused, and nothing is sent to it', async (_what, endpoint) => {
    const server = await startOddSse({ endpoint })
    release.push(server.close)
    const { upstream } = connectTo(server.url)
    await upstream.start()
    expect(upstream.link('legacy')).toBeUndefined()
    await expect(upstream.ready('legacy')).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' })
    expect(upstream.status.error).toContain('not of its origin')
    expect(server.posts).toEqual([])
  })

  it('that is never named fails the connection in time', async () => {
    const server = await startOddSse({ mute: true })
    release.push(server.close)
    const { upstream } = connectTo(
      server.url,
      { health: { every: 0, timeout: 500, restart: { least: 60_000, most: 60_000, max: 1 } } },
      { limits: { ...LIMITS, requestTimeout: 200 } },
    )
    await upstream.start()
    expect(upstream.status.error).toContain('did not say in time where messages go')
    await eventually(() => expect(server.streams()).toBe(0))
  })
})

describe('a refusal', () => {
  it.each([
    [401, 'UPSTREAM_REFUSED'],
    [404, 'UPSTREAM_PROTOCOL'],
    [503, 'UPSTREAM_UNAVAILABLE'],
  ])('of the stream with %i is %s', async (refuse, code) => {
    const server = await startOddSse({ refuse })
    release.push(server.close)
    const { upstream } = connectTo(server.url, {
      health: { every: 0, timeout: 500, restart: { least: 60_000, most: 60_000, max: 1 } },
    })
    await upstream.start()
    await expect(upstream.ready('legacy')).rejects.toMatchObject({ code })
  })

  it.each([
    [403, undefined, { code: 'UPSTREAM_REFUSED' }],
    [400, undefined, { code: 'UPSTREAM_PROTOCOL' }],
    [500, undefined, { code: 'UPSTREAM_UNAVAILABLE' }],
    [503, -32000, { code: 'UPSTREAM_UNAVAILABLE' }],
  ])('of a message with %i (%s) fails its call and no other', async (status, rpc, error) => {
    const { link } = await odd()
    const other = link.request(toolCall('echo', { n: 1 }))
    await expect(link.request(toolCall('status', { status, rpc }))).rejects.toMatchObject(error)
    expect(await textOf(other)).toBe('{"n":1}')
  })

  it('of a message with a JSON-RPC error is its reply', async () => {
    const { link } = await odd()
    const { message } = await link.request(toolCall('status', { status: 400, rpc: -32602 }))
    expect(message.error).toMatchObject({ code: -32602 })
  })
})

describe('a session that ends', () => {
  it.each([
    ['a stream that ends', (server: { drop(): void }) => server.drop()],
    ['a server that does not know it', (server: { forget(): void }) => server.forget()],
  ])('by %s is opened anew, and the next call is answered', async (_how, lose) => {
    const { link, server, upstream, seen } = await odd()
    lose(server as never)
    await link.request(toolCall('echo')).catch(() => {})
    await eventually(async () => {
      const next = await upstream.ready('legacy')
      expect(next).not.toBe(link)
      expect(await textOf(next.request(toolCall('echo', { n: 2 })))).toBe('{"n":2}')
    })
    expect(seen.restarts).toBe(1)
    await eventually(() => expect(server.streams()).toBe(1))
  })

  it('and is not known any more fails its calls at once', async () => {
    const { link, server } = await odd()
    const other = link.request(toolCall('hang'))
    await eventually(() => expect(server.posts.at(-1)?.body.params.name).toBe('hang'))
    server.forget()
    const message = 'server odd is not available: it does not know the session'
    for (const call of [link.request(toolCall('echo')), other])
      await expect(call).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', message })
  })

  it('fails the calls under way, and no call goes to the old one', async () => {
    const { link, upstream } = await odd()
    const other = link.request(toolCall('hang'))
    await expect(link.request(toolCall('die'))).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
    await expect(other).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
    await expect(link.request(toolCall('echo'))).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
    await eventually(() => expect(upstream.link('legacy')).toBeDefined())
  })

  it('by an event above limits.response says so', async () => {
    const { link, upstream } = await odd()
    const bytes = LIMITS.response + 1
    await expect(link.request(toolCall('huge', { bytes }))).rejects.toMatchObject({
      code: 'UPSTREAM_TOO_LARGE',
    })
    await eventually(() => expect(upstream.link('legacy')).toBeDefined())
  })

  it('by closing leaves no stream', async () => {
    const { upstream, server } = await odd()
    await upstream.close()
    await eventually(() => expect(server.streams()).toBe(0))
  })
})
