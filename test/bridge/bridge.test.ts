// A client on pipes, carried to a real gateway over HTTP: both eras, its policies, streams, lost sessions, gateways that fail.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { type Bridge, createBridge } from '../../src/bridge/bridge.ts'
import { deny, type Hooks } from '../../src/plugin.ts'
import { createFakeClock } from '../base/fake-clock.ts'
import { textOf } from '../gateway/peers.ts'
import { type Answers, echo, type Recorder, type Sent, startRecorder } from '../gateway/recorder.ts'
import { runGateway, type Started, server } from '../gateway/running.ts'
import { INITIALIZED, initialize, isAnswer, type LineClient, lineClient } from '../support/lines.ts'
import { freePort } from '../support/ports.ts'
import { modernRequest, type RpcMessage } from '../support/rpc.ts'

let recorder: Recorder
let gateway: Started | undefined
let held: Answers[]
let bridges: Bridge[]

const MIRRORED = {
  name: 'mirrored',
  inputSchema: {
    type: 'object',
    properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
  },
}

beforeEach(async () => {
  held = []
  bridges = []
  recorder = await startRecorder({
    tools: ['echo', 'hold', 'talk', MIRRORED],
    call(received, answers) {
      const { name } = received.message.params ?? {}
      if (name === 'hold') held.push(answers)
      else if (name === 'talk') answers.events(progressOf(received.message))
      else echo(received, answers)
    },
  })
})
afterEach(async () => {
  for (const bridge of bridges) {
    bridge.lines.end()
    await bridge.close()
  }
  await gateway?.stop({ now: true })
  gateway = undefined
  await recorder.close()
})

const progressOf = ({ id, params }: Sent) => [
  {
    method: 'notifications/progress',
    params: { ...(params?._meta as object | undefined), progress: 1 },
  },
  { id, result: { content: [] } },
]

async function startGateway(hooks?: Hooks, config: object = {}): Promise<Started> {
  const entries = hooks ? [{ name: 'mine', hooks }] : []
  gateway = await runGateway({ servers: [server('rec', recorder.url)], ...config }, entries)
  return gateway
}

type BridgeClient = LineClient & { bridge: Bridge; output: PassThrough; input: PassThrough }

async function bridgeTo(
  url: string,
  headers = {},
  clock: Clock = systemClock,
): Promise<BridgeClient> {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const sink = { write: (bytes: Buffer, done: () => void) => void output.write(bytes, done) }
  const options = { url, headers, clock, log: silentLogger }
  const bridge = await createBridge(options, { input, output: sink })
  bridges.push(bridge)
  return { ...lineClient(input, output), bridge, input, output }
}

async function open(url: string, version?: string): Promise<BridgeClient> {
  const client = await bridgeTo(url)
  client.send(initialize(version), INITIALIZED)
  await client.line((line) => isAnswer(line, 'open'))
  return client
}

const modern = (method: string, params?: Record<string, unknown>, id: string | number = 1) =>
  modernRequest(method, params, { id }).body
const code = (message: unknown) => (message as RpcMessage).error?.data?.code
const callOf = (name: string, args: object = {}) => ({ name: `rec__${name}`, arguments: args })

describe('a client of the legacy era', () => {
  it('has a session at the gateway, with everything the gateway says in it', async () => {
    const { url } = await startGateway()
    const client = await open(url, '2025-06-18')
    expect(client.lines[0]).toMatchObject({
      result: { protocolVersion: '2025-06-18', serverInfo: { name: 'portcullis' } },
    })
    const call = await client.request(2, 'tools/call', callOf('echo', { a: 1 }))
    expect(textOf(call)).toBe('{"a":1}')
    expect((await client.request(3, 'no/such')).error?.code).toBe(-32601)
  })

  it('may send everything at once', async () => {
    const { url } = await startGateway()
    const client = await bridgeTo(url)
    client.send(initialize(), INITIALIZED, { jsonrpc: '2.0', id: 1, method: 'tools/list' })
    client.end()
    await client.line((line) => isAnswer(line, 1))
    await client.bridge.lines.over
    await client.bridge.lines.idle()
  })

  it('gets progress before the answer, and what servers say on their own account', async () => {
    const { url } = await startGateway()
    const client = await open(url)
    await client.request(2, 'tools/call', { ...callOf('talk'), _meta: { progressToken: 'p' } })
    expect(client.lines.slice(1)).toMatchObject([
      { method: 'notifications/progress', params: { progressToken: 'p' } },
      { id: 2, result: { content: [] } },
    ])
    await expect.poll(recorder.streams).toBeGreaterThan(0)
    await expect
      .poll(() => {
        recorder.announce({ method: 'notifications/tools/list_changed' })
        return client.lines.some((line) => (line as RpcMessage).method?.endsWith('list_changed'))
      })
      .toBe(true)
  })

  it('cancels, upstream too, and is not answered any more', async () => {
    const { url } = await startGateway()
    const client = await open(url)
    client.send({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: callOf('hold') })
    await expect.poll(() => held.length).toBe(1)
    const params = { requestId: 9 }
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
    await expect.poll(() => recorder.calls('notifications/cancelled').length).toBe(1)
    await client.request('after', 'ping')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(client.lines.filter((line) => isAnswer(line, 9))).toEqual([])
  })

  it('ends its session at the gateway when it has gone', async () => {
    const ended: string[] = []
    const { url } = await startGateway({
      session_post_close: ({ cause }) => void ended.push(cause),
    })
    const client = await open(url)
    await client.bridge.close()
    await gateway?.observed()
    expect(ended).toEqual(['client'])
  })

  it('is carried on in a new session when the gateway does not know the old one', async () => {
    const port = await freePort()
    const config = { listen: { port } }
    const { url } = await startGateway(undefined, config)
    const client = await open(url)
    await gateway?.stop({ now: true })
    await startGateway(undefined, config)
    const all = [2, 3, 4].map((id) => client.request(id, 'tools/call', callOf('echo', { id })))
    expect((await Promise.all(all)).map(textOf)).toEqual(['{"id":2}', '{"id":3}', '{"id":4}'])
    // one initialize, one answer to it: the client does not hear of the other
    expect(client.lines.filter((line) => isAnswer(line, 'open'))).toHaveLength(1)
    const { metrics } = (gateway as Started).gateway.adminHandle
    expect(await metrics()).toMatch(/portcullis_sessions[^\n]* 1\n/)
  })

  it('is refused a second initialize', async () => {
    const { url } = await startGateway()
    const client = await open(url)
    const again = await client.request(2, 'initialize', initialize().params)
    expect(code(again)).toBe('WIRE_INVALID_REQUEST')
  })

  it('sends batches and gets arrays, in the one revision that has them', async () => {
    const { url } = await startGateway()
    const batch = [
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: callOf('echo') },
    ]
    const client = await open(url, '2025-03-26')
    client.send(batch)
    const answers = (await client.line(Array.isArray)) as RpcMessage[]
    expect(answers.map(({ id }) => id)).toEqual([1, 2])
    const other = await open(url)
    other.send(batch)
    await other.line((line) => code(line) === 'WIRE_BATCH')
  })

  it('gets an answer to each request of a batch, also when the gateway gives the others up', async () => {
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 50))
    const { url } = await startGateway({ stream_message: slow }, { limits: { holdback: '1KiB' } })
    const talk = { ...callOf('talk'), _meta: { progressToken: 'p'.repeat(2000) } }
    const client = await open(url, '2025-03-26')
    client.send([
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: talk },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 9 } },
      { jsonrpc: '2.0', id: 'b', method: 'tools/call', params: callOf('hold') },
    ])
    const answers = (await client.line(Array.isArray)) as RpcMessage[]
    expect(answers.map((answer) => [answer.id, code(answer)])).toEqual([
      [1, 'UPSTREAM_PROTOCOL'],
      ['b', 'UPSTREAM_PROTOCOL'],
    ])
  })
})

describe('a client of the modern era', () => {
  it('needs no session; its headers are made from its messages', async () => {
    const { url } = await startGateway()
    const client = await bridgeTo(url)
    client.send(modern('server/discover'), modern('tools/call', callOf('echo', { a: 1 }), 2))
    expect(await client.line((line) => isAnswer(line, 1))).toMatchObject({
      result: { supportedVersions: ['2026-07-28'] },
    })
    expect(textOf((await client.line((line) => isAnswer(line, 2))) as RpcMessage)).toBe('{"a":1}')
  })

  it.each([[true], [false]])(
    'calls a tool that wants arguments in headers; listed before: %s',
    async (listed) => {
      const { url } = await startGateway()
      const client = await bridgeTo(url)
      if (listed) {
        client.send(modern('tools/list', {}, 1))
        await client.line((line) => isAnswer(line, 1))
      }
      client.send(modern('tools/call', callOf('mirrored', { region: 'eu' }), 2))
      const answer = (await client.line((line) => isAnswer(line, 2))) as RpcMessage
      expect(textOf(answer)).toBe('{"region":"eu"}')
      const [sent] = recorder.calls('tools/call')
      expect(sent?.headers['mcp-param-region']).toBe('eu')
    },
  )

  it('cancels by closing the answer, and nothing else is sent', async () => {
    const { url } = await startGateway()
    const client = await bridgeTo(url)
    client.send(modern('tools/call', callOf('hold'), 9))
    await expect.poll(() => held.length).toBe(1)
    const { id: _, ...cancel } = modern('notifications/cancelled', { requestId: 9 })
    client.send(cancel)
    await held[0]?.closed
    client.send(modern('server/discover', {}, 10))
    await client.line((line) => isAnswer(line, 10))
    expect(client.lines).toHaveLength(1)
  })

  it('that listens for changes does not hold up the end', async () => {
    const { url } = await startGateway()
    const client = await bridgeTo(url)
    const notifications = { toolsListChanged: true }
    client.send(modern('subscriptions/listen', { notifications }, 'sub'))
    await client.line((line) => JSON.stringify(line).includes('subscriptions/acknowledged'))
    client.end()
    await client.bridge.lines.over
    await client.bridge.lines.idle()
  })

  it('is given up everywhere when the bridge is ended', async () => {
    const { url } = await startGateway()
    const client = await bridgeTo(url)
    client.send(modern('tools/call', callOf('hold'), 9))
    await expect.poll(() => held.length).toBe(1)
    client.bridge.lines.end()
    await held[0]?.closed
    await client.bridge.lines.idle()
  })
})

describe('the policies of the gateway', () => {
  it('run there, and see the headers that the bridge was given', async () => {
    const seen: (string | undefined)[] = []
    const { url } = await startGateway({
      http_pre_request: ({ headers }) => void seen.push(headers['x-team']),
      tool_pre_invoke: (_, { surface }) => deny({ code: 'NO', reason: `not over ${surface}` }),
    })
    const client = await bridgeTo(url, { 'x-team': 'red' })
    client.send(modern('tools/call', callOf('echo'), 2))
    const answer = (await client.line((line) => isAnswer(line, 2))) as RpcMessage
    expect(textOf(answer)).toBe('blocked by policy: not over http (NO)')
    expect(seen).toEqual(['red'])
  })

  it('may refuse the HTTP request: the answer has the id of the message', async () => {
    const { url } = await startGateway({
      http_pre_request: () => deny({ code: 'SHUT', reason: 'closed', httpStatus: 403 }),
    })
    const client = await bridgeTo(url)
    client.send(modern('tools/list', {}, 'mine'))
    expect(await client.line((line) => isAnswer(line, 'mine'))).toMatchObject({
      error: { code: -31001, data: { code: 'SHUT' } },
    })
  })
})

describe('a line', () => {
  it('that is no message is answered with an error, and the next is taken', async () => {
    const { url } = await startGateway()
    const client = await open(url)
    client.send('{oops', '{"jsonrpc":"1.0","id":5,"method":"ping"}')
    await client.line((line) => code(line) === 'WIRE_PARSE')
    expect(code(await client.line((line) => isAnswer(line, 5)))).toBe('WIRE_INVALID_REQUEST')
    expect((await client.request(6, 'ping')).result).toEqual({})
  })
})

describe('a gateway that', () => {
  let stub: Server | undefined
  afterEach(() => {
    stub?.closeAllConnections()
    stub?.close()
  })

  async function stubOf(
    handle: (request: IncomingMessage, response: ServerResponse, message: Sent) => void,
  ): Promise<string> {
    stub = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const message = body === '' ? {} : (JSON.parse(body) as Sent)
      const { id, method, params } = message
      if (method === 'initialize') {
        response.setHeader('mcp-session-id', 's').setHeader('content-type', 'application/json')
        const result = { protocolVersion: params?.protocolVersion, capabilities: {} }
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
      } else if (request.method === 'POST' && id === undefined) response.writeHead(202).end()
      else handle(request, response, message)
    })
    await new Promise<void>((resolve) => stub?.listen(0, '127.0.0.1', resolve))
    const { port } = stub.address() as AddressInfo
    return `http://127.0.0.1:${port}/mcp`
  }

  it('is not there is an error for each request, and used when it comes', async () => {
    const port = await freePort()
    const client = await bridgeTo(`http://127.0.0.1:${port}/mcp`)
    client.send({ ...initialize(), id: 1 })
    const answer = (await client.line((line) => isAnswer(line, 1))) as RpcMessage
    expect([code(answer), answer.error?.message]).toEqual([
      'UPSTREAM_UNAVAILABLE',
      `server gateway at http://127.0.0.1:${port} could not be reached: ECONNREFUSED`,
    ])
    await startGateway(undefined, { listen: { port } })
    client.send(initialize(), INITIALIZED)
    await client.line((line) => isAnswer(line, 'open'))
    expect((await client.request(2, 'ping')).result).toEqual({})
  })

  it.each([
    ['answers with an error page', 502, 'text/html', '<html>', 'UPSTREAM_UNAVAILABLE'],
    ['asks for credentials', 401, 'text/plain', '', 'UPSTREAM_REFUSED'],
    ['redirects', 302, 'text/plain', '', 'UPSTREAM_PROTOCOL'],
    ['answers with HTML', 200, 'text/html', '<html>', 'UPSTREAM_PROTOCOL'],
    ['answers with no JSON', 200, 'application/json', '{oops', 'UPSTREAM_PROTOCOL'],
    [
      'ends a stream without the answer',
      200,
      'text/event-stream',
      ': hello\n\n',
      'UPSTREAM_PROTOCOL',
    ],
    [
      'answers another request',
      200,
      'application/json',
      '{"jsonrpc":"2.0","id":99,"result":{}}',
      'UPSTREAM_PROTOCOL',
    ],
  ] as const)(
    '%s is an error of the request it was to answer',
    async (_what, status, type, body, expected) => {
      // biome-ignore format: a table
      const url = await stubOf((request, response) => {
      if (request.method === 'GET') response.writeHead(405).end()
      else response.writeHead(status, { 'content-type': type, location: 'http://x' }).end(body)
    })
      const client = await open(url)
      expect(code(await client.request(2, 'ping'))).toBe(expected)
      expect(client.lines).toHaveLength(2)
    },
  )

  it('closes the stream of a call is asked for the rest, from the last event', async () => {
    const asked: unknown[] = []
    const url = await stubOf((request, response, { id }) => {
      if (request.method === 'POST') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(`id: e1\nretry: 20\ndata:\n\n`)
        return
      }
      const from = request.headers['last-event-id']
      if (from === undefined) return void response.writeHead(405).end()
      asked.push([from, request.headers['mcp-session-id']])
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      if (from === 'e1') response.end('id: e2\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n')
      else response.write(`id: e3\ndata: {"jsonrpc":"2.0","id":2,"result":{"late":true}}\n\n`)
      void id
    }) // biome-ignore format: frames
    const client = await open(url)
    expect((await client.request(2, 'ping')).result).toEqual({ late: true })
    expect(asked).toEqual([
      ['e1', 's'],
      ['e2', 's'],
    ])
    expect(client.lines).toMatchObject([
      { id: 'open' },
      { method: 'notifications/message' },
      { id: 2 },
    ])
  })

  it('says nothing for ten minutes is taken for dead, and its stream is taken up again', async () => {
    const opened: unknown[] = []
    const url = await stubOf((request, response) => {
      if (request.method === 'GET') {
        opened.push(request.headers['last-event-id'])
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: e7\ndata:\n\n')
      }
    })
    const clock = createFakeClock()
    const client = await bridgeTo(url, {}, clock)
    client.send(initialize(), INITIALIZED, { jsonrpc: '2.0', id: 2, method: 'tools/list' })
    await expect.poll(() => opened).toEqual([undefined])
    await new Promise((resolve) => setTimeout(resolve, 50))
    clock.pass(10 * 60_000)
    expect(code(await client.line((line) => isAnswer(line, 2)))).toBe('UPSTREAM_UNAVAILABLE')
    await new Promise((resolve) => setTimeout(resolve, 10))
    clock.pass(1000)
    await expect.poll(() => opened).toEqual([undefined, 'e7'])
  })

  it('finds a line too long says so for its request', async () => {
    const { url } = await startGateway()
    const client = await open(url)
    const params = callOf('echo', { text: 'x'.repeat(5 * 1024 * 1024) })
    const answer = await client.request(2, 'tools/call', params)
    expect(answer.error).toBeDefined()
    expect((await client.request(3, 'ping')).result).toEqual({})
  })

  it('sends faster than the client reads is held up', async () => {
    let written = 0
    const url = await stubOf((request, response, { id }) => {
      if (request.method === 'GET') return void response.writeHead(405).end()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const params = { data: 'x'.repeat(256 * 1024) }
      const note = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })
      const more = () => {
        while (written < 100) {
          written++
          if (!response.write(`data: ${note}\n\n`)) return void response.once('drain', more)
        }
        response.end(`data: {"jsonrpc":"2.0","id":${id},"result":{}}\n\n`)
      }
      more()
    })
    const client = await open(url)
    client.output.pause()
    client.send({ jsonrpc: '2.0', id: 2, method: 'ping' })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(written).toBeLessThan(100)
    client.output.resume()
    await client.line((line) => isAnswer(line, 2), 10_000)
    expect(client.lines).toHaveLength(102)
  })
})
