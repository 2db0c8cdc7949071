// The optional TLS of the MCP endpoint: a real handshake, a real client certificate, and no way in without it.
import { readFileSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:https'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from '../../src/app.ts'
import { silentLogger } from '../../src/base/log.ts'

const file = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url))
const pem = (name: string) => readFileSync(file(name))
const SERVER = { cert: file('server.cert.pem'), key: file('server.key.pem') }
const BODY = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  },
})

let running: RunningGateway | undefined
afterEach(() => running?.stop({ now: true }))

async function start(tls: object, more: object = {}): Promise<string> {
  running = await startGateway({
    config: { version: 1, listen: { port: 0, tls }, admin: { port: 0 }, ...more },
    log: silentLogger,
  })
  return running.url
}

function post(url: string, options: RequestOptions): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const sent = request(url, { method: 'POST', headers, agent: false, ...options }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sent.on('error', reject).end(BODY)
  })
}

describe('listen.tls', () => {
  it('serves HTTPS with the configured certificate', async () => {
    const url = await start(SERVER)
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/mcp$/)
    const { status, text } = await post(url, { ca: pem('server.cert.pem') })
    expect(status).toBe(200)
    expect(JSON.parse(text).result.serverInfo.name).toBe('portcullis')
  })

  it('does not talk to a client that takes no protocol newer than TLS 1.1', async () => {
    const url = await start(SERVER)
    const old = {
      ca: pem('server.cert.pem'),
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const
    await expect(post(url, old)).rejects.toThrow()
  })

  it('with client_ca takes only clients with a certificate of it', async () => {
    const url = await start({ ...SERVER, client_ca: file('ca.cert.pem') })
    const ca = pem('server.cert.pem')
    await expect(post(url, { ca })).rejects.toThrow()
    const foreign = { ca, cert: pem('server.cert.pem'), key: pem('server.key.pem') }
    await expect(post(url, foreign)).rejects.toThrow()
    const known = { ca, cert: pem('client.cert.pem'), key: pem('client.key.pem') }
    expect((await post(url, known)).status).toBe(200)
  })

  it('knows by the client certificate who asks, on every request of the connection', async () => {
    const ca = pem('server.cert.pem')
    const known = { ca, cert: pem('client.cert.pem'), key: pem('client.key.pem') }
    const mtls = (name: string) => ({
      identity: {
        anonymous: 'deny',
        mtls: { map: [{ common_name: [name], principal: 'ci' }] },
      },
    })
    const tls = { ...SERVER, client_ca: file('ca.cert.pem') }
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const url = await start(tls, mtls('client one'))
    for (const _ of [1, 2]) expect((await post(url, { ...known, agent })).status).toBe(200)
    agent.destroy()
    await running?.stop({ now: true })
    const { status, text } = await post(await start(tls, mtls('somebody else')), known)
    expect([status, JSON.parse(text).error.data.code]).toEqual([401, 'AUTH_INVALID'])
  })

  it('does not start when a file is missing or no certificate, and says which', async () => {
    await expect(start({ ...SERVER, cert: '/nowhere/cert.pem' })).rejects.toThrow(
      /listen\.tls\.cert.*\/nowhere\/cert\.pem/,
    )
    await expect(start({ ...SERVER, key: file('README.md') })).rejects.toThrow(/listen\.tls/)
  })
})
