// Every probe of the wire by name, one row each: what a hostile client or server tries, and the JSON it gets for it.
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, textOf } from '../gateway/peers.ts'
import { codeOf, post, raw } from '../gateway/raw.ts'
import { type Answers, echo, type Recorder, startRecorder } from '../gateway/recorder.ts'
import { runGateway, type Started, server } from '../gateway/running.ts'
import { modernRequest, openSession, type RpcAnswer, rpc } from '../support/rpc.ts'
import { PING } from './prey.ts'

let gateway: Started
let recorder: Recorder

const MANY = 4000
const noise = (level = 'info') => ({
  method: 'notifications/message',
  params: { level, logger: 'flood', data: 'x'.repeat(100) },
})

/** What the tool of that name does instead of answering. */
const UPSTREAM: Readonly<Record<string, (answers: Answers, id: unknown) => void>> = {
  garbage: (answers) => answers.raw('<html>SECRET</html>'),
  never: () => {},
  twice: (answers, id) =>
    answers.events([
      { id, result: { content: [{ type: 'text', text: 'first' }] } },
      { id, result: { content: [{ type: 'text', text: 'second' }] } },
    ]),
  floods: (answers, id) =>
    answers.events([
      ...Array.from({ length: MANY }, () => noise()),
      { id, result: { content: [{ type: 'text', text: 'after the flood' }] } },
    ]),
  drowns: (answers) =>
    answers.events(
      Array.from({ length: MANY }, () => noise()),
      { open: true },
    ),
}

beforeAll(async () => {
  recorder = await startRecorder({
    eras: 'legacy',
    capabilities: { tools: {}, logging: {} },
    tools: ['echo', ...Object.keys(UPSTREAM)],
    call(received, answers) {
      const does = UPSTREAM[String(received.message.params?.name)]
      if (does) does(answers, received.message.id)
      else echo(received, answers)
    },
  })
  const limits = { header_timeout: '1s', request_timeout: '3s' }
  gateway = await runGateway({ servers: [server('rec', recorder.url)], limits })
})

afterAll(async () => {
  await gateway?.stop({ now: true })
  await recorder?.close()
})

interface Answer {
  readonly status: number
  readonly code: string
}

const portOf = () => Number(new URL(gateway.url).port)

/** Bytes on a socket of one's own; the answer must be JSON. */
async function bytes(text: string, more?: (socket: Socket) => void): Promise<Answer> {
  const answer = await raw(portOf(), text, { ms: 8000, ...(more && { more }) })
  return { status: answer.status, code: codeOf(answer) }
}

/** The same through an HTTP client; the answer must be one JSON-RPC error. */
async function sent(answer: Promise<RpcAnswer>): Promise<Answer> {
  const { status, headers, response, text } = await answer
  expect(headers.get('content-type'), text).toBe('application/json')
  return { status, code: String(response?.error?.data?.code ?? 'no error') }
}

const sessionLine = async () =>
  `Mcp-Session-Id: ${(await openSession(gateway.url)).headers['mcp-session-id']}`

function modern(change: Record<string, string | undefined>, version?: string): Promise<Answer> {
  const { body, headers } = modernRequest('tools/call', { name: 'rec__echo' })
  const meta = { ...(body.params?._meta as object) }
  if (version !== undefined)
    Object.assign(meta, { 'io.modelcontextprotocol/protocolVersion': version })
  const changed = { ...body, params: { ...body.params, _meta: meta } }
  return sent(rpc(gateway.url, changed, { ...headers, ...change }))
}

const nested = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`

/** The probes of clients, in the order in which they are asked for. */
const PROBES: readonly (readonly [string, () => Promise<Answer>, number, string])[] = [
  ['foreign Host', () => bytes(post(PING, [], 'evil.example')), 403, 'WIRE_HOST_REFUSED'],
  [
    'foreign Origin',
    () => bytes(post(PING, ['Origin: http://evil.example'])),
    403,
    'WIRE_ORIGIN_REFUSED',
  ],
  ['Origin: null', () => bytes(post(PING, ['Origin: null'])), 403, 'WIRE_ORIGIN_REFUSED'],
  ['two Host headers', () => bytes(post(PING, ['Host: localhost'])), 403, 'WIRE_HOST_REFUSED'],
  ['bad JSON', () => bytes(post('{"jsonrpc":"2.0",')), 400, 'WIRE_PARSE'],
  ['empty batch', () => bytes(post('[]')), 400, 'WIRE_BATCH'],
  [
    'batch in a revision without',
    async () => bytes(post(`[${PING}]`, [await sessionLine(), 'MCP-Protocol-Version: 2025-11-25'])),
    400,
    'WIRE_BATCH',
  ],
  [
    'id null',
    () => bytes(post('{"jsonrpc":"2.0","id":null,"method":"ping"}')),
    400,
    'WIRE_INVALID_REQUEST',
  ],
  // a request without it accepts anything (RFC 9110 section 12.5.1), so it is served; one that names other types is 406
  [
    'no Accept',
    async () => bytes(post(PING, [await sessionLine()]).replace(/Accept: .*\r\n/, '')),
    200,
    '',
  ],
  [
    'no Accept for us',
    async () =>
      bytes(post(PING, [await sessionLine()]).replace(/Accept: .*\r\n/, 'Accept: text/html\r\n')),
    406,
    'WIRE_NOT_ACCEPTABLE',
  ],
  [
    'wrong content type',
    () => bytes(post(PING).replace('application/json', 'text/plain')),
    415,
    'WIRE_UNSUPPORTED_MEDIA',
  ],
  ['unknown session', () => bytes(post(PING, ['Mcp-Session-Id: guessed'])), 404, 'SESSION_UNKNOWN'],
  ['missing session', () => bytes(post(PING)), 400, 'SESSION_REQUIRED'],
  [
    '12 MB body',
    () => bytes(post('').replace('Content-Length: 0', 'Content-Length: 12000000'), flood),
    413,
    'WIRE_TOO_LARGE',
  ],
  ['200,000-deep nesting in 400 kB', () => bytes(post(nested)), 400, 'WIRE_TOO_DEEP'],
  ['header/body mismatch', () => modern({ 'mcp-name': 'rec__other' }), 400, 'WIRE_HEADER_MISMATCH'],
  [
    'unknown method',
    async () => {
      const { body, headers } = modernRequest('tools/destroy')
      return sent(rpc(gateway.url, body, headers))
    },
    404,
    'WIRE_METHOD_NOT_FOUND',
  ],
  [
    'unknown version',
    () => modern({ 'mcp-protocol-version': '2031-01-01' }, '2031-01-01'),
    400,
    'WIRE_UNSUPPORTED_VERSION',
  ],
  [
    'two session headers',
    async () => bytes(post(PING, [await sessionLine(), await sessionLine()])),
    404,
    'SESSION_UNKNOWN',
  ],
  ['slow header', () => bytes('POST /mcp HTTP/1.1\r\nHost: localhost\r\n'), 408, 'WIRE_TIMEOUT'],
  [
    'slow body',
    () => bytes(post('{').replace('Content-Length: 1', 'Content-Length: 100')),
    408,
    'WIRE_TIMEOUT',
  ],
  [
    'oversize header',
    () => bytes(post(PING, [`X-Long: ${'x'.repeat(40_000)}`])),
    431,
    'WIRE_TOO_LARGE',
  ],
]

function flood(socket: Socket): void {
  const chunk = 'x'.repeat(100_000)
  for (let turn = 0; turn < 120; turn++) socket.write(chunk)
}

describe('a client', () => {
  it.each(PROBES)('%s', async (_name, probe, status, code) => {
    expect(await probe()).toEqual({ status, code })
    // whatever it was, the next client is served
    const peer = await connect('legacy', gateway.url)
    expect(textOf(await peer.call('rec__echo', { a: 1 }))).toBe('{"a":1}')
  })

  it.each(['__proto__', 'constructor'])('%s as a key', async (key) => {
    const args = `{"${key}":{"polluted":1},"nested":{"${key}":{"prototype":{"polluted":1}}}}`
    const { headers } = await openSession(gateway.url)
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rec__echo","arguments":${args},"${key}":{"polluted":1}}}`
    const answer = await rpc(gateway.url, body, headers)
    expect([answer.status, textOf(answer.response)]).toEqual([200, args])
    expect(recorder.calls('tools/call').at(-1)?.raw).toContain(args)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('an upstream', () => {
  it.each([
    ['answers garbage', 'garbage', 'UPSTREAM_PROTOCOL'],
    ['never answers', 'never', 'UPSTREAM_TIMEOUT'],
    ['floods and never answers', 'drowns', 'UPSTREAM_TIMEOUT'],
  ])('%s', async (_name, tool, code) => {
    const peer = await connect('legacy', gateway.url)
    const answer = await peer.request('tools/call', { name: `rec__${tool}` }, { id: tool })
    expect(answer.response).toMatchObject({ id: tool, error: { code: -32603, data: { code } } })
    expect(answer.text).not.toMatch(/SECRET|<html/)
    await servesAgain()
  })

  it.each([
    ['answers twice', 'twice', 'first'],
    ['floods', 'floods', 'after the flood'],
  ])('%s', async (_name, tool, text) => {
    const peer = await connect('legacy', gateway.url)
    const answer = await peer.request('tools/call', { name: `rec__${tool}` }, { id: tool })
    const responses = answer.messages.filter(({ method }) => method === undefined)
    expect(responses).toMatchObject([{ id: tool, result: { content: [{ text }] } }])
    await servesAgain()
  })

  async function servesAgain(): Promise<void> {
    const peer = await connect('legacy', gateway.url)
    await expect
      .poll(async () => textOf(await peer.call('rec__echo', { a: 1 })), { timeout: 5000 })
      .toBe('{"a":1}')
  }
})
