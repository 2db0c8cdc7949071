// What a hostile or broken client may send, beyond the probes of probes.test.ts: every answer is JSON-RPC or problem+json, nothing crashes, nothing leaks.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf, post, raw } from '../gateway/raw.ts'
import { modernRequest, openSession } from '../support/rpc.ts'
import { afterwards, PING, prey } from './prey.ts'

const started = prey()
const portOf = () => Number(new URL(started.gateway.url).port)

describe('a body', () => {
  it.each([
    ['empty', '', 400, 'WIRE_PARSE'],
    ['white space', ' \n ', 400, 'WIRE_PARSE'],
    ['two documents', `${PING}${PING}`, 400, 'WIRE_PARSE'],
    ['a batch', `[${PING}]`, 400, 'WIRE_BATCH'],
    ['an empty batch', '[]', 400, 'WIRE_BATCH'],
    ['null', 'null', 400, 'WIRE_INVALID_REQUEST'],
    ['a string', '"ping"', 400, 'WIRE_INVALID_REQUEST'],
    ['a number', '1e999', 400, 'WIRE_INVALID_REQUEST'],
    ['the wrong version', '{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, 'WIRE_INVALID_REQUEST'],
    ['a fractional id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 400, 'WIRE_INVALID_REQUEST'],
    ['an object as id', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, 'WIRE_INVALID_REQUEST'],
    ['a number as method', '{"jsonrpc":"2.0","id":1,"method":1}', 400, 'WIRE_INVALID_REQUEST'],
    [
      'an array as params',
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
      400,
      'WIRE_INVALID_REQUEST',
    ],
    [
      'method and result',
      '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
      400,
      'WIRE_INVALID_REQUEST',
    ],
    [
      'a lone surrogate as method',
      '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
      400,
      'WIRE_INVALID_REQUEST',
    ],
    ['a BOM', `\ufeff${PING}`, 400, 'WIRE_PARSE'],
    [
      'deep nesting',
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`,
      400,
      'WIRE_TOO_DEEP',
    ],
  ])('that is %s is answered', async (_what, body, status, code) => {
    const answer = await raw(portOf(), post(body))
    expect([answer.status, codeOf(answer)]).toEqual([status, code])
  })

  it('of invalid UTF-8 is answered', async () => {
    const answer = await rpcBytes(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))
    expect([answer.status, answer.code]).toEqual([400, 'WIRE_PARSE'])
  })

  async function rpcBytes(body: Uint8Array<ArrayBuffer>) {
    const answer = await fetch(started.gateway.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    const { error } = (await answer.json()) as { error: { data: { code: string } } }
    return { status: answer.status, code: error.data.code }
  }

  it('longer than the limit is 413, declared or not, and the connection ends', async () => {
    const long = 'x'.repeat(70_000)
    const declared = await raw(portOf(), post(long))
    expect([declared.status, codeOf(declared), declared.ended]).toEqual([
      413,
      'WIRE_TOO_LARGE',
      true,
    ])
    const head = `${post('').split('Content-Length')[0]}Transfer-Encoding: chunked\r\n\r\n`.replace(
      'Connection: close\r\n',
      '',
    )
    const chunked = await raw(portOf(), head, {
      more: (socket) => {
        for (let i = 0; i < 8; i++) socket.write(`2710\r\n${'x'.repeat(10_000)}\r\n`)
      },
    })
    expect([chunked.status, codeOf(chunked)]).toEqual([413, 'WIRE_TOO_LARGE'])
    expect(chunked.head.toLowerCase()).toContain('connection: close')
  })
})

it('whatever bytes are changed, the answer is JSON of a known status, and it names no secret', async () => {
  const { headers } = await openSession(started.gateway.url)
  const { body, headers: modern } = modernRequest('tools/call', {
    name: 'rec__echo',
    arguments: { a: ['é', 1.5, null] },
  })
  const params = { name: 'rec__echo', arguments: { a: 1 } }
  const legacyBody = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  const messages = [
    [Buffer.from(JSON.stringify(legacyBody)), headers],
    [Buffer.from(JSON.stringify(body)), modern],
  ] as const
  const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }), drop: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...messages),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async ([bytes, own], changes) => {
        let changed: Uint8Array<ArrayBuffer> = new Uint8Array(bytes)
        for (const { at, to, drop } of changes) {
          const index = at % changed.length
          if (drop) changed = changed.filter((_, other) => other !== index)
          else changed[index] = to
        }
        const answer = await fetch(started.gateway.url, {
          method: 'POST',
          headers: { ...own, 'content-type': 'application/json' },
          body: changed,
        })
        expect([200, 202, 400, 404]).toContain(answer.status)
        if (answer.status === 202) return
        expect(answer.headers.get('content-type')).toBe('application/json')
        const { result, error } = (await answer.json()) as {
          result?: object
          error?: { code: number }
        }
        expect((result === undefined) !== (error === undefined)).toBe(true)
        expect([-32700, -32600, -32601, -32602, -32603, -32020, -32022, undefined]).toContain(
          error?.code,
        )
      },
    ),
    { numRuns: 400 },
  )
}, 60_000)

describe('HTTP itself', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    [
      'a broken chunk',
      'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    [
      'both length and chunks',
      `${post('').replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n')}0\r\n\r\n`,
      400,
    ],
    [
      'headers that are too large',
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
      431,
    ],
  ])('%s is answered with problem+json', async (_what, text, status) => {
    const answer = await raw(portOf(), text)
    expect(answer.status).toBe(status)
    expect(codeOf(answer)).toMatch(/^WIRE_/)
  })

  it.each([
    ['another path', 'GET /other HTTP/1.1'],
    ['a path that is no path', 'GET //evil.example/%ff HTTP/1.1'],
    ['a whole URL', 'GET http://localhost/other HTTP/1.1'],
    ['an asterisk', 'OPTIONS * HTTP/1.1'],
    ['a percent sign', 'GET /% HTTP/1.1'],
  ])('%s is 404 with problem+json, never HTML', async (_what, line) => {
    const answer = await raw(portOf(), `${line}\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    expect([answer.status, codeOf(answer)]).toEqual([404, 'WIRE_NOT_FOUND'])
    expect(answer.body).not.toContain('<')
  })

  it.each(['PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND'])(
    '%s at the endpoint is 405 and names what is allowed',
    async (method) => {
      const answer = await raw(
        portOf(),
        `${method} /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      )
      expect(answer.status).toBe(405)
      expect(answer.head.toLowerCase()).toContain('allow: post, get, delete')
    },
  )

  it.each([
    [
      'a Host that only begins like ours',
      post(PING, [], 'localhost.evil.example'),
      'WIRE_HOST_REFUSED',
    ],
    ['a Host with user information', post(PING, [], 'localhost@evil.example'), 'WIRE_HOST_REFUSED'],
    [
      'an Origin on another port',
      post(PING, ['Origin: http://localhost:1']),
      'WIRE_ORIGIN_REFUSED',
    ],
  ])('%s is 403', async (_what, text, code) => {
    const answer = await raw(portOf(), text)
    expect([answer.status, codeOf(answer)]).toEqual([403, code])
  })

  it('no Host header is refused', async () => {
    const none = await raw(portOf(), post(PING).replace('Host: localhost\r\n', ''))
    expect([none.status, codeOf(none)]).toEqual([403, 'WIRE_HOST_REFUSED'])
  })

  it('the origin of the endpoint itself is accepted', async () => {
    const host = `localhost:${portOf()}`
    const answer = await raw(portOf(), post(PING, [`Origin: http://${host}`], host))
    expect(codeOf(answer)).toBe('SESSION_REQUIRED')
  })
})

afterwards(started)
