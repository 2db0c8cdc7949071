// Outgoing https: the certificate is checked against the name that was asked for, although the socket is given an address.
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createEgress, type Egress } from '../../src/egress/egress.ts'

// a certificate for secure.example alone, with a key that protects nothing
const cert = readFileSync(new URL('./fixtures/cert.pem', import.meta.url), 'utf8')
const key = readFileSync(new URL('./fixtures/key.pem', import.meta.url), 'utf8')
let server: Server
let egress: Egress
let port: number

beforeAll(async () => {
  server = createServer({ cert, key }, (request, response) => {
    if (request.url === '/away')
      response.writeHead(302, { location: `http://secure.example:${port}/` }).end()
    else response.end(`${request.headers.host}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
  const resolve = async () => ['127.0.0.1']
  egress = createEgress({
    allowedHosts: ['*', '127.0.0.1'],
    clock: systemClock,
    log: silentLogger,
    resolve,
    ca: cert,
  })
})

afterAll(async () => {
  await egress.close()
  await new Promise((resolve) => server.close(resolve))
})

it('reaches a host whose certificate bears its name', async () => {
  const response = await egress.fetch(`https://secure.example:${port}/`, {
    allowed: ['secure.example'],
  })
  expect(new TextDecoder().decode(response.body)).toBe(`secure.example:${port}`)
})

it('refuses a certificate for another name, and for a bare address', async () => {
  for (const host of ['other.example', '127.0.0.1']) {
    const request = egress.fetch(`https://${host}:${port}/`, { allowed: [host] })
    await expect(request).rejects.toMatchObject({
      code: 'EGRESS_FAILED',
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    })
  }
})

it('does not follow a redirect out of https', async () => {
  const request = egress.fetch(`https://secure.example:${port}/away`, {
    allowed: ['secure.example'],
  })
  await expect(request).rejects.toMatchObject({
    code: 'EGRESS_REFUSED',
    message: 'the redirect leaves https',
  })
})
