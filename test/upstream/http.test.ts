// Legacy servers over Streamable HTTP as they are met in the field: answers, streams, sessions, refusals, all over real sockets.
import { spawn } from 'node:child_process'
import { afterEach, expect, it } from 'vitest'
import type { UpstreamDeps } from '../../src/upstream/client.ts'
import type { HttpOptions } from '../../src/upstream/options.ts'
import { makeRequest } from '../../src/wire/message.ts'
import { type OddOptions, type OddServer, startOddServer } from '../fixtures/upstream/odd-http.ts'
import {
  eventually,
  freePort,
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

async function serve(options: OddOptions = {}): Promise<OddServer> {
  const server = await startOddServer(options)
  release.push(() => server.close())
  return server
}

function connectTo(url: string, more: Partial<HttpOptions> = {}, deps: Partial<UpstreamDeps> = {}) {
  const made = upstreamOf(httpOptions(url, more), deps)
  release.push(() => made.upstream.close())
  return made
}

async function started(options: OddOptions = {}, more: Partial<HttpOptions> = {}) {
  const server = await serve(options)
  const { upstream, seen } = connectTo(server.url, more)
  await upstream.start()
  return { server, upstream, seen, link: await upstream.ready('legacy') }
}

const posts = (server: OddServer, method: string) =>
  server.seen.filter(({ verb, body }) => verb === 'POST' && body?.method === method)

it('a session is opened, kept in every header, and ended with DELETE', async () => {
  const { server, upstream, link } = await started()
  expect(link).toMatchObject({ era: 'legacy', revision: '2025-11-25' })
  expect(upstream.status).toMatchObject({ state: 'ready', eras: ['legacy'] })
  await expect(upstream.ready('modern')).rejects.toMatchObject({ code: 'UPSTREAM_ERA' })
  expect(await textOf(link.request(toolCall('echo', { a: 1 })))).toBe('{"a":1}')
  const [session] = server.sessions
  expect(posts(server, 'initialize')[0]?.headers).not.toHaveProperty('mcp-protocol-version')
  for (const method of ['notifications/initialized', 'tools/call'])
    expect(posts(server, method)[0]?.headers).toMatchObject({
      'mcp-session-id': session,
      'mcp-protocol-version': '2025-11-25',
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      host: `127.0.0.1:${server.port}`,
    })
  await upstream.close()
  expect(server.sessions.size).toBe(0)
})

it('a server without sessions is not asked to end one', async () => {
  const { server, upstream, link } = await started({ stateless: true })
  expect(await textOf(link.request(toolCall('echo')))).toBe('{}')
  await upstream.close()
  expect(server.seen.map(({ verb }) => verb)).not.toContain('DELETE')
})

it('configured and given headers are sent, reserved ones are not, configured ones win', async () => {
  const { link } = await started({}, { headers: { 'X-Api-Key': 'configured' } })
  const headers = {
    'x-trace': 't',
    'X-API-KEY': 'forged',
    Host: 'evil',
    'Mcp-Session-Id': 'forged',
    'Content-Length': '1',
  }
  const seen = JSON.parse(await textOf(link.request(toolCall('headers', {}, { headers }))))
  expect(seen).toMatchObject({ 'x-api-key': 'configured', 'x-trace': 't' })
  expect(seen.host).toMatch(/^127\.0\.0\.1:/)
  expect(seen['mcp-session-id']).not.toBe('forged')
  expect(seen).not.toHaveProperty('authorization')
})

it('a stream that comes in pieces, with comments and an empty first event, is understood', async () => {
  const { server, link, seen } = await started()
  const related: unknown[] = []
  const call = toolCall(
    'pieces',
    {},
    { meta: { progressToken: 'mine' }, onNotification: (m) => related.push([m.method, m.params]) },
  )
  expect(await textOf(link.request(call))).toBe('in pieces é€')
  expect(related).toEqual([
    ['notifications/progress', { progressToken: 'mine', progress: 1 }],
    ['notifications/progress', { progressToken: 'mine', progress: 2 }],
    ['notifications/message', { level: 'info', data: 'é€' }],
  ])
  expect(seen.requests.map(({ method }) => method)).toEqual(['roots/list'])
  await eventually(() =>
    expect(server.seen.find(({ body }) => body?.id === 'srv-1')?.body).toMatchObject({
      error: { code: -32601 },
    }),
  )
})

it('a server that floods with requests is answered no more than it can take', async () => {
  const { server, link } = await started()
  expect(await textOf(link.request(toolCall('flood', { count: 5000 })))).toBe('flooded')
  const answers = () => server.seen.filter(({ body }) => body && body.method === undefined)
  await eventually(() => expect(answers().length).toBeGreaterThan(64))
  expect(await textOf(link.request(toolCall('echo', { n: 1 })))).toBe('{"n":1}')
  expect(answers().length).toBeLessThan(5000)
})

it('an answer on a stream that stays open is an answer', async () => {
  const { link } = await started()
  expect(await textOf(link.request(toolCall('held-open')))).toBe('held')
})

it('a stream that the server closes to be polled is taken up again', async () => {
  const { server, link } = await started()
  expect(await textOf(link.request(toolCall('polled')))).toBe('after polling')
  const poll = server.seen.filter(({ verb, headers }) => verb === 'GET' && headers['last-event-id'])
  expect(poll).toHaveLength(1)
})

it.each([
  ['redirect', {}, 'UPSTREAM_PROTOCOL', 'redirected with 307'],
  ['html', {}, 'UPSTREAM_PROTOCOL', 'content type text/html'],
  ['broken', {}, 'UPSTREAM_PROTOCOL', 'no message'],
  ['gzip', {}, 'UPSTREAM_PROTOCOL', 'compressed'],
  ['cut', {}, 'UPSTREAM_UNAVAILABLE', 'could not be reached'],
  ['cut-stream', {}, 'UPSTREAM_PROTOCOL', 'before it was complete'],
  ['status', { status: 401 }, 'UPSTREAM_REFUSED', '401'],
  ['status', { status: 403, rpc: -32000 }, 'UPSTREAM_REFUSED', '403'],
  ['status', { status: 429 }, 'UPSTREAM_UNAVAILABLE', '429'],
  ['status', { status: 503 }, 'UPSTREAM_UNAVAILABLE', '503'],
  ['status', { status: 418 }, 'UPSTREAM_PROTOCOL', '418'],
  ['huge', { bytes: LIMITS.response + 1 }, 'UPSTREAM_TOO_LARGE', 'more than'],
  ['huge-chunked', { bytes: LIMITS.response + 1 }, 'UPSTREAM_TOO_LARGE', 'more than'],
  ['huge-event', { bytes: LIMITS.response + 1 }, 'UPSTREAM_TOO_LARGE', 'more than'],
])('an answer of the kind %s %o is %s and harms no other call', async (tool, args, code, text) => {
  const { link, upstream } = await started()
  await expect(link.request(toolCall(tool, args))).rejects.toMatchObject({
    code,
    message: expect.stringContaining(text),
  })
  expect(await textOf(link.request(toolCall('echo')))).toBe('{}')
  expect(upstream.status).toMatchObject({ state: 'ready', restarts: 0 })
})

it.each([
  ['with its id', {}],
  ['without an id', { anonymous: true }],
])('a JSON-RPC error under a 400 is a reply, %s', async (_how, more) => {
  const { link } = await started()
  const { message } = await link.request(toolCall('status', { status: 400, rpc: -32602, ...more }))
  expect(message.error).toEqual({ code: -32602, message: 'as asked' })
})

it.each(['hang', 'hang-stream'])(
  'an aborted call (%s) is cancelled at the server and its connection dropped',
  async (tool) => {
    const { link } = await started()
    const pending = link.request(toolCall(tool, {}, { caller: goneAfter(50) }))
    await expect(pending).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
    let cancelled: unknown[] = []
    await eventually(async () => {
      cancelled = JSON.parse(await textOf(link.request(toolCall('cancelled'))))
      expect(cancelled).toHaveLength(1)
    })
    expect(cancelled).toEqual([{ requestId: expect.any(Number), reason: expect.any(String) }])
  },
)

it('a call without an answer ends at its deadline', async () => {
  const { link } = await started()
  await expect(link.request(toolCall('hang', {}, { timeout: 60 }))).rejects.toMatchObject({
    code: 'UPSTREAM_TIMEOUT',
  })
})

it.each([404, 400] as const)(
  'a session the server has lost (%i) is opened again once, and every call gets its answer',
  async (lost) => {
    const { server, link, seen, upstream } = await started({ lost })
    server.sessions.clear()
    const texts = await Promise.all(
      [1, 2, 3].map((n) => textOf(link.request(toolCall('echo', { n })))),
    )
    expect(texts).toEqual(['{"n":1}', '{"n":2}', '{"n":3}'])
    expect(posts(server, 'initialize')).toHaveLength(2)
    expect(seen.renewals).toBe(1)
    expect(upstream.link('legacy')).toBe(link)
  },
)

it('messages that belong to no call come over the GET stream, which is opened again when it ends', async () => {
  const { server, seen } = await started({ stream: true })
  await eventually(() => expect(server.openStreams()).toBe(1))
  server.announce({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }, 'e1')
  await eventually(() => expect(seen.notifications).toHaveLength(1))
  server.dropStreams()
  const gets = () => server.seen.filter(({ verb }) => verb === 'GET')
  await eventually(() => expect(gets()).toHaveLength(2))
  expect(gets()[1]?.headers['last-event-id']).toBe('e1')
  server.announce({ jsonrpc: '2.0', method: 'notifications/prompts/list_changed' })
  await eventually(() => expect(seen.notifications).toHaveLength(2))
})

it('a call is repeated once only: a server that forgets every session is not asked for ever', async () => {
  const server = await startOddServer({ forgetful: true })
  release.push(() => server.close())
  const { upstream, seen } = connectTo(server.url)
  await upstream.start()
  const link = await upstream.ready('legacy')
  const { message } = await link.request(toolCall('echo'))
  expect(message.error).toMatchObject({ code: -32000 })
  const methods = server.seen.map(({ body }) => body?.method)
  expect(methods.filter((method) => method === 'initialize')).toHaveLength(2)
  expect(methods.filter((method) => method === 'tools/call')).toHaveLength(2)
  expect(seen.renewals).toBe(1)
})

it('a session that cannot be opened again fails its calls, and the server is connected to anew', async () => {
  const options: { refuseInitialize?: { status: number; body: object } } = {}
  const server = await startOddServer(options)
  release.push(() => server.close())
  const { upstream, seen } = connectTo(server.url)
  await upstream.start()
  const link = await upstream.ready('legacy')
  server.sessions.clear()
  options.refuseInitialize = { status: 503, body: {} }
  const calls = [link.request(toolCall('echo')), link.request(toolCall('echo'))]
  for (const end of await Promise.allSettled(calls))
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'UPSTREAM_UNAVAILABLE' } })
  expect(upstream.link('legacy')).toBeUndefined()
  delete options.refuseInitialize
  await eventually(() => expect(upstream.link('legacy')).toBeDefined())
  const next = await upstream.ready('legacy')
  expect(await textOf(next.request(toolCall('echo', { n: 1 })))).toBe('{"n":1}')
  expect(seen.restarts).toBeGreaterThan(0)
})

it('a session that is lost while only the stream is open is opened again', async () => {
  const { server, seen } = await started({ stream: true })
  await eventually(() => expect(server.openStreams()).toBe(1))
  server.sessions.clear()
  server.dropStreams()
  await eventually(() => expect(seen.renewals).toBe(1))
  await eventually(() => expect(server.openStreams()).toBe(1))
})

it('an aborted call that is being polled is polled no more', async () => {
  const { server, link } = await started()
  const caller = goneAfter(100)
  await expect(link.request(toolCall('polled-for-ever', {}, { caller }))).rejects.toMatchObject({
    code: 'DISPATCH_ABORTED',
  })
  await eventually(() => expect(server.openPolls()).toBe(0))
})

it.each([405, 404, 400])(
  'a server that refuses its stream with %i is asked once and keeps its session',
  async (noStream) => {
    const { server, link } = await started({ noStream })
    await textOf(link.request(toolCall('echo')))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(server.seen.filter(({ verb }) => verb === 'GET')).toHaveLength(1)
    expect(posts(server, 'initialize')).toHaveLength(1)
  },
)

it('a server that is not there yet is connected to when it comes', async () => {
  const port = await freePort()
  const { upstream } = connectTo(`http://127.0.0.1:${port}/mcp`)
  await upstream.start()
  expect(upstream.status).toMatchObject({
    state: 'failed',
    error: expect.stringContaining('ECONNREFUSED'),
  })
  await expect(upstream.ready('legacy', AbortSignal.timeout(10))).rejects.toThrow()
  await serve({ port })
  await eventually(() => expect(upstream.link('legacy')).toBeDefined())
})

it('a server that goes away and comes back is connected to again', async () => {
  const { server, upstream, link } = await started()
  await server.close()
  await expect(link.request(toolCall('echo'))).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
  })
  await eventually(() => expect(upstream.status.state).not.toBe('ready'))
  await serve({ port: server.port })
  await eventually(() => expect(upstream.status.state).toBe('ready'))
  const again = await upstream.ready('legacy')
  expect(await textOf(again.request(toolCall('echo')))).toBe('{}')
})

it.each([
  [401, 'UPSTREAM_REFUSED'],
  [403, 'UPSTREAM_REFUSED'],
  [500, 'UPSTREAM_UNAVAILABLE'],
])(
  'a server that answers everything with %i is down in both eras, of neither',
  async (status, code) => {
    const server = await serve({ always: { status } })
    const { upstream } = connectTo(server.url, {
      health: { every: 0, timeout: 500, restart: { least: 5000, most: 5000, max: 3 } },
    })
    await upstream.start()
    expect(upstream.status).toMatchObject({ state: 'failed', eras: [] })
    for (const era of ['legacy', 'modern'] as const)
      await expect(upstream.ready(era)).rejects.toMatchObject({ code })
  },
)

it('a server that chooses an unknown revision is refused', async () => {
  const server = await serve({ revision: '2031-01-01' })
  const { upstream } = connectTo(server.url)
  await upstream.start()
  expect(upstream.status.error).toContain('2031-01-01')
})

it('the everything server answers over Streamable HTTP, with its event store and its stream', async () => {
  const port = await freePort()
  const script = new URL(
    '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
    import.meta.url,
  ).pathname
  const child = spawn(process.execPath, [script, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: 'ignore',
  })
  release.push(() => child.kill('SIGKILL'))
  const { upstream } = connectTo(`http://127.0.0.1:${port}/mcp`, {
    health: { every: 0, timeout: 2000, restart: { least: 50, most: 100, max: 100 } },
  })
  await upstream.start()
  await eventually(() => expect(upstream.link('legacy')).toBeDefined(), 8000)
  const link = await upstream.ready('legacy')
  const list = await link.request({ message: makeRequest('tools/list'), edits: [], timeout: 5000 })
  const { tools } = list.message.result as { tools: { name: string }[] }
  expect(tools.map(({ name }) => name)).toContain('echo')
  expect(await textOf(link.request(toolCall('echo', { message: 'hello' })))).toBe('Echo: hello')
  const progress: unknown[] = []
  await link.request(
    toolCall(
      'trigger-long-running-operation',
      { duration: 0.2, steps: 2 },
      { meta: { progressToken: 'p' }, onNotification: (message) => progress.push(message.params) },
    ),
  )
  expect(progress).toEqual([
    expect.objectContaining({ progressToken: 'p', progress: 1 }),
    expect.objectContaining({ progressToken: 'p', progress: 2 }),
  ])
})
