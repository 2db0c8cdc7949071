// Whether a server insists on a client certificate, found out by greeting it without one: required, asked for, ignored, or nothing said.
import { createServer, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { connectForAttestation } from '../../src/upstream/attest/connection.ts'
import { probeWithoutClientCertificate } from '../../src/upstream/attest/probe.ts'
import { issue, makeAuthority } from '../support/certificates.ts'
import { freePort } from '../support/ports.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

const authority = makeAuthority()
const leaf = issue(authority)
const client = issue(authority, { name: 'gateway', dns: [] })
const ca = [authority.cert]
const options = (timeout = 2000) => ({
  clock: systemClock,
  timeout,
  tls: { ca, cert: client.cert, key: client.key },
})

type Listener = { on(event: 'connection', listener: (socket: Socket) => void): unknown }

async function listen(server: ReturnType<typeof createTcpServer> & Listener): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  release.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return `https://localhost:${(server.address() as AddressInfo).port}/mcp`
}

function https(more: ServerOptions): Promise<string> {
  const server = createServer({ ...leaf, ...more }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate()
    response.end(subject?.CN ?? 'nobody')
  })
  server.on('tlsClientError', () => {})
  return listen(server)
}

/** A TLS server by hand; what it does is told how many have come before. */
function tls(more: TlsOptions, does: (socket: TLSSocket, before: number) => void): Promise<string> {
  let count = 0
  const server = createTlsServer({ ...leaf, ...more }, (socket) => {
    socket.on('error', () => {})
    does(socket, count++)
  })
  server.on('tlsClientError', () => {})
  return listen(server)
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  const only = { minVersion: version, maxVersion: version }

  it.each<[string, ServerOptions, string, string]>([
    ['required', { requestCert: true, rejectUnauthorized: true, ca }, 'refused', 'gateway'],
    ['asked for only', { requestCert: true, rejectUnauthorized: false, ca }, 'accepted', 'gateway'],
    ['not asked for', {}, 'accepted', 'nobody'],
  ])('a certificate that is %s', async (_what, more, answer, seen) => {
    const url = await https({ ...only, ...more })
    expect(await probeWithoutClientCertificate(url, options())).toBe(answer)
    const connection = await connectForAttestation(url, options())
    release.push(() => connection.close())
    const { body } = await connection.request({ method: 'GET', path: '/' }, { limit: 100 })
    expect(Buffer.from(body).toString()).toBe(seen)
  })

  it('a server that hangs up on whoever has none has not said that it refuses: anybody in between could', async () => {
    const asks = { ...only, requestCert: true, rejectUnauthorized: false, ca }
    const url = await tls(asks, (socket) => {
      if (!socket.authorized) socket.destroy()
    })
    expect(await probeWithoutClientCertificate(url, options())).toBe('unknown')
    const politely = await tls(asks, (socket) => {
      socket.once('data', () => socket.end())
    })
    expect(await probeWithoutClientCertificate(politely, options())).toBe('unknown')
  })

  it('one that hangs up once only does not', async () => {
    const url = await tls(only, (socket, before) => {
      if (before === 0) socket.destroy()
      else socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    expect(await probeWithoutClientCertificate(url, options())).toBe('accepted')
  })

  it('one that says nothing is not known to do either, in bounded time', async () => {
    const url = await tls(only, () => {})
    expect(await probeWithoutClientCertificate(url, options(150))).toBe('unknown')
  })
})

it('a server that is not there, or is no TLS server, shows nothing', async () => {
  const nobody = `https://localhost:${await freePort()}/`
  expect(await probeWithoutClientCertificate(nobody, options())).toBe('unknown')
  const closes = await listen(createTcpServer((socket) => void socket.destroy()))
  expect(await probeWithoutClientCertificate(closes, options())).toBe('unknown')
  const silent = await listen(createTcpServer(() => {}))
  expect(await probeWithoutClientCertificate(silent, options(150))).toBe('unknown')
  const plain = await listen(
    createTcpServer((socket) => void socket.write('HTTP/1.1 400 Bad\r\n\r\n')),
  )
  expect(await probeWithoutClientCertificate(plain, options())).toBe('unknown')
})

it('an alert that anybody could have made shows nothing', async () => {
  // handshake_failure, in the clear, instead of a greeting
  const alert = Buffer.from([21, 3, 3, 0, 2, 2, 40])
  const forged = await listen(
    createTcpServer((socket) => void socket.once('data', () => socket.end(alert))),
  )
  expect(await probeWithoutClientCertificate(forged, options())).toBe('unknown')
})

it('whoever asks may go away', async () => {
  const silent = await listen(createTcpServer(() => {}))
  const gone = new AbortController()
  const asking = probeWithoutClientCertificate(silent, { ...options(), signal: gone.signal })
  setTimeout(() => gone.abort(), 20)
  await expect(asking).rejects.toMatchObject({ code: 'DISPATCH_ABORTED' })
})
