// docs/pipeline.md section 6: what the other side gets when a policy refuses, per family of points; a fault is something else.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deny, type PluginContext, type Violation } from '../../src/plugin.ts'
import { rpc } from '../support/rpc.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

const VIOLATION: Violation = {
  code: 'NOT_ALLOWED',
  reason: 'amount above the limit',
  description: 'told-to-nobody-1',
  details: { rule: 'told-to-nobody-2' },
  httpStatus: 451,
  httpHeaders: { 'x-policy': 'yes', 'retry-after': '7' },
}

let recorder: Recorder
let gateway: Started

/** Denies where the client's name says the point, or, before the client is known, a header does. */
const refusing = (point: string) => (payload: object, ctx: PluginContext) => {
  const { headers } = payload as { headers?: Record<string, string> }
  const where = headers?.['x-deny-at'] ?? ctx.client?.name
  return where === point ? deny(VIOLATION) : undefined
}
const POINTS = [
  'session_pre_open', 'tool_pre_invoke', 'tool_post_invoke', 'prompt_pre_fetch', 'prompt_post_fetch',
  'resource_pre_fetch', 'resource_post_fetch', 'tool_post_list', 'prompt_post_list', 'resource_post_list',
  'notification_pre_forward',
] // biome-ignore format: a table

const entries: CodeEntry[] = [
  {
    name: 'secret-plugin-name',
    hooks: {
      ...Object.fromEntries(POINTS.map((point) => [point, refusing(point)])),
      http_pre_request(payload, ctx) {
        ctx.state.deny = payload.headers['x-deny-at']
        return payload.headers['x-deny-at'] === 'http_pre_request' ? deny(VIOLATION) : undefined
      },
      http_post_request: (_, { state }) =>
        state.deny === 'http_post_request' ? deny(VIOLATION) : undefined,
    },
  },
  {
    name: 'broken',
    hooks: {
      tool_pre_invoke: (_, ctx) => broken('fault-pre', ctx),
      tool_post_invoke: (_, ctx) => broken('fault-post', ctx),
      prompt_pre_fetch: (_, ctx) => broken('fault-prompt', ctx),
      http_pre_request: ({ headers }) => {
        if (headers['x-deny-at'] === 'fault') throw new Error('told-to-nobody-3')
      },
    },
  },
]

function broken(name: string, ctx: PluginContext): undefined {
  if (ctx.client?.name === name) throw new Error('told-to-nobody-3')
}

beforeAll(async () => {
  recorder = await startRecorder({
    capabilities: { tools: {}, prompts: {}, resources: {} },
    list: (method) =>
      method === 'prompts/list'
        ? { prompts: [{ name: 'hello' }] }
        : method === 'resources/list'
          ? { resources: [{ uri: 'test://one', name: 'one' }] }
          : undefined,
    call: ({ message }, answers) =>
      answers.result(
        message.method === 'prompts/get'
          ? { messages: [{ role: 'user', content: { type: 'text', text: 'SECRET-RESULT' } }] }
          : message.method === 'resources/read'
            ? { contents: [{ uri: 'test://one', text: 'SECRET-RESULT' }] }
            : { content: [{ type: 'text', text: 'SECRET-RESULT' }] },
      ),
  })
  gateway = await runGateway({ servers: [server('rec', recorder.url)] }, entries)
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await recorder?.close()
})

const REQUEST_ID = expect.stringMatching(/^[0-9a-f-]{36}$/)
const DATA = { code: 'NOT_ALLOWED', reason: 'amount above the limit', requestId: REQUEST_ID }
const ERROR = { code: -31001, message: 'blocked by policy: amount above the limit', data: DATA }

// in the legacy era a session keeps the name it was opened with
const as = async (era: Peer['era'], name: string): Promise<Peer> => {
  if (era === 'modern') return connect(era, gateway.url, { client: { name, version: '1' } })
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name, version: '1' },
  }
  const opened = await rpc(gateway.url, { jsonrpc: '2.0', id: 0, method: 'initialize', params })
  const session = opened.headers.get('mcp-session-id') ?? ''
  const peer = await connect(era, gateway.url)
  return connectWith(peer, session)
}

function connectWith(peer: Peer, session: string): Peer {
  const headers = { ...peer.headers, 'mcp-session-id': session }
  const request: Peer['request'] = (method, params = {}, more = {}) =>
    rpc(
      gateway.url,
      { jsonrpc: '2.0', id: more.id ?? 1, method, params },
      { ...headers, ...more.headers },
    )
  return {
    ...peer,
    headers,
    request,
    notify: (method, params = {}) => rpc(gateway.url, { jsonrpc: '2.0', method, params }, headers),
    async call(name, args = {}) {
      const { response } = await request('tools/call', { name, arguments: args })
      return response as NonNullable<typeof response>
    },
  }
}

describe.each(ERAS)('in the %s era', (era) => {
  const modernType = era === 'modern' ? { resultType: 'complete' } : {}

  it('tool pre: HTTP 200 and a result that is an error, with the violation in _meta', async () => {
    const before = recorder.calls('tools/call').length
    const answer = await (await as(era, 'tool_pre_invoke')).request('tools/call', {
      name: 'rec__echo',
    })
    expect(answer.status).toBe(200)
    expect(answer.response).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        content: [
          { type: 'text', text: 'blocked by policy: amount above the limit (NOT_ALLOWED)' },
        ],
        isError: true,
        ...modernType,
        _meta: { 'portcullis/violation': { code: 'NOT_ALLOWED', requestId: REQUEST_ID } },
      },
    })
    expect(recorder.calls('tools/call').length).toBe(before)
  })

  it('tool post: it adds that the tool ran and its result is withheld', async () => {
    const before = recorder.calls('tools/call').length
    const answer = await (await as(era, 'tool_post_invoke')).request('tools/call', {
      name: 'rec__echo',
    })
    expect(answer.status).toBe(200)
    expect(answer.response?.result).toMatchObject({ isError: true, ...modernType })
    expect(textOf(answer.response)).toBe(
      'blocked by policy: amount above the limit (NOT_ALLOWED); the tool ran and its result is withheld',
    )
    expect(answer.text).not.toContain('SECRET-RESULT')
    expect(recorder.calls('tools/call').length).toBe(before + 1)
  })

  it.each([
    ['prompt_pre_fetch', 'prompts/get', { name: 'rec__hello' }],
    ['prompt_post_fetch', 'prompts/get', { name: 'rec__hello' }],
    ['resource_pre_fetch', 'resources/read', { uri: 'test://one' }],
    ['resource_post_fetch', 'resources/read', { uri: 'test://one' }],
    ['tool_post_list', 'tools/list', {}],
    ['prompt_post_list', 'prompts/list', {}],
    ['resource_post_list', 'resources/list', {}],
    ['resource_post_list', 'resources/templates/list', {}],
  ])('%s on %s: the JSON-RPC error -31001 at HTTP 200', async (point, method, params) => {
    const answer = await (await as(era, point)).request(method, params)
    expect(answer.status).toBe(200)
    expect(answer.response).toEqual({ jsonrpc: '2.0', id: 1, error: ERROR })
    expect(answer.text).not.toContain('SECRET-RESULT')
  })

  it('httpStatus and httpHeaders count at http points', async () => {
    const peer = await as(era, 'anybody')
    for (const point of ['http_pre_request', 'http_post_request']) {
      const answer = await peer.request(
        'tools/call',
        { name: 'rec__echo' },
        { headers: { 'x-deny-at': point } },
      )
      expect(answer.status).toBe(451)
      expect(answer.headers.get('x-policy')).toBe('yes')
      expect(answer.headers.get('retry-after')).toBe('7')
      expect(answer.response?.error).toEqual(ERROR)
      expect(answer.text).not.toContain('SECRET-RESULT')
    }
  })

  it('httpStatus and httpHeaders count at session points', async () => {
    const client = { name: 'session_pre_open', version: '1' }
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: client }
    const answer =
      era === 'legacy'
        ? await rpc(gateway.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
        : await (await as(era, client.name)).request('tools/list')
    expect(answer.status).toBe(451)
    expect(answer.headers.get('x-policy')).toBe('yes')
    expect(answer.headers.get('mcp-session-id')).toBeNull()
    expect(answer.response).toEqual({ jsonrpc: '2.0', id: 1, error: ERROR })
  })

  it('at the other points Retry-After alone counts, where headers are unsent', async () => {
    for (const [point, method, params] of [
      ['tool_pre_invoke', 'tools/call', { name: 'rec__echo' }],
      ['resource_pre_fetch', 'resources/read', { uri: 'test://one' }],
      ['tool_post_list', 'tools/list', {}],
    ] as const) {
      const answer = await (await as(era, point)).request(method, params)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([200, '7'])
      expect(answer.headers.get('x-policy')).toBeNull()
    }
  })

  it('on an event stream the answer is the same, and so is Retry-After', async () => {
    const peer = await as(era, 'tool_pre_invoke')
    const headers = { accept: 'text/event-stream' }
    const answer = await peer.request('tools/call', { name: 'rec__echo' }, { headers })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    expect(answer.headers.get('retry-after')).toBe('7')
    expect(textOf(answer.response)).toContain('NOT_ALLOWED')
  })

  it('a denied notification is dropped: the client gets its 202 all the same', async () => {
    const answer = await (await as(era, 'notification_pre_forward')).notify(
      'notifications/cancelled',
    )
    expect([answer.status, answer.text]).toEqual([202, ''])
    expect(gateway.logged()).toContain('notification_pre_forward')
  })

  it('description, details and plugin names go to the audit only', async () => {
    const answers = await Promise.all([
      (await as(era, 'tool_pre_invoke')).request('tools/call', { name: 'rec__echo' }),
      (await as(era, 'prompt_pre_fetch')).request('prompts/get', { name: 'rec__hello' }),
      (await as(era, 'fault-pre')).request('tools/call', { name: 'rec__echo' }),
    ])
    for (const { text } of answers)
      expect(text).not.toMatch(/told-to-nobody|secret-plugin-name|broken/)
    expect(gateway.logged()).toContain('told-to-nobody-1')
    expect(gateway.logged()).toContain('secret-plugin-name')
  })

  it.each([
    ['fault-pre', 'tools/call', { name: 'rec__echo' }],
    ['fault-post', 'tools/call', { name: 'rec__echo' }],
    ['fault-prompt', 'prompts/get', { name: 'rec__hello' }],
  ])('a fault (%s) is -32603 with data.code, never isError', async (name, method, params) => {
    const answer = await (await as(era, name)).request(method, params)
    expect(answer.status).toBe(200)
    expect(answer.response?.result).toBeUndefined()
    expect(answer.response?.error).toMatchObject({
      code: -32603,
      data: { code: 'PLUGIN_THREW', requestId: REQUEST_ID },
    })
    expect(answer.text).not.toMatch(/isError|told-to-nobody-3|SECRET-RESULT/)
  })

  it('a fault at an http point is -32603 with HTTP 500', async () => {
    const peer = await as(era, 'anybody')
    const headers = { 'x-deny-at': 'fault' }
    const answer = await peer.request('tools/call', { name: 'rec__echo' }, { headers })
    expect(answer.status).toBe(500)
    expect(answer.response?.error).toMatchObject({ code: -32603, data: { code: 'PLUGIN_THREW' } })
  })
})

it('a violation with httpStatus 401 comes with WWW-Authenticate, also when the plugin forgot it', async () => {
  const login: CodeEntry = {
    name: 'login',
    hooks: {
      http_pre_request: ({ headers }) =>
        deny({
          code: 'LOGIN',
          reason: 'log in',
          httpStatus: 401,
          ...(headers['x-own']
            ? { httpHeaders: { 'WWW-Authenticate': 'Bearer realm="own"' } }
            : {}),
        }),
    },
  }
  await using other = await runGateway({}, [login])
  const forgotten = await rpc(other.url, {})
  expect([forgotten.status, forgotten.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  const own = await rpc(other.url, {}, { 'x-own': '1' })
  expect([own.status, own.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="own"'])
})

it('a violation without httpStatus is 403 at an http point', async () => {
  const closed: CodeEntry = {
    name: 'closed',
    hooks: { http_pre_request: () => deny({ code: 'CLOSED', reason: 'closed' }) },
  }
  await using other = await runGateway({}, [closed])
  expect((await rpc(other.url, {})).status).toBe(403)
})

it('headers of a violation that frame the message are left out', async () => {
  const odd: CodeEntry = {
    name: 'odd',
    hooks: {
      http_pre_request: () =>
        deny({
          code: 'ODD',
          reason: 'odd',
          httpHeaders: {
            'Content-Length': '3',
            'Transfer-Encoding': 'chunked',
            'x-fine': 'fine',
          },
        }),
    },
  }
  await using other = await runGateway({}, [odd])
  const answer = await rpc(other.url, {})
  expect(answer.status).toBe(403)
  expect(answer.headers.get('x-fine')).toBe('fine')
  expect(answer.response?.error?.data).toMatchObject({ code: 'ODD' })
})
