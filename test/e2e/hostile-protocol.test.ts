// What a hostile client may do within the protocol: sessions that are not its own, eras mixed up, requests given up.
import { connect as connectSocket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connect, ERAS } from '../gateway/peers.ts'
import { post, raw } from '../gateway/raw.ts'
import { startRecorder } from '../gateway/recorder.ts'
import { runGateway, server } from '../gateway/running.ts'
import { modernRequest, openSession, rpc } from '../support/rpc.ts'
import { afterwards, PING, prey } from './prey.ts'

const started = prey()
const portOf = () => Number(new URL(started.gateway.url).port)

describe('sessions', () => {
  it('none is 400, an unknown one 404, an ended one 404', async () => {
    const none = await rpc(started.gateway.url, PING)
    expect([none.status, none.response?.error?.data?.code]).toEqual([400, 'SESSION_REQUIRED'])
    const unknown = await rpc(started.gateway.url, PING, { 'mcp-session-id': 'guessed' })
    expect([unknown.status, unknown.response?.error?.data?.code]).toEqual([404, 'SESSION_UNKNOWN'])
    const { headers } = await openSession(started.gateway.url)
    const end = await rpc(started.gateway.url, '', headers, { method: 'DELETE' })
    expect(end.status).toBe(200)
    const ended = await rpc(started.gateway.url, PING, headers)
    expect(ended.status).toBe(404)
    const again = await rpc(started.gateway.url, '', headers, { method: 'DELETE' })
    expect(again.status).toBe(404)
  })

  it('an unsupported protocol version is 400, with those that are supported', async () => {
    const { headers } = await openSession(started.gateway.url)
    const answer = await rpc(started.gateway.url, PING, {
      ...headers,
      'mcp-protocol-version': '1999-01-01',
    })
    expect(answer.status).toBe(400)
    expect(answer.response?.error?.data).toMatchObject({
      code: 'WIRE_UNSUPPORTED_VERSION',
      supported: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'],
      requested: '1999-01-01',
    })
  })

  it('more streams than the limit are 409, and closing one makes room', async () => {
    const { headers } = await openSession(started.gateway.url)
    const open = async () => {
      const end = new AbortController()
      const answer = await fetch(started.gateway.url, {
        headers: { ...headers, accept: 'text/event-stream' },
        signal: end.signal,
      })
      return { status: answer.status, end: () => end.abort(), answer }
    }
    const first = await open()
    const second = await open()
    const third = await open()
    expect([first.status, second.status, third.status]).toEqual([200, 200, 409])
    expect(await third.answer.json()).toMatchObject({
      error: { data: { code: 'SESSION_STREAM_LIMIT' } },
    })
    first.end()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const fourth = await open()
    expect(fourth.status).toBe(200)
    fourth.end()
    second.end()
  })

  it('more sessions than the limit are 503, told as an error, and ending one makes room', async () => {
    await using small = await runGateway({ limits: { sessions: 3 } })
    const opened = [
      await openSession(small.url),
      await openSession(small.url),
      await openSession(small.url),
    ]
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    }
    const full = await rpc(small.url, { jsonrpc: '2.0', id: 9, method: 'initialize', params })
    expect(full.response).toMatchObject({ id: 9, error: { data: { code: 'SESSION_LIMIT' } } })
    expect(full.status).toBe(503)
    await rpc(small.url, '', opened[0]?.headers, { method: 'DELETE' })
    expect((await openSession(small.url)).initialize.status).toBe(200)
  })

  it('two requests with one id in one session: the second is refused, the first goes on', async () => {
    const peer = await connect('legacy', started.gateway.url)
    const first = peer.request('tools/call', { name: 'rec__hang' }, { id: 'twin' })
    await until(() =>
      started.recorder.calls('tools/call').some(({ message }) => message.params?.name === 'hang'),
    )
    const second = await peer.request('ping', {}, { id: 'twin' })
    expect(second.response?.error?.data?.code).toBe('WIRE_INVALID_REQUEST')
    await peer.notify('notifications/cancelled', { requestId: 'twin' })
    expect((await first).response?.error?.data?.code).toBe('DISPATCH_ABORTED')
  })
})

describe('the eras', () => {
  it('GET and DELETE of the modern era are 405 with Allow: POST', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await rpc(
        started.gateway.url,
        '',
        { 'mcp-protocol-version': '2026-07-28' },
        { method },
      )
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    }
  })

  it.each([
    [
      'another method in Mcp-Method',
      { 'mcp-method': 'tools/list' },
      'WIRE_HEADER_MISMATCH',
      -32020,
    ],
    ['no Mcp-Method', { 'mcp-method': undefined }, 'WIRE_HEADER_MISMATCH', -32020],
    ['another name in Mcp-Name', { 'mcp-name': 'rec__other' }, 'WIRE_HEADER_MISMATCH', -32020],
    ['no Mcp-Name', { 'mcp-name': undefined }, 'WIRE_HEADER_MISMATCH', -32020],
    [
      'no version in the header',
      { 'mcp-protocol-version': undefined },
      'WIRE_HEADER_MISMATCH',
      -32020,
    ],
    [
      'a legacy version in the header',
      { 'mcp-protocol-version': '2025-11-25' },
      'WIRE_HEADER_MISMATCH',
      -32020,
    ],
  ])('%s is 400', async (_what, change, code, rpcCode) => {
    const { body, headers } = modernRequest('tools/call', { name: 'rec__echo' }, { id: 'own' })
    const answer = await rpc(started.gateway.url, body, { ...headers, ...change })
    expect(answer.status).toBe(400)
    expect(answer.response).toMatchObject({ id: 'own', error: { code: rpcCode, data: { code } } })
  })

  it('a modern version nobody knows is -32022 with what is supported', async () => {
    const { body, headers } = modernRequest('tools/list')
    const version = '2031-01-01'
    const meta = {
      ...(body.params?._meta as object),
      'io.modelcontextprotocol/protocolVersion': version,
    }
    const answer = await rpc(
      started.gateway.url,
      { ...body, params: { _meta: meta } },
      { ...headers, 'mcp-protocol-version': version },
    )
    expect(answer.status).toBe(400)
    expect(answer.response?.error).toMatchObject({
      code: -32022,
      data: { supported: ['2026-07-28'], requested: version },
    })
  })

  it.each(ERAS)(
    'names of the prototype are unknown methods, tools and resources (%s)',
    async (era) => {
      const peer = await connect(era, started.gateway.url)
      for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
        const method = await peer.request(name)
        expect(method.response?.error?.code, `${name} as method`).toBe(-32601)
        expect((await peer.call(name)).error?.code).toBe(-32602)
        const resource = await peer.request('resources/read', { uri: name })
        expect(resource.response?.error?.code).toBe(-32602)
        expect((await peer.notify(name)).status).toBe(202)
      }
    },
  )

  it.each(ERAS)('cursors that are not ours are -32602 (%s)', async (era) => {
    const peer = await connect(era, started.gateway.url)
    for (const cursor of [
      '',
      'x',
      'AAAA',
      'a'.repeat(4000),
      '../../etc/passwd',
      '\u0000',
      1,
      null,
      {},
    ]) {
      const { response } = await peer.request('tools/list', { cursor })
      expect(response?.error?.code, JSON.stringify(cursor)).toBe(-32602)
    }
  })

  it.each(ERAS)('wrong types of params are -32602 (%s)', async (era) => {
    const peer = await connect(era, started.gateway.url)
    for (const [method, params] of [
      ['tools/call', { name: 1 }],
      ['tools/call', { name: ['rec__echo'] }],
      ['tools/call', {}],
      ['tools/call', { name: 'rec__echo', arguments: 'text' }],
      ['tools/call', { name: 'rec__echo', arguments: [] }],
      ['tools/call', { name: 'rec__echo', arguments: null }],
      ['prompts/get', { name: 'x', arguments: { a: 1 } }],
      ['resources/read', { uri: {} }],
    ] as const) {
      const { response } = await peer.request(method, params)
      expect(response?.error?.code, JSON.stringify(params)).toBe(-32602)
    }
  })
})

describe('a client that goes away in the middle of a call', () => {
  it('modern: the request to the server is given up', async () => {
    await using rec = await startRecorder({
      tools: ['hang'],
      call: (_, answers) => void answers.closed.then(() => gone.push('closed')),
    })
    const gone: string[] = []
    await using own = await runGateway({ servers: [server('rec', rec.url)] })
    const { body, headers } = modernRequest('tools/call', { name: 'rec__hang' })
    const end = new AbortController()
    const sent = fetch(own.url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(body),
      signal: end.signal,
    }).catch(() => {})
    await until(() => rec.calls('tools/call').length === 1)
    end.abort()
    await sent
    await until(() => gone.length === 1)
  })

  it('legacy: disconnecting does not cancel, notifications/cancelled does', async () => {
    await using rec = await startRecorder({
      tools: ['hang'],
      call: (_, answers) => void answers.closed.then(() => gone.push('closed')),
    })
    const gone: string[] = []
    await using own = await runGateway({ servers: [server('rec', rec.url)] })
    const peer = await connect('legacy', own.url)
    const end = new AbortController()
    const sent = fetch(own.url, {
      method: 'POST',
      headers: {
        ...peer.headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'gone',
        method: 'tools/call',
        params: { name: 'rec__hang' },
      }),
      signal: end.signal,
    }).catch(() => {})
    await until(() => rec.calls('tools/call').length === 1)
    end.abort()
    await sent
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect([gone, rec.calls('notifications/cancelled').length]).toEqual([[], 0])
    await peer.notify('notifications/cancelled', { requestId: 'gone' })
    await until(() => rec.calls('notifications/cancelled').length === 1)
    const sentId = rec.calls('tools/call')[0]?.message.id
    expect(rec.calls('notifications/cancelled')[0]?.message.params?.requestId).toBe(sentId)
  })

  it('a client that does not read its answers harms nobody else', async () => {
    const sockets = Array.from({ length: 20 }, () =>
      connectSocket(portOf(), '127.0.0.1').on('error', () => {}),
    )
    for (const socket of sockets) {
      socket.pause()
      socket.write(post(PING).replace('Connection: close\r\n', '').repeat(50))
    }
    const peer = await connect('legacy', started.gateway.url)
    expect((await peer.request('ping')).status).toBe(200)
    for (const socket of sockets) socket.destroy()
  })
})

describe('odd, but not wrong', () => {
  it('an answer to a request nobody made is taken and gone; without a session it is refused', async () => {
    const { headers } = await openSession(started.gateway.url)
    for (const body of [
      { jsonrpc: '2.0', id: 7, result: {} },
      { jsonrpc: '2.0', id: 'x', error: { code: 1, message: 'no' } },
    ]) {
      const taken = await rpc(started.gateway.url, body, headers)
      expect([taken.status, taken.text]).toEqual([202, ''])
      expect((await rpc(started.gateway.url, body)).status).toBe(400)
    }
  })

  it('a client that says strange things about itself gets a session all the same', async () => {
    const initialize = (params: object) =>
      rpc(started.gateway.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
    const strange = await initialize({
      protocolVersion: 'x'.repeat(5000),
      capabilities: ['sampling'],
      clientInfo: { name: 'n'.repeat(10_000), version: 7 },
    })
    expect(strange.response?.result?.protocolVersion).toBe('2025-11-25')
    expect(strange.headers.get('mcp-session-id')).toMatch(/^[\x21-\x7e]+$/)
    for (const protocolVersion of [undefined, 1, null, {}]) {
      const refused = await initialize({ protocolVersion, capabilities: {} })
      expect(refused.response?.error?.code).toBe(-32602)
      expect(refused.headers.get('mcp-session-id')).toBeNull()
    }
  })

  it('an unknown log level is -32602', async () => {
    const peer = await connect('legacy', started.gateway.url)
    for (const level of ['loud', '', 1, null, undefined, '__proto__'])
      expect((await peer.request('logging/setLevel', { level })).response?.error?.code).toBe(-32602)
  })

  it('equal ids on several modern requests at once are each answered', async () => {
    const peer = await connect('modern', started.gateway.url)
    const calls = Array.from({ length: 10 }, (_, n) => peer.call('rec__echo', { n }))
    const texts = (await Promise.all(calls)).map((message) => JSON.stringify(message.result))
    for (const [n, text] of texts.entries()) expect(text).toContain(`{\\"n\\":${n}}`)
  })

  it('an answer in many lines is one event for a client that wants a stream', async () => {
    const pretty =
      '{\n  "jsonrpc": "2.0",\r\n\t"result": { "resultType": "complete",\r "content": [] },\n\n "id": "$id" }'
    await using rec = await startRecorder({ call: (_, answers) => answers.raw(pretty) })
    await using own = await runGateway({ servers: [server('rec', rec.url)] })
    const peer = await connect('modern', own.url)
    const answer = await peer.request(
      'tools/call',
      { name: 'rec__echo' },
      { headers: { accept: 'text/event-stream' } },
    )
    expect(answer.messages).toEqual([
      { jsonrpc: '2.0', id: 1, result: { resultType: 'complete', content: [] } },
    ])
  })

  it('clients that break off in the middle of a body, and requests one after the other on one connection', async () => {
    for (let index = 0; index < 30; index++) {
      const socket = connectSocket(portOf(), '127.0.0.1').on('error', () => {})
      socket.write(post('{"jsonrpc":').replace(/Content-Length: \d+/, 'Content-Length: 500'))
      setTimeout(() => socket.destroy(), 20)
    }
    const one = post(PING).replace('Connection: close\r\n', '')
    const both = await raw(portOf(), one + post(PING))
    expect(both.head + both.body).toMatch(/SESSION_REQUIRED[\s\S]*SESSION_REQUIRED/)
  })
})

afterwards(started)

async function until(check: () => boolean, ms = 5000): Promise<void> {
  const end = performance.now() + ms
  while (!check()) {
    if (performance.now() > end) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
