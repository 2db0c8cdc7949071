// Who sends a request: asked once for each, before it is read, at every door; and what a client is told that is not let in.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createGateway } from '../../src/app/gateway.ts'
import type { AuditEvent } from '../../src/audit/record.ts'
import type { PluginContext } from '../../src/plugin.ts'
import { INITIALIZED, initialize, isAnswer, pipeTo } from '../support/lines.ts'
import { modernRequest, openSession, type RpcAnswer, rpc } from '../support/rpc.ts'
import { bearer, type Guarded, guarded } from './guarded.ts'
import { connect, ERAS } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { memoryLog, runGateway, type Started, server } from './running.ts'
import { openSse } from './sse-peer.ts'

const config = (url: string) => ({
  servers: [server('rec', url)],
  virtual_servers: [{ name: 'part', path: '/mcp/part', tools: ['rec__*'] }],
  listen: { port: 0, sse: { path: '/sse' } },
  audit: { sinks: [{ type: 'log' }] },
})

let recorder: Recorder
let identity: Guarded
let started: Started
const callers: string[] = []

beforeAll(async () => {
  recorder = await startRecorder()
  identity = guarded()
  const note = (_: unknown, { principal }: PluginContext) => void callers.push(principal.id)
  const hooks = { http_pre_request: note, tool_pre_invoke: note, session_pre_open: note }
  started = await runGateway(config(recorder.url), [{ name: 'notes', hooks }], {
    identity: identity.room,
  })
})
afterAll(async () => {
  await started?.stop({ now: true })
  await recorder?.close()
})
beforeEach(() => {
  Object.assign(identity, { anonymous: true, slow: false })
  identity.shown.length = 0
  callers.length = 0
})

const at = (path: string) => new URL(path, started.url).href
const PING = { jsonrpc: '2.0', id: 7, method: 'ping' }
const CHALLENGE =
  'Bearer resource_metadata="https://gate.test/.well-known/oauth-protected-resource/api/mcp"'

/** Whoever was not let in learns why, and how to get in. */
function expectShut({ status, headers, response }: RpcAnswer, code: string): void {
  expect([status, response?.error?.code, response?.id]).toEqual([401, -31001, undefined])
  expect(response?.error?.data).toEqual({
    code,
    reason: expect.any(String),
    requestId: expect.any(String),
  })
  const error = code === 'AUTH_INVALID' ? ', error="invalid_token"' : ''
  expect(headers.get('www-authenticate')).toBe(CHALLENGE + error)
}

describe('without credentials where they are needed, and with wrong ones', () => {
  const modern = modernRequest('tools/list')
  const DOORS = [
    ['a request of the modern era', '/mcp', modern.body, modern.headers, {}],
    ['a request of the legacy era', '/mcp', PING, {}, {}],
    ['a virtual server', '/mcp/part', modern.body, modern.headers, {}],
    ['a batch', '/mcp', [PING], { 'mcp-session-id': 'any' }, {}],
    ['a body that is no JSON', '/mcp', 'no JSON', {}, {}],
    ['a GET stream', '/mcp', undefined, { 'mcp-session-id': 'any' }, { method: 'GET' }],
    ['the end of a session', '/mcp', undefined, { 'mcp-session-id': 'any' }, { method: 'DELETE' }],
    ['another HTTP method', '/mcp', undefined, {}, { method: 'PUT' }],
    ['the stream of HTTP+SSE', '/sse', undefined, {}, { method: 'GET' }],
    ['a message of HTTP+SSE', '/sse?sessionId=any', PING, {}, {}],
  ] as const

  it.each(DOORS)(
    '%s is 401 with WWW-Authenticate, unread',
    async (_, path, body, headers, more) => {
      identity.anonymous = false
      expectShut(await rpc(at(path), body, headers, more), 'AUTH_REQUIRED')
      expectShut(await rpc(at(path), body, { ...headers, ...bearer('nobody') }, more), 'AUTH_INVALID') // biome-ignore format: one call
      expect(identity.shown).toEqual([undefined, 'Bearer nobody'])
      expect(callers).toEqual(['anonymous', 'anonymous'])
    },
  )

  it('mounted in Express it is the same', async () => {
    const own = guarded()
    own.anonymous = false
    const gateway = await createGateway({
      config: { version: 1, ...config(recorder.url) },
      log: memoryLog(),
      identity: own.room,
    })
    const app = express().use('/gateway/mcp', gateway.mcp()).use(gateway.mcp())
    const listening = createServer(app)
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const { port } = listening.address() as AddressInfo
    const base = `http://127.0.0.1:${port}`
    expectShut(await rpc(`${base}/gateway/mcp`, PING), 'AUTH_REQUIRED')
    expectShut(await rpc(`${base}/mcp/part`, PING), 'AUTH_REQUIRED')
    const peer = await connect('modern', `${base}/gateway/mcp`, { headers: bearer('ann') })
    expect((await peer.call('rec__echo')).error).toBeUndefined()
    const metadata = await fetch(`${base}/.well-known/oauth-protected-resource/mcp/part`)
    expect(await metadata.json()).toEqual({ resource: 'https://gate.test/api/mcp' })
    listening.closeAllConnections()
    listening.close()
    await gateway.close()
  })

  it('too many attempts are 429 with Retry-After, and what cannot be found out is 503', async () => {
    const limited = await rpc(started.url, PING, bearer('many'))
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '30'])
    expect(limited.response?.error?.data?.code).toBe('AUTH_LIMITED')
    const unknown = await rpc(started.url, PING, bearer('unknown'))
    expect([unknown.status, unknown.response?.error?.data?.code]).toEqual([503, 'AUTH_UNAVAILABLE'])
  })

  it('a token that lacks what every token must have is 403 with what it needs', async () => {
    const answer = await rpc(started.url, PING, bearer('narrow'))
    expect([answer.status, answer.response?.error?.data?.code]).toEqual([403, 'AUTH_DENIED'])
    expect(answer.headers.get('www-authenticate')).toBe(
      `${CHALLENGE}, error="insufficient_scope", scope="mcp tools"`,
    )
  })

  it('it is audited as denied, without the credentials', async () => {
    const before = started.lines.length
    await rpc(started.url, PING, bearer('nobody-s3cret'))
    await started.observed()
    const lines = started.lines.slice(before)
    const audited = lines.map(({ fields }) => fields.audit as AuditEvent).filter(Boolean)
    expect(audited).toMatchObject([{ kind: 'execution', outcome: 'denied', code: 'AUTH_INVALID' }])
    expect(JSON.stringify(lines)).not.toContain('s3cret')
  })
})

describe('credentials that cannot be trusted to be read alike', () => {
  it.each([
    ['a token in the query', '?access_token=ann', {}],
    ['a token in the query beside one in the header', '?x=1&access_token=ann', bearer('ann')],
    ['an encoded name in the query', '?access%5Ftoken=ann', {}],
  ])('%s is refused', async (_, query, headers) => {
    const answer = await rpc(started.url + query, PING, headers)
    expect([answer.status, answer.response?.error?.data?.code]).toEqual([401, 'AUTH_INVALID'])
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_request"')
    expect(answer.text).not.toContain('ann')
    expect(identity.shown).toEqual([])
  })

  it('two Authorization headers are refused', async () => {
    const { host, port } = new URL(started.url)
    const raw = `POST /mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ann\r\nAuthorization: Bearer bob\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
    expect(await exchanged(Number(port), raw)).toMatch(/^HTTP\/1\.1 401 /)
    expect(identity.shown).toEqual([])
  })
})

async function exchanged(port: number, raw: string): Promise<string> {
  const { connect: open } = await import('node:net')
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = open(port, '127.0.0.1', () => socket.write(raw))
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    socket.once('end', () => resolve(text)).once('error', reject)
  })
}

describe.each(ERAS)('in the %s era', (era) => {
  it.each([false, true])(
    'every point after it knows who asks; something had to be fetched: %s',
    async (slow) => {
      identity.slow = slow
      const peer = await connect(era, started.url, { headers: bearer('ann') })
      callers.length = 0
      await peer.call('rec__echo')
      expect(callers.at(-1)).toBe('ann')
      expect(callers[0]).toBe('anonymous')
    },
  )

  it('the server is never shown the credentials of the client', async () => {
    const peer = await connect(era, started.url, { headers: bearer('ann') })
    await peer.call('rec__echo', { a: 1 })
    const { headers, raw } = recorder.calls('tools/call').at(-1) as { headers: object; raw: string }
    expect(JSON.stringify(headers) + raw).not.toContain('ann')
    expect(headers).not.toHaveProperty('authorization')
  })

  it('is asked for each request, not for each session or connection', async () => {
    const peer = await connect(era, started.url, { headers: bearer('ann') })
    identity.shown.length = 0
    await peer.call('rec__echo')
    await peer.call('rec__echo')
    expect(identity.shown).toEqual(['Bearer ann', 'Bearer ann'])
  })
})

describe('a session', () => {
  it.each([
    ['POST', PING],
    ['GET', undefined],
    ['DELETE', undefined],
  ] as const)('of one principal is unknown to every other: %s is 404', async (method, body) => {
    const { headers } = await openSession(started.url, { headers: bearer('ann') })
    for (const other of [bearer('bob'), { authorization: undefined }]) {
      const answer = await rpc(started.url, body, { ...headers, ...other }, { method })
      expect([answer.status, answer.response?.error?.data?.code]).toEqual([404, 'SESSION_UNKNOWN'])
    }
    expect((await rpc(started.url, PING, headers)).response?.result).toEqual({})
  })

  it('of HTTP+SSE is unknown to every other, too', async () => {
    const capabilities = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: {} }
    await using peer = await openSse(at('/sse'), capabilities, bearer('ann'))
    expect((await peer.send(PING, bearer('bob'))).status).toBe(404)
    expect((await peer.send(PING)).status).toBe(202)
  })

  it('a batch in it is of its principal', async () => {
    const { headers } = await openSession(started.url, {
      version: '2025-03-26',
      headers: bearer('ann'),
    })
    callers.length = 0
    const call = { ...PING, method: 'tools/call', params: { name: 'rec__echo' } }
    await rpc(started.url, [call], headers)
    expect(callers).toEqual(['anonymous', 'ann'])
    expect((await rpc(started.url, [call], { ...headers, ...bearer('bob') })).status).toBe(404)
  })
})

describe('an opening of the modern era', () => {
  it('is judged anew for a principal that comes with other rights', async () => {
    const peer = await connect('modern', started.url, { headers: bearer('cleo') })
    await peer.call('rec__echo')
    await peer.call('rec__echo')
    // http, opening, tool; then http, tool
    expect(callers).toEqual(['anonymous', 'cleo', 'cleo', 'anonymous', 'cleo'])
    callers.length = 0
    const more = await connect('modern', started.url, { headers: bearer('cleo+admin') })
    await more.call('rec__echo')
    expect(callers).toEqual(['anonymous', 'cleo', 'cleo'])
  })
})

describe('on pipes', () => {
  it.each(ERAS)('the caller is the owner of the process, in the %s era', async (era) => {
    identity.anonymous = false
    const client = pipeTo(started.gateway)
    const id = `call-${era}`
    const call = { name: 'rec__echo', arguments: {} }
    if (era === 'modern') client.send(modernRequest('tools/call', call, { id }).body)
    else {
      client.send(initialize(), INITIALIZED)
      await client.line((line) => isAnswer(line, 'open'))
      client.send({ jsonrpc: '2.0', id, method: 'tools/call', params: call })
    }
    await client.line((line) => isAnswer(line, id))
    expect([...new Set(callers)]).toEqual(['local'])
    expect(identity.shown).toEqual([])
  })
})

describe('protected resource metadata', () => {
  const place = '/.well-known/oauth-protected-resource'

  it.each(['', '/api/mcp', '/mcp', '/mcp/part', '/sse'])(
    'is at %s, for everybody',
    async (path) => {
      identity.anonymous = false
      const answer = await fetch(at(place + path))
      expect([answer.status, await answer.json()]).toEqual([
        200,
        { resource: 'https://gate.test/api/mcp' },
      ])
    },
  )

  it('there is none of what is no endpoint', async () => {
    for (const path of [`${place}/other`, `${place}x`, `${place}/mcp/`])
      expect((await fetch(at(path))).status).toBe(404)
  })

  it('can be read and nothing else', async () => {
    const answer = await fetch(at(place), { method: 'POST', body: '{}' })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  it('is not there where nobody is asked for credentials', async () => {
    await using open = await runGateway({ servers: [server('rec', recorder.url)] })
    expect((await fetch(new URL(place, open.url))).status).toBe(404)
  })
})
