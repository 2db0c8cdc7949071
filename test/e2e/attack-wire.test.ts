// Ways around the http points, and responses that a policy or a late message could break, tried on raw connections.
import { connect as openConnection } from 'node:net'
import { describe, expect, it } from 'vitest'
import { deny, respond } from '../../src/plugin.ts'
import { connect, ERAS } from '../gateway/peers.ts'
import { startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, server } from '../gateway/running.ts'
import { modernRequest } from '../support/rpc.ts'

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Sends bytes as they are and gives back what came until the other side ended; the request asks for that. */
function raw(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = ''
    const socket = openConnection(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => {
      got += chunk
    })
    socket.on('close', () => resolve(got))
    socket.on('error', reject)
    socket.setTimeout(5000, () => socket.destroy(new Error(`no end after: ${got}`)))
  })
}

function post(target: string): string {
  const { body, headers } = modernRequest('tools/call', { name: 'rec__echo' })
  const text = JSON.stringify(body)
  const all = {
    host: '127.0.0.1',
    connection: 'close',
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'content-length': String(Buffer.byteLength(text)),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${target} HTTP/1.1\r\n${lines.join('')}\r\n${text}`
}

const statusOf = (answer: string) => Number(answer.split(' ')[1])

describe('a policy on the path of the endpoint', () => {
  const guard: CodeEntry = {
    name: 'closed',
    hooks: {
      http_pre_request: ({ path }) =>
        path === '/mcp' ? deny({ code: 'CLOSED', reason: 'closed' }) : undefined,
    },
  }

  it.each([
    '/mcp',
    '/mcp?x=1',
    'http://evil.example.com/mcp',
    'http://127.0.0.1/mcp',
    '/mcp#/other',
    '/mcp/',
    '//mcp',
    '/MCP',
    '/%6dcp',
    '/x/../mcp',
  ])('is not passed by with the target %s', async (target) => {
    await using recorder = await startRecorder()
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [guard])
    expect([403, 404]).toContain(statusOf(await raw(gateway.url, post(target))))
    expect(recorder.calls('tools/call')).toHaveLength(0)
  })
})

it('an entry for one era runs at http_pre_request for requests of that era', async () => {
  await using recorder = await startRecorder()
  const closed: CodeEntry = {
    name: 'closed',
    more: { conditions: [{ eras: ['modern'] }] },
    hooks: { http_pre_request: () => deny({ code: 'CLOSED', reason: 'closed' }) },
  }
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [closed])
  const modern = await connect('modern', gateway.url)
  expect((await modern.request('tools/call', { name: 'rec__echo' })).status).toBe(403)
  const legacy = await connect('legacy', gateway.url)
  expect((await legacy.request('tools/call', { name: 'rec__echo' })).status).toBe(200)
})

describe('a policy that answers at http_pre_request', () => {
  const answering = (status: number, headers: Record<string, string> = {}): CodeEntry => ({
    name: 'answering',
    hooks: { http_pre_request: () => respond({ status, headers, body: { a: 1 } }) },
  })

  it('does not frame the response: one length, no transfer coding, one content type', async () => {
    const headers = {
      'Transfer-Encoding': 'chunked',
      'Content-Length': '3',
      'Content-Type': 'text/plain',
      'X-Own': 'kept',
    }
    await using gateway = await runGateway({}, [answering(200, headers)])
    const answer = (await raw(gateway.url, post('/mcp'))).toLowerCase()
    expect(answer).not.toContain('transfer-encoding')
    expect(answer.match(/content-length: \d+/g)).toEqual(['content-length: 7'])
    expect(answer.match(/content-type: .*/g)).toEqual(['content-type: text/plain'])
    expect(answer).toContain('x-own: kept')
  })

  it.each([101, 100, 0, -1, 999_999])('with status %d is a fault and no answer', async (status) => {
    await using gateway = await runGateway({}, [answering(status)])
    const answer = await raw(gateway.url, post('/mcp'))
    expect(statusOf(answer)).toBe(500)
    expect(answer).toContain('PLUGIN_PATCH_INVALID')
  })
})

describe.each(ERAS)('a notification that policies hold back, in the %s era', (era) => {
  it('comes too late for a call that has timed out, and its answer passes http_post_request once', async () => {
    await using recorder = await startRecorder({
      call: ({ message }, answers) => {
        const { progressToken } = (message.params?._meta ?? {}) as { progressToken?: number }
        const params = { progressToken, progress: 1 }
        answers.events([{ method: 'notifications/progress', params }], { open: true })
      },
    })
    let posts = 0
    let counting = false
    const held = Promise.withResolvers<void>()
    const slow: CodeEntry = {
      name: 'slow',
      hooks: {
        notification_pre_forward: ({ method }) =>
          method === 'notifications/progress' ? held.promise : undefined,
        async http_post_request() {
          if (!counting) return
          // the notification comes through while this response is being decided
          held.resolve()
          await pause(++posts === 1 ? 100 : 0)
        },
      },
    }
    const config = { limits: { request_timeout: '200ms' }, servers: [server('rec', recorder.url)] }
    await using gateway = await runGateway(config, [slow])
    const peer = await connect(era, gateway.url)
    counting = true
    const { response } = await peer.request('tools/call', {
      name: 'rec__echo',
      _meta: { progressToken: 'mine' },
    })
    expect(response?.error?.data?.code).toBe('UPSTREAM_TIMEOUT')
    expect(posts).toBe(1)
  })
})

describe('a body that somebody in front could read in another way', () => {
  it.each([
    ['Content-Encoding: gzip', 415],
    ['Content-Encoding: identity', 200],
    ['Content-Encoding: x, identity', 415],
    ['Transfer-Encoding: gzip, chunked', 415],
    ['Transfer-Encoding: Chunked', 200],
    ['Transfer-Encoding: xchunked', 400],
    ['Transfer-Encoding: chunked, identity', 400],
    ['Transfer-Encoding : chunked', 400],
  ])('with %s is answered %d', async (header, status) => {
    await using recorder = await startRecorder()
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
    const [head = '', body = ''] = post('/mcp').split('\r\n\r\n')
    const chunked = header.startsWith('Transfer')
    const lines = chunked ? head.replace(/content-length: \d+\r\n/, '') : head
    const sent = chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body
    const answer = await raw(gateway.url, `${lines}\r\n${header}\r\n\r\n${sent}`)
    expect(statusOf(answer)).toBe(status)
    expect(recorder.calls('tools/call')).toHaveLength(status === 200 ? 1 : 0)
  })
})
