// The operator's endpoints over real sockets: alone, and as middleware in an Express application.
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type AdminHandle,
  type AdminMiddleware,
  adminMiddleware,
  createAdminServer,
} from '../../src/admin/server.ts'

const HANDLE: AdminHandle = {
  metrics: async () => 'portcullis_sessions 0\n',
  readiness: () => ({ ready: false, reasons: ['starting'] }),
}
const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

interface Answer {
  readonly status: number | undefined
  readonly type: string | undefined
  readonly length: string | undefined
  readonly body: string
}

async function serve(server: Server): Promise<(path: string, as?: object) => Promise<Answer>> {
  open.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return async (path, as = {}) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...as }).end()
    const [response] = await once(sent, 'response')
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    const { 'content-type': type, 'content-length': length } = response.headers
    return { status: response.statusCode, type, length, body }
  }
}

const alone = (handle: AdminHandle = HANDLE, host = '127.0.0.1') =>
  serve(createAdminServer(handle, { host, path: '/', headerTimeout: 5000 }))

describe('the admin listener', () => {
  it('says that the process lives, whether it is ready, and its numbers', async () => {
    const ask = await alone()
    expect(await ask('/healthz')).toEqual({
      status: 200,
      type: 'application/json; charset=utf-8',
      length: '15',
      body: '{"status":"ok"}',
    })
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: '{"ready":false,"reasons":["starting"]}',
    })
    expect(await ask('/metrics')).toMatchObject({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: 'portcullis_sessions 0\n',
    })
  })

  it('takes a query, a slash at the end and any case', async () => {
    const ask = await alone()
    for (const path of ['/healthz?verbose', '/healthz/', '/HealthZ', '/healthz/?x=1'])
      expect((await ask(path)).status, path).toBe(200)
  })

  it('answers HEAD with the headers of GET', async () => {
    const ask = await alone()
    const { body, ...head } = await ask('/readyz', { method: 'HEAD' })
    expect(body).toBe('')
    expect(await ask('/readyz')).toMatchObject(head)
  })

  it('says in problem+json what it has not', async () => {
    const ask = await alone()
    const none = { status: 404, type: 'application/problem+json; charset=utf-8' }
    for (const path of ['/', '/healthz/deeper', '/constructor', '//healthz'])
      expect(await ask(path), path).toMatchObject(none)
    expect(await ask('/healthz', { method: 'POST' })).toMatchObject(none)
    const off = await alone({ ...HANDLE, metrics: () => undefined })
    expect(await off('/metrics')).toMatchObject(none)
  })

  it('refuses a Host that is none of this machine where it listens on loopback only', async () => {
    const foreign = { headers: { host: 'example.test' } }
    const ask = await alone()
    expect((await ask('/healthz', foreign)).status).toBe(403)
    const everywhere = await alone(HANDLE, '0.0.0.0')
    expect((await everywhere('/healthz', foreign)).status).toBe(200)
  })

  it('shows nothing but whether it is ready to who has no credentials, beyond loopback and with the API on', async () => {
    const seen: (string | undefined)[] = []
    const api: AdminMiddleware = (request, response) => {
      seen.push(request.url)
      response.writeHead(401).end()
    }
    const ask = await alone({ ...HANDLE, api }, '0.0.0.0')
    expect((await ask('/metrics')).status).toBe(401)
    expect(seen).toEqual(['/api/v1/metrics'])
    expect(await ask('/readyz')).toMatchObject({ status: 503, body: '{"ready":false}' })
    const local = await alone({ ...HANDLE, api })
    expect((await local('/metrics')).status).toBe(200)
  })

  it('answers 500 without saying why when the handle fails', async () => {
    const ask = await alone({ ...HANDLE, metrics: () => Promise.reject(new Error('disk of bob')) })
    const { status, body } = await ask('/metrics')
    expect(status).toBe(500)
    expect(body).not.toContain('bob')
  })
})

describe('the admin middleware in an Express application', () => {
  it('serves below a mount path and leaves everything else to the application', async () => {
    const app = express()
    app.use('/ops', adminMiddleware(HANDLE))
    app.use((_request, response) => response.status(418).send('mine'))
    const ask = await serve(createServer(app))
    expect((await ask('/ops/healthz')).body).toBe('{"status":"ok"}')
    expect((await ask('/ops/else')).body).toBe('mine')
    expect((await ask('/healthz')).body).toBe('mine')
  })

  it('hands a fault of the handle to the application', async () => {
    const app = express()
    app.use(adminMiddleware({ ...HANDLE, metrics: () => Promise.reject(new Error('broken')) }))
    app.use(((error, _request, response, _next) => {
      response.status(502).send(error.message)
    }) as express.ErrorRequestHandler)
    const ask = await serve(createServer(app))
    expect(await ask('/metrics')).toMatchObject({ status: 502, body: 'broken' })
  })
})
