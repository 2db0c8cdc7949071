// The connection a server is attested over, against real TLS servers: what is seen of them, what is bound to it, and what they may not do.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import {
  type AttestConnection,
  type AttestConnectOptions,
  connectForAttestation,
} from '../../src/upstream/attest/connection.ts'
import { issue, makeAuthority } from '../support/certificates.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

const authority = makeAuthority()
const stranger = makeAuthority('Another Authority')
const leaf = issue(authority, { uri: ['spiffe://prod.example/files'] })
const TLS = { ca: [authority.cert] }
const LABEL = 'EXPERIMENTAL portcullis attest'

interface Running {
  readonly url: string
  readonly server: Server
  /** Ports of those who have connected. */
  readonly connections: number[]
  readonly sockets: Set<Socket>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

async function serve(
  handler: Handler,
  options: ServerOptions = {},
  host = 'localhost',
): Promise<Running> {
  const sockets = new Set<Socket>()
  const connections: number[] = []
  const server = createServer({ cert: leaf.cert, key: leaf.key, ...options }, handler)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    connections.push(socket.remotePort ?? 0)
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  release.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { url: `https://${host}:${port}/mcp?a=1`, server, connections, sockets }
}

async function connectTo(
  url: string,
  more: Partial<AttestConnectOptions> = {},
): Promise<AttestConnection> {
  const connection = await connectForAttestation(url, {
    clock: systemClock,
    timeout: 3000,
    tls: TLS,
    ...more,
  })
  release.push(() => connection.close())
  return connection
}

const get = (connection: AttestConnection, path = '/', limit = 1000) =>
  connection.request({ method: 'GET', path }, { limit })
const refused = (code: string, message?: string) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringContaining(message) }) })
const text = ({ body }: { body: Uint8Array }) => Buffer.from(body).toString()
const caught = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing',
    (error: unknown) => error,
  )

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  const only = { minVersion: version, maxVersion: version }

  it('what was presented is told byte for byte and in its order', async () => {
    const staple = Buffer.from('a response that nobody here reads')
    const cert = leaf.cert + stranger.cert + authority.cert
    const { url, server } = await serve((_request, response) => response.end(), { ...only, cert })
    server.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, staple))
    const seen = await connectTo(url)
    expect(seen).toMatchObject({
      protocol: version,
      leafSpkiSha256: leaf.spkiSha256,
      authorized: true,
      authorizationError: undefined,
      peer: { address: '127.0.0.1', port: Number(new URL(url).port) },
    })
    expect(seen.chain.map((der) => Buffer.from(der))).toEqual([
      leaf.der,
      stranger.der,
      authority.der,
    ])
    expect(Buffer.from(seen.ocspStaple as Uint8Array)).toEqual(staple)
  })

  it('both ends derive the same keying material, and another for another context', async () => {
    const context = Buffer.from('0123456789abcdef')
    const { url } = await serve((request, response) => {
      const socket = request.socket as TLSSocket
      response.end(socket.exportKeyingMaterial(32, LABEL, context).toString('hex'))
    }, only)
    const one = await connectTo(url)
    const own = Buffer.from(one.exporter(LABEL, context, 32)).toString('hex')
    expect(text(await get(one))).toBe(own)
    expect(Buffer.from(one.exporter(LABEL, Buffer.from('other'), 32)).toString('hex')).not.toBe(own)
    const two = await connectTo(url)
    expect(Buffer.from(two.exporter(LABEL, context, 32)).toString('hex')).not.toBe(own)
  })

  it('requests go over the very socket that was looked at', async () => {
    const ports: unknown[] = []
    const { url, connections } = await serve((request, response) => {
      const { method, url: path, headers } = request
      ports.push(request.socket.remotePort)
      const chunks: Buffer[] = []
      request.on('data', (chunk) => chunks.push(chunk))
      request.on('end', () => {
        response.setHeader('x-own', '1')
        response.statusCode = 201
        response.end(
          JSON.stringify({ method, path, headers, body: Buffer.concat(chunks).toString() }),
        )
      })
    }, only)
    const connection = await connectTo(url)
    const headers = {
      'X-Key': 'k',
      'content-type': 'application/json',
      Host: 'evil',
      Connection: 'close',
      'Transfer-Encoding': 'chunked',
    }
    const asked = {
      method: 'POST',
      path: '/.well-known/x?y=1',
      headers,
      body: Buffer.from('{"a":1}'),
    } as const
    const [first, second] = await Promise.all([
      connection.request(asked, { limit: 1000 }),
      get(connection, '/second'),
    ])
    expect(first).toMatchObject({ status: 201, headers: { 'x-own': '1' } })
    const told = JSON.parse(text(first))
    expect(told).toMatchObject({ method: 'POST', path: '/.well-known/x?y=1', body: '{"a":1}' })
    expect(told.headers).toEqual({
      'x-key': 'k',
      'content-type': 'application/json',
      'content-length': '7',
      'accept-encoding': 'identity',
      connection: 'keep-alive',
      host: new URL(url).host,
    })
    expect(JSON.parse(text(second))).toMatchObject({ method: 'GET', path: '/second' })
    expect(connections).toEqual([ports[0]])
    expect(ports[1]).toBe(ports[0])
  })

  it('no session is resumed, and a key that changes between two connections is seen', async () => {
    const resumed: boolean[] = []
    const { url, server } = await serve((_request, response) => response.end(), only)
    server.on('secureConnection', (socket: TLSSocket) => resumed.push(socket.isSessionReused()))
    const one = await connectTo(url)
    await get(one)
    one.close()
    const other = issue(authority)
    server.setSecureContext({ cert: other.cert, key: other.key, ...only })
    const two = await connectTo(url)
    await get(two)
    expect([one.leafSpkiSha256, two.leafSpkiSha256]).toEqual([leaf.spkiSha256, other.spkiSha256])
    expect(resumed).toEqual([false, false])
  })
})

describe('whether the peer is authorized', () => {
  const verdict = async (more: Partial<AttestConnectOptions>, url?: string) => {
    const made = await serve((_request, response) => response.end())
    const { authorized, authorizationError } = await connectTo(url ?? made.url, more)
    return authorized ? 'authorized' : authorizationError
  }

  it('is said by node:tls, and the connection is there all the same', async () => {
    expect(await verdict({})).toBe('authorized')
    expect(await verdict({ tls: { ca: [stranger.cert] } })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    expect(await verdict({ tls: { ca: [] } })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    expect(await verdict({ tls: {} })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  it('takes the name into account, or who it is said to have to be', async () => {
    const { url } = await serve((_request, response) => response.end(), {}, '127.0.0.1')
    expect(await verdict({}, url)).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await verdict({ tls: { ...TLS, identity: () => undefined } }, url)).toBe('authorized')
    const no = () => new Error('not the one')
    expect(await verdict({ tls: { ...TLS, identity: no } }, url)).toBe('not the one')
  })
})

describe('a peer that is slow', () => {
  it('to answer at all is given up when the time is over', async () => {
    const sockets: Socket[] = []
    const silent = createTcpServer((socket) => void sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    release.push(() => silent.close())
    release.push(() => sockets.forEach((socket) => void socket.destroy()))
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`
    expect(await caught(connectTo(url, { timeout: 100 }))).toEqual(
      refused('UPSTREAM_TIMEOUT', 'within 100 ms'),
    )
    const gone = new AbortController()
    const connecting = caught(connectTo(url, { signal: gone.signal }))
    gone.abort()
    expect(await connecting).toEqual(refused('DISPATCH_ABORTED'))
    expect(await caught(connectTo(url, { signal: AbortSignal.abort() }))).toEqual(
      refused('DISPATCH_ABORTED'),
    )
  })

  it('with its answer, or with the rest of it, likewise', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/drip') setInterval(() => response.write('x'), 20).unref()
    })
    for (const path of ['/never', '/drip']) {
      const connection = await connectTo(url, { timeout: 200 })
      expect(await caught(get(connection, path))).toEqual(refused('UPSTREAM_TIMEOUT'))
      expect(await caught(get(connection))).toEqual(refused('UPSTREAM_TIMEOUT'))
    }
  })

  it('is not waited for by somebody who has gone', async () => {
    const { url, sockets } = await serve(() => {})
    const connection = await connectTo(url)
    const gone = new AbortController()
    const asking = caught(
      connection.request({ method: 'GET', path: '/' }, { limit: 10, signal: gone.signal }),
    )
    setTimeout(() => gone.abort(), 20)
    expect(await asking).toEqual(refused('DISPATCH_ABORTED'))
    expect(() => connection.exporter(LABEL, Buffer.alloc(1), 32)).toThrow('given up')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([...sockets].filter(({ destroyed }) => !destroyed)).toEqual([])
  })
})

describe('too much', () => {
  it.each<[string, Handler]>([
    ['that is announced', (_request, response) => response.end('x'.repeat(2000))],
    [
      'that is not',
      (_request, response) => {
        response.write('x'.repeat(900))
        response.end('x'.repeat(900))
      },
    ],
  ])('of a body %s is refused', async (_what, handler) => {
    const { url } = await serve(handler)
    const connection = await connectTo(url)
    expect(await caught(get(connection))).toEqual(refused('UPSTREAM_TOO_LARGE', '1000 bytes'))
    expect(await caught(get(connection))).toEqual(refused('UPSTREAM_TOO_LARGE'))
  })

  it('of headers is refused', async () => {
    const { url } = await serve((_request, response) => {
      response.setHeader('x-long', 'x'.repeat(17 * 1024))
      response.end()
    })
    expect(await caught(get(await connectTo(url)))).toEqual(
      refused('UPSTREAM_PROTOCOL', 'HPE_HEADER_OVERFLOW'),
    )
  })

  it('of certificates is refused, by number and by size', async () => {
    const many = leaf.cert + authority.cert.repeat(10)
    const large = leaf.cert + issue(authority, { padding: 65_000 }).cert
    for (const cert of [many, large]) {
      const { url } = await serve((_request, response) => response.end(), { cert })
      expect(await caught(connectTo(url))).toEqual(refused('UPSTREAM_TOO_LARGE', 'certificates'))
    }
    const most = leaf.cert + authority.cert.repeat(9)
    const { url } = await serve((_request, response) => response.end(), { cert: most })
    expect((await connectTo(url)).chain).toHaveLength(10)
  })

  it('of a staple is refused', async () => {
    const { url, server } = await serve((_request, response) => response.end())
    server.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, Buffer.alloc(16_385)))
    expect(await caught(connectTo(url))).toEqual(refused('UPSTREAM_TOO_LARGE', 'OCSP'))
  })
})

describe('what else a peer may do', () => {
  it('a redirect is its answer and is not followed', async () => {
    const { url, connections } = await serve((_request, response) =>
      response.writeHead(302, { location: '/elsewhere' }).end('moved'),
    )
    expect(await get(await connectTo(url))).toMatchObject({
      status: 302,
      headers: { location: '/elsewhere' },
    })
    expect(connections).toHaveLength(1)
  })

  it('to end the connection after an answer means that there is no other', async () => {
    const { url, connections } = await serve((_request, response) => {
      response.setHeader('connection', 'close')
      response.end('once')
    })
    const connection = await connectTo(url)
    expect(text(await get(connection))).toBe('once')
    expect(await caught(get(connection))).toEqual(refused('UPSTREAM_UNAVAILABLE'))
    expect(connections).toHaveLength(1)
  })

  it('to compress unasked, to change the protocol, or to speak no HTTP breaks the protocol', async () => {
    const { url } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    )
    expect(await caught(get(await connectTo(url)))).toEqual(
      refused('UPSTREAM_PROTOCOL', 'compressed'),
    )
    for (const [word, why] of [
      ['SSH-2.0-OpenSSH\r\n\r\n', 'HPE_'],
      [
        'HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
        'changed the protocol',
      ],
    ] as const) {
      const server = createTlsServer(leaf, (socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.write(word))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      release.push(() => server.close())
      const odd = `https://localhost:${(server.address() as AddressInfo).port}/`
      expect(await caught(get(await connectTo(odd)))).toEqual(refused('UPSTREAM_PROTOCOL', why))
    }
  })
})

it('a url without TLS, and a key that cannot be read, are refused before anything is sent', async () => {
  expect(await caught(connectTo('http://localhost:1/'))).toEqual(refused('CONFIG_INVALID', 'TLS'))
  expect(
    await caught(connectTo('https://localhost:1/', { tls: { key: 'SECRET', cert: 'x' } })),
  ).toEqual(
    refused('CONFIG_INVALID', 'the certificates or the key for the connection cannot be read'),
  )
  expect(await caught(connectTo('https://localhost:1/'))).toEqual(
    refused('UPSTREAM_UNAVAILABLE', 'ECONNREFUSED'),
  )
})
