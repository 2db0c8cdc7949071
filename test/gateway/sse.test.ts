// HTTP+SSE of 2024-11-05 towards clients: the same gateway for those that speak nothing newer, under the same checks.
import { request as httpRequest } from 'node:http'
import {
  SSEClientTransport as ModernTransport,
  Client as NewClient,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { deny } from '../../src/plugin.ts'
import { createFakeClock } from '../base/fake-clock.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { startFixture } from '../support/fixture.ts'
import { openSession, rpc } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'
import { echo, type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, LISTEN, runGateway, type Started, server } from './running.ts'
import { openSse, type SsePeer } from './sse-peer.ts'

let recorder: Recorder
beforeEach(async () => {
  recorder = await startRecorder({
    tools: ['echo', 'never', 'large', 'steps'],
    call(received, answers) {
      const { id, params } = received.message
      const name = params?.name
      const { progressToken } = (params?._meta ?? {}) as { progressToken?: unknown }
      if (name === 'steps')
        answers.events([
          { method: 'notifications/progress', params: { progressToken, progress: 1 } },
          { id, result: { content: [] } },
        ])
      else if (name === 'large')
        answers.result({ content: [{ type: 'text', text: 'x'.repeat(1_500_000) }] })
      else if (name !== 'never') echo(received, answers)
    },
  })
})
afterEach(() => recorder.close())

const start = (entries: readonly CodeEntry[] = [], more: object = {}, listen: object = {}) =>
  runGateway(
    {
      listen: { port: 0, sse: {}, ...listen },
      servers: [server('rec', recorder.url)],
      ...more,
    },
    entries,
  )
const sseOf = ({ url }: Started, path = '/sse') => new URL(path, url).href

describe('a client of the SDK', () => {
  const transports = {
    'version 1': async (url: URL) => {
      const client = new Client({ name: 'old', version: '1' })
      await client.connect(new SSEClientTransport(url))
      return client
    },
    'version 2': async (url: URL) => {
      const client = new NewClient({ name: 'new', version: '1' })
      await client.connect(new ModernTransport(url))
      return client
    },
  }
  it.each(Object.entries(transports))('in %s lists and calls', async (version, connect) => {
    const surfaces: unknown[] = []
    await using gateway = await start([
      {
        name: 'sees',
        hooks: {
          tool_pre_invoke: (_, { surface, era, session, client }) =>
            void surfaces.push([surface, era, typeof session, client?.name]),
        },
      },
    ])
    const client = await connect(new URL(sseOf(gateway)))
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual([
      'rec__echo',
      'rec__never',
      'rec__large',
      'rec__steps',
    ])
    expect(await client.callTool({ name: 'rec__echo', arguments: { a: 1 } })).toMatchObject({
      content: [{ text: '{"a":1}' }],
    })
    await client.ping()
    await expect(client.callTool({ name: 'rec__nothing' })).rejects.toMatchObject({ code: -32602 })
    expect(surfaces).toEqual([['sse', 'legacy', 'string', version === 'version 1' ? 'old' : 'new']])
    await client.close()
  })
})

it('is not there unless it is configured', async () => {
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
  const answer = await fetch(sseOf(gateway))
  expect(answer.status).toBe(404)
})

it('names the URL to post to first, with an id nobody can guess', async () => {
  await using gateway = await start([], {}, { sse: { path: '/old' } })
  const ids = new Set<string>()
  for (let round = 0; round < 3; round++) {
    await using peer = await openSse(sseOf(gateway, '/old'))
    expect(peer.events[0]?.event).toBe('endpoint')
    expect(peer.events[0]?.data).toMatch(/^\/old\?sessionId=[0-9a-f-]{36}$/)
    ids.add(peer.post)
  }
  expect(ids.size).toBe(3)
})

it('takes a message with 202 and answers on the stream, as event message', async () => {
  await using gateway = await start()
  await using peer = await openSse(sseOf(gateway))
  const sent = await peer.send({ id: 1, method: 'initialize', params: OPENING })
  expect([sent.status, sent.text]).toEqual([202, ''])
  const answer = await peer.answer(1)
  expect(answer.result).toMatchObject({ protocolVersion: '2024-11-05' })
  expect(peer.events.at(-1)?.event).toBe('message')
  expect((await peer.send({ method: 'notifications/initialized' })).status).toBe(202)
  expect(
    (await peer.ask(2, 'tools/call', { name: 'rec__echo', arguments: {} })).result,
  ).toBeDefined()
  expect((await peer.ask(3, 'no/such/method')).error?.code).toBe(-32601)
})

const OPENING = {
  protocolVersion: '2024-11-05',
  capabilities: {},
  clientInfo: { name: 'raw', version: '1' },
}

it('passes denials by policy on the stream, and lets policies see each HTTP request', async () => {
  const seen: string[] = []
  await using gateway = await start([
    {
      name: 'no',
      hooks: {
        tool_pre_invoke: () => deny({ code: 'NO', reason: 'no' }),
        http_pre_request: ({ method, path, headers }) => {
          seen.push(`${method} ${path}`)
          return headers['x-no'] ? deny({ code: 'NO_HTTP', reason: 'no' }) : undefined
        },
        http_post_request: ({ method, status }) => void seen.push(`${method} ${status}`),
      },
    },
  ])
  await using peer = await openSse(sseOf(gateway), OPENING)
  expect((await peer.ask(5, 'tools/call', { name: 'rec__echo' })).result).toMatchObject({
    isError: true,
  })
  expect(seen).toEqual([
    ...['GET /sse', 'GET 200', 'POST /sse', 'POST 202', 'POST /sse', 'POST 202'],
    ...['POST /sse', 'POST 202'],
  ])
  const denied = await peer.send({ id: 6, method: 'ping' }, { 'x-no': '1' })
  expect([denied.status, denied.response?.error?.data?.code]).toEqual([403, 'NO_HTTP'])
})

it('does not carry out a message whose acceptance a policy refused', async () => {
  await using gateway = await start([
    {
      name: 'no',
      hooks: {
        http_post_request: ({ headers, status }) =>
          status === 202 && refusing ? deny({ code: 'NO', reason: 'no' }) : void headers,
      },
    },
  ])
  let refusing = false
  await using peer = await openSse(sseOf(gateway), OPENING)
  refusing = true
  const call = { id: 5, method: 'tools/call', params: { name: 'rec__echo' } }
  expect((await peer.send(call)).status).toBe(403)
  refusing = false
  await peer.ask(6, 'ping')
  expect(recorder.calls('tools/call')).toEqual([])
})

describe('refuses', () => {
  const code = ({ status, response }: { status: number; response?: Answer['response'] }) => [
    status,
    response?.error?.data?.code,
  ]
  type Answer = Awaited<ReturnType<SsePeer['send']>>

  it('messages to no stream, and to one that has ended', async () => {
    await using gateway = await start()
    const url = sseOf(gateway)
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
    // told so, a client that tried Streamable HTTP first goes on to GET
    const without = await rpc(url, ping)
    expect([without.status, without.headers.get('allow')]).toEqual([405, 'GET, POST'])
    expect((await rpc(url, '', {}, { method: 'DELETE' })).status).toBe(405)
    const unknown = `${url}?sessionId=00000000-0000-0000-0000-000000000000`
    expect(code(await rpc(unknown, ping))).toEqual([404, 'SESSION_UNKNOWN'])
    const peer = await openSse(url, OPENING)
    const { post } = peer
    await peer[Symbol.asyncDispose]()
    await eventually(async () =>
      expect(code(await rpc(post, ping))).toEqual([404, 'SESSION_UNKNOWN']),
    )
  })

  it('the id of a stream as a session of Streamable HTTP', async () => {
    await using gateway = await start()
    await using peer = await openSse(sseOf(gateway), OPENING)
    const id = new URL(peer.post).searchParams.get('sessionId') ?? ''
    const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' }
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
    expect(code(await rpc(gateway.url, ping, headers))).toEqual([404, 'SESSION_UNKNOWN'])
  })

  it('requests before initialize, and a second initialize', async () => {
    await using gateway = await start()
    await using peer = await openSse(sseOf(gateway))
    expect(code(await peer.send({ id: 1, method: 'tools/list' }))).toEqual([
      400,
      'SESSION_REQUIRED',
    ])
    const open = { id: 2, method: 'initialize', params: OPENING }
    const answers = await Promise.all([peer.send(open), peer.send({ ...open, id: 3 })])
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 400])
    await eventually(() => expect(peer.events).toHaveLength(2))
    expect(code(await peer.send({ ...open, id: 4 }))).toEqual([400, 'WIRE_INVALID_REQUEST'])
  })

  it('what is no message, too large or of the wrong type', async () => {
    await using gateway = await start([], { limits: { body: '2KiB' } })
    await using peer = await openSse(sseOf(gateway), OPENING)
    expect(code(await rpc(peer.post, '{'))).toEqual([400, 'WIRE_PARSE'])
    expect(code(await rpc(peer.post, [{ jsonrpc: '2.0', id: 1, method: 'ping' }]))[0]).toBe(400)
    const long = { jsonrpc: '2.0', id: 1, method: 'ping', params: { a: 'x'.repeat(3000) } }
    expect(code(await rpc(peer.post, long))).toEqual([413, 'WIRE_TOO_LARGE'])
    const text = await rpc(peer.post, '{}', { 'content-type': 'text/plain' })
    expect(code(text)).toEqual([415, 'WIRE_UNSUPPORTED_MEDIA'])
    const wanted = await fetch(sseOf(gateway), { headers: { accept: 'application/json' } })
    expect(wanted.status).toBe(406)
    const twice = '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}'
    expect(code(await rpc(peer.post, twice))).toEqual([400, 'WIRE_DUPLICATE_MEMBER'])
  })

  it('foreign hosts and origins, on both methods', async () => {
    await using gateway = await start()
    await using peer = await openSse(sseOf(gateway), OPENING)
    for (const [method, url] of [
      ['GET', sseOf(gateway)],
      ['POST', peer.post],
    ] as const) {
      expect(await statusOf(url, method, { host: 'evil.example' })).toBe(403)
      expect(await statusOf(url, method, { origin: 'https://evil.example' })).toBe(403)
      expect(await statusOf(url, method, { origin: 'null' })).toBe(403)
    }
  })

  const statusOf = (url: string, method: string, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const all = { 'content-type': 'application/json', ...headers }
      const sent = httpRequest(url, { method, headers: all }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
      sent.once('error', reject).end(method === 'POST' ? '{}' : undefined)
    })

  it('more streams than there may be sessions', async () => {
    await using gateway = await start([], { limits: { sessions: 1 } })
    await using _first = await openSse(sseOf(gateway), OPENING)
    const second = await fetch(sseOf(gateway))
    expect([second.status, ((await second.json()) as RpcError).error.data.code]).toEqual([
      503,
      'SESSION_LIMIT',
    ])
  })
  interface RpcError {
    readonly error: { readonly data: { readonly code: string } }
  }

  it('more requests than may wait for their answers', async () => {
    await using gateway = await start()
    await using peer = await openSse(sseOf(gateway), OPENING)
    for (let id = 1; id <= 64; id++)
      await peer.send({ id, method: 'tools/call', params: { name: 'rec__never' } })
    const call = { id: 65, method: 'tools/call', params: { name: 'rec__echo' } }
    expect(code(await peer.send(call))).toEqual([429, 'SESSION_BUSY'])
    // and what ends one makes room
    await peer.send({ method: 'notifications/cancelled', params: { requestId: 7 } })
    await eventually(async () => expect((await peer.send(call)).status).toBe(202))
  })
})

it('the end of the stream ends the session and aborts its calls', async () => {
  const ended: unknown[] = []
  await using gateway = await start([
    { name: 'sees', hooks: { session_post_close: ({ cause }) => void ended.push(cause) } },
  ])
  const peer = await openSse(sseOf(gateway), OPENING)
  await peer.send({ id: 1, method: 'tools/call', params: { name: 'rec__never' } })
  await eventually(() => expect(recorder.calls('tools/call')).toHaveLength(1))
  const { runtime } = gateway.gateway.state()
  await peer[Symbol.asyncDispose]()
  await runtime.drained()
  await eventually(() => expect(recorder.calls('notifications/cancelled')).toHaveLength(1))
  await gateway.observed()
  expect(ended).toEqual(['stream ended'])
})

it('one that goes on keeps no place for sessions that nobody uses', async () => {
  const clock = createFakeClock()
  await using gateway = await runGateway(
    { listen: { port: 0, sse: {} }, limits: { sessions: 2 } },
    [],
    { clock },
  )
  await using peer = await openSse(sseOf(gateway), OPENING)
  await openSession(gateway.url)
  clock.pass(120_000)
  await peer.ask(1, 'ping')
  expect((await openSession(gateway.url)).initialize.status).toBe(200)
})

it('carries what servers say on their own account, and progress before its answer', async () => {
  await using gateway = await start()
  await using peer = await openSse(sseOf(gateway), OPENING)
  await eventually(() => expect(recorder.streams()).toBeGreaterThan(0))
  recorder.announce({ method: 'notifications/tools/list_changed' })
  await eventually(() =>
    expect(peer.messages().map(({ method }) => method)).toContain(
      'notifications/tools/list_changed',
    ),
  )
  const before = peer.events.length
  const _meta = { progressToken: 'mine' }
  await peer.ask(4, 'tools/call', { name: 'rec__steps', arguments: {}, _meta })
  expect(peer.messages().slice(before - 1)).toMatchObject([
    { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
    { id: 4, result: { content: [] } },
  ])
})

it('answers a client that reads slowly whole, in order, without giving it up', async () => {
  await using gateway = await start([], { limits: { response: '4MiB' } })
  await using peer = await openSse(sseOf(gateway), OPENING)
  peer.pause()
  for (let id = 10; id < 20; id++)
    await peer.send({ id, method: 'tools/call', params: { name: 'rec__large' } })
  await eventually(() => expect(recorder.calls('tools/call')).toHaveLength(10))
  await new Promise((resolve) => setTimeout(resolve, 200))
  peer.resume()
  await eventually(() => expect(peer.messages().filter(({ result }) => result)).toHaveLength(11))
  const ids = peer.messages().map(({ id }) => id)
  expect(new Set(ids)).toEqual(new Set([0, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]))
})

describe('in time', () => {
  // what the stream does every 15 s happens ten times a second
  const quick: Clock = {
    ...systemClock,
    after: (ms, run) => systemClock.after(ms === 15_000 ? 100 : ms, run),
  }
  const hurried = () =>
    runGateway({ listen: { port: 0, sse: {} }, servers: [server('rec', recorder.url)] }, [], {
      clock: quick,
    })

  it('a silent stream is kept alive by comments', async () => {
    await using gateway = await hurried()
    const end = new AbortController()
    const answer = await fetch(sseOf(gateway), { signal: end.signal })
    let text = ''
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      if (text.split(': keep-alive').length > 3) break
    }
    expect(text).toMatch(/^event: endpoint\ndata: .*\n\n(: keep-alive\n\n){3}/)
    end.abort()
  })

  it('a client that reads nothing is given up, and what it holds with it', async () => {
    await using gateway = await hurried()
    await using peer = await openSse(sseOf(gateway), OPENING)
    peer.pause()
    for (let id = 10; id < 30; id++)
      await peer.send({ id, method: 'tools/call', params: { name: 'rec__large' } })
    await eventually(async () => {
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
      expect((await rpc(peer.post, ping)).status).toBe(404)
    })
    await gateway.gateway.state().runtime.drained()
  })
})

it('a stream that never says initialize is ended', async () => {
  await using gateway = await start([], { limits: { header_timeout: '300ms' } })
  await using peer = await openSse(sseOf(gateway))
  await eventually(() => expect(peer.ended()).toBe(true))
})

it('ends with the gateway', async () => {
  const gateway = await start()
  await using peer = await openSse(sseOf(gateway), OPENING)
  await using silent = await openSse(sseOf(gateway))
  const started = performance.now()
  await gateway.stop()
  expect(performance.now() - started).toBeLessThan(5000)
  await eventually(() => expect([peer.ended(), silent.ended()]).toEqual([true, true]))
})

it('a reload moves it and takes it away', async () => {
  await using directory = await temporaryDirectory()
  const write = (listen: object) =>
    directory.write(
      'gateway.yaml',
      JSON.stringify({ version: 1, ...LISTEN, listen: { port: 0, ...listen } }),
    )
  const configFile = await write({ sse: {} })
  await using gateway = await runGateway({}, [], { configFile })
  await using _peer = await openSse(sseOf(gateway), OPENING)
  await write({ sse: { path: '/elsewhere' } })
  expect((await gateway.reload()).outcome).toBe('applied')
  expect((await fetch(sseOf(gateway))).status).toBe(404)
  await using moved = await openSse(sseOf(gateway, '/elsewhere'), OPENING)
  expect((await moved.ask(1, 'ping')).result).toEqual({})
  await write({})
  expect((await gateway.reload()).outcome).toBe('applied')
  expect((await rpc(moved.post, { jsonrpc: '2.0', id: 1, method: 'ping' })).status).toBe(404)
})

it('servers ask its client, and its answers find their way back', async () => {
  const fixture = await startFixture()
  await using gateway = await runGateway({
    listen: { port: 0, sse: {} },
    servers: [server('real', fixture.url)],
  })
  const client = new Client({ name: 'old', version: '1' }, { capabilities: { sampling: {} } })
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'mine',
    role: 'assistant',
    content: { type: 'text', text: 'said by the client' },
  }))
  await client.connect(new SSEClientTransport(new URL(sseOf(gateway))))
  const result = await client.callTool({
    name: 'real__test_sampling',
    arguments: { prompt: 'say something' },
  })
  expect(JSON.stringify(result.content)).toContain('said by the client')
  await client.close()
  await fixture.stop()
})
