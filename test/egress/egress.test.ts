// Outgoing requests against real servers on loopback: who may reach what, whatever the spelling, the resolver or a redirect says.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createEgress, type Egress, type EgressRequest } from '../../src/egress/egress.ts'

type Handle = (request: IncomingMessage, response: ServerResponse) => void
let server: Server
let port: number
let hits: string[] = []
let handle: Handle = (_request, response) => response.end('hello')
const open: Egress[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    hits.push(`${request.method} ${request.url}`)
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((egress) => egress.close()))
  hits = []
  handle = (_request, response) => response.end('hello')
})

afterAll(() => new Promise((resolve) => server.close(resolve)))

function egressTo(
  allowedHosts: readonly string[],
  names: Record<string, readonly string[]> = {},
): Egress {
  const resolve = async (host: string) => names[host] ?? []
  const egress = createEgress({ allowedHosts, clock: systemClock, log: silentLogger, resolve })
  open.push(egress)
  return egress
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => new Error('it was answered'),
    (reason: unknown) => reason,
  )
  if (error instanceof AppError) return error
  throw error
}

const local = ['127.0.0.1', '*']
const text = (body: Uint8Array) => new TextDecoder().decode(body)

describe('a request', () => {
  it('reaches a host that both lists name', async () => {
    const response = await egressTo(local).fetch(`http://127.0.0.1:${port}/x?y`, { allowed: local })
    expect([response.status, text(response.body), hits]).toEqual([200, 'hello', ['GET /x?y']])
  })

  it('sends method, headers and body, and its own user agent', async () => {
    handle = async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      response.setHeader(
        'X-Seen',
        `${request.method} ${request.headers['x-key']} ${request.headers['user-agent']} ${body}`,
      )
      response.end()
    }
    const request: EgressRequest = {
      method: 'post',
      headers: { 'X-Key': 'k' },
      body: 'b',
      allowed: local,
    }
    const response = await egressTo(local).fetch(`http://127.0.0.1:${port}/`, request)
    expect(response.headers['x-seen']).toBe('POST k portcullis b')
  })

  it.each([
    ['http://127.0.0.1/', ['10.0.0.1'], ['*'], 'not in network.allowed_hosts'],
    ['http://127.0.0.1/', ['*'], ['example.com'], 'not in the grant'],
    ['http://127.0.0.1/', ['*'], [], 'not in the grant'],
    ['http://127.0.0.1:1/', ['127.0.0.1:80', '*.x'], ['*'], 'not in network.allowed_hosts'],
    ['ftp://127.0.0.1/', ['*'], ['*'], 'ftp: is not http or https'],
    ['file:///etc/passwd', ['*'], ['*'], 'file: is not http or https'],
    ['http://user:pw@example.com/', ['*'], ['*'], 'the URL carries credentials'],
    ['http://a..b/', ['*'], ['*'], 'the host is malformed'],
    ['not a url', ['*'], ['*'], 'the address is no URL'],
    ['http://[fe80::1%25eth0]/', ['*'], ['*'], 'the address is no URL'],
    [
      'http://example.com.evil.org/',
      ['*.example.com', 'example.com'],
      ['*'],
      'not in network.allowed_hosts',
    ],
    ['http://example.com/', ['*.example.com'], ['*'], 'not in network.allowed_hosts'],
    ['http://notexample.com/', ['*.example.com'], ['*'], 'not in network.allowed_hosts'],
  ])('%s with %j and %j is refused', async (url, gateway, grant, reason) => {
    const error = await failure(egressTo(gateway).fetch(url, { allowed: grant }))
    expect([error.code, error.message]).toEqual(['EGRESS_REFUSED', expect.stringContaining(reason)])
  })

  it.each([
    'http://127.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://127.0.0.1.:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[::1]:PORT/',
    'http://[::]:PORT/',
    'http://0.0.0.0:PORT/',
    'http://0:PORT/',
    'http://localhost:PORT/',
    'http://localhost.:PORT/',
    'http://LOCALHOST:PORT/',
    'http://rebind.example:PORT/',
    'http://mixed.example:PORT/',
    'http://169.254.169.254/latest/meta-data',
    'http://metadata.google.internal/',
    'http://１２７.0.0.1:PORT/',
  ])('%s does not come in through wildcards', async (url) => {
    const names = {
      localhost: ['127.0.0.1', '::1'],
      'rebind.example': ['127.0.0.1'],
      'mixed.example': ['93.184.216.34', '127.0.0.1'],
      'metadata.google.internal': ['169.254.169.254'],
    }
    const request = egressTo(['*'], names).fetch(url.replace('PORT', String(port)), {
      allowed: ['*'],
    })
    expect((await failure(request)).code).toBe('EGRESS_REFUSED')
    expect(hits).toEqual([])
  })

  it('does not reach a metadata service even when it is listed', async () => {
    const listed = ['169.254.169.254']
    const error = await failure(
      egressTo(listed).fetch('http://169.254.169.254/', { allowed: listed }),
    )
    expect(error.message).toContain('never reached')
  })

  it.each([
    ['127.0.0.1 in both lists', ['127.0.0.1'], ['127.0.0.1'], '127.0.0.1', true],
    ['another spelling in the list', ['127.1'], ['[::ffff:127.0.0.1]'], '127.0.0.1', true],
    ['the address with its port', ['127.0.0.1:PORT'], ['127.0.0.1'], '127.0.0.1', true],
    ['only a wildcard in the grant', ['127.0.0.1'], ['*'], '127.0.0.1', false],
    ['localhost in both lists', ['localhost'], ['localhost'], 'localhost', true],
    [
      'the name in the grant, its address in the gateway list',
      ['*', '127.0.0.1'],
      ['in.example'],
      'in.example',
      true,
    ],
    [
      'the name in both lists, its address in none',
      ['in.example'],
      ['in.example'],
      'in.example',
      false,
    ],
    ['a wildcard over the name', ['*', '127.0.0.1'], ['*.example'], 'in.example', false],
  ] as const)('with %s: loopback reached is %s', async (_case, gateway, grant, host, reached) => {
    const names = { localhost: ['127.0.0.1'], 'in.example': ['127.0.0.1'] }
    const egress = egressTo(
      gateway.map((entry) => entry.replace('PORT', String(port))),
      names,
    )
    const request = egress.fetch(`http://${host}:${port}/`, { allowed: grant })
    if (reached) expect((await request).status).toBe(200)
    else expect((await failure(request)).code).toBe('EGRESS_REFUSED')
  })

  it('is given the address that was checked, also when the name changes its mind', async () => {
    let turn = 0
    const resolve = async () => (turn++ === 0 ? ['127.0.0.1'] : ['169.254.169.254'])
    const egress = createEgress({
      allowedHosts: ['*', '127.0.0.1'],
      clock: systemClock,
      log: silentLogger,
      resolve,
    })
    open.push(egress)
    expect(
      (await egress.fetch(`http://in.example:${port}/`, { allowed: ['in.example'] })).status,
    ).toBe(200)
    expect(turn).toBe(1)
  })

  it('never rides on a connection that another grant opened', async () => {
    const egress = egressTo(local)
    await egress.fetch(`http://127.0.0.1:${port}/`, { allowed: ['127.0.0.1'] })
    expect(
      (await failure(egress.fetch(`http://127.0.0.1:${port}/`, { allowed: ['*'] }))).code,
    ).toBe('EGRESS_REFUSED')
    expect(hits).toHaveLength(1)
  })

  it.each(['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Proxy-Authorization'])(
    'may not set %s',
    async (name) => {
      const request = egressTo(local).fetch(`http://127.0.0.1:${port}/`, {
        headers: { [name]: '1' },
        allowed: local,
      })
      expect((await failure(request)).code).toBe('EGRESS_REFUSED')
    },
  )

  it('may not smuggle a header in a value', async () => {
    const request = egressTo(local).fetch(`http://127.0.0.1:${port}/`, {
      headers: { a: 'b\r\nc: d' },
      allowed: local,
    })
    expect((await failure(request)).code).toBe('EGRESS_FAILED')
    expect(hits).toEqual([])
  })

  it('may not tunnel', async () => {
    const request = egressTo(local).fetch(`http://127.0.0.1:${port}/`, {
      method: 'CONNECT',
      allowed: local,
    })
    expect((await failure(request)).code).toBe('EGRESS_REFUSED')
  })
})

describe('limits', () => {
  it('refuse a body larger than allowed, announced or not', async () => {
    const egress = egressTo(local)
    for (const announced of [true, false]) {
      handle = (_request, response) => {
        if (announced) response.setHeader('content-length', 2000)
        response.write('x'.repeat(1000))
        response.end('x'.repeat(1000))
      }
      const error = await failure(
        egress.fetch(`http://127.0.0.1:${port}/`, { maxBytes: 1500, allowed: local }),
      )
      expect([error.code, error.message]).toEqual([
        'EGRESS_FAILED',
        'the response is larger than 1500 bytes',
      ])
    }
    handle = (_request, response) => response.end('x'.repeat(1500))
    expect(
      (await egress.fetch(`http://127.0.0.1:${port}/`, { maxBytes: 1500, allowed: local })).body,
    ).toHaveLength(1500)
  })

  it('end a response that does not come, or does not end', async () => {
    for (const stall of [() => {}, (response: ServerResponse) => response.write('x')]) {
      handle = (_request, response) => void stall(response)
      const error = await failure(
        egressTo(local).fetch(`http://127.0.0.1:${port}/`, { timeout: 100, allowed: local }),
      )
      expect(error.message).toBe('127.0.0.1 did not answer within 100 ms')
    }
  })

  it('end a name that does not resolve in time', async () => {
    const resolve = () => new Promise<string[]>(() => {})
    const egress = createEgress({
      allowedHosts: ['*'],
      clock: systemClock,
      log: silentLogger,
      resolve,
    })
    open.push(egress)
    const error = await failure(
      egress.fetch('http://slow.example/', { timeout: 100, allowed: ['*'] }),
    )
    expect(error.message).toBe('slow.example did not answer within 100 ms')
  })

  it('follow the signal of the caller', async () => {
    handle = () => {}
    const controller = new AbortController()
    const request = egressTo(local).fetch(`http://127.0.0.1:${port}/`, {
      signal: controller.signal,
      allowed: local,
    })
    setTimeout(() => controller.abort(), 50)
    expect((await failure(request)).code).toBe('EGRESS_FAILED')
  })

  it('refuse everything after close', async () => {
    const egress = egressTo(local)
    await egress.close()
    expect(
      (await failure(egress.fetch(`http://127.0.0.1:${port}/`, { allowed: local }))).code,
    ).toBe('SHUTTING_DOWN')
  })

  it('name the host and no secret in an error', async () => {
    const error = await failure(
      egressTo(['*'], { 'x.example': [] }).fetch('https://x.example/a?token=s3cret', {
        allowed: ['*'],
      }),
    )
    expect(error.message).toContain('x.example')
    expect(JSON.stringify([error.message, error.data, String(error.cause)])).not.toContain('s3cret')
  })
})

describe('a redirect', () => {
  const to =
    (location: string, status = 302): Handle =>
    (request, response) => {
      if (request.url !== '/start') return void response.end(JSON.stringify(request.headers))
      response.writeHead(status, { location }).end()
    }
  const names = { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] }
  const grant = ['a.example', 'b.example']
  const start = (request: Partial<EgressRequest> = {}) =>
    egressTo(['*', '127.0.0.1'], names).fetch(`http://a.example:${port}/start`, {
      allowed: grant,
      ...request,
    })

  it('within the origin keeps its headers', async () => {
    handle = to('/next')
    const response = await start({ headers: { authorization: 'Bearer s3cret' } })
    expect(JSON.parse(text(response.body)).authorization).toBe('Bearer s3cret')
  })

  it('is the answer where none is to be followed', async () => {
    handle = to('/next')
    const { status, headers } = await start({ redirects: false })
    expect([status, headers.location]).toEqual([302, '/next'])
  })

  it('to another origin loses everything that may say who asks', async () => {
    handle = to(`http://b.example:${port}/next`)
    const headers = {
      authorization: 'Bearer s3cret',
      cookie: 's3cret',
      'x-api-key': 's3cret',
      accept: 'text/plain',
    }
    const seen = text((await start({ headers })).body)
    expect(seen).not.toContain('s3cret')
    expect(JSON.parse(seen).accept).toBe('text/plain')
  })

  it.each([
    ['http://169.254.169.254/latest/meta-data', 'the grant'],
    ['http://127.0.0.1:PORT/admin', 'the grant'],
    ['http://c.example/', 'the grant'],
    ['file:///etc/passwd', 'is not http or https'],
    ['http://user:pw@b.example/', 'carries credentials'],
    ['http://[', 'no URL'],
  ])('to %s is checked like a first request', async (location, reason) => {
    handle = to(location.replace('PORT', String(port)))
    const error = await failure(start())
    expect([error.code, error.message]).toEqual(['EGRESS_REFUSED', expect.stringContaining(reason)])
    expect(hits).toEqual(['GET /start'])
  })

  it.each([
    [302, 'POST', 'GET /next'],
    [303, 'PUT', 'GET /next'],
    [307, 'POST', 'POST /next'],
    [308, 'PUT', 'PUT /next'],
    [301, 'HEAD', 'HEAD /next'],
  ])('%i after %s becomes %s', async (status, method, next) => {
    handle = to('/next', status)
    await start({ method, ...(method === 'HEAD' ? {} : { body: 'b' }) })
    expect(hits[1]).toBe(next)
  })

  it('does not carry a body to another origin', async () => {
    handle = to(`http://b.example:${port}/next`, 307)
    expect((await failure(start({ method: 'POST', body: 's3cret' }))).code).toBe('EGRESS_REFUSED')
    expect(hits).toEqual(['POST /start'])
  })

  it('may follow another five times, not more', async () => {
    handle = (request, response) => {
      const turn = Number(request.url?.slice(1)) || 0
      if (turn === 5 && request.headers['x-stop']) return void response.end('done')
      response.writeHead(302, { location: `/${turn + 1}` }).end()
    }
    expect(text((await start({ headers: { 'x-stop': '1' } })).body)).toBe('done')
    expect((await failure(start())).message).toBe('more than 5 redirects')
  })
})
