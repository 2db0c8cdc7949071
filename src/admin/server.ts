// The operator's endpoints that exist so far: /healthz, /readyz and /metrics; it sees the gateway only through the handle it is given.
import { createServer, type Server } from 'node:http'
import express, { type RequestHandler, Router } from 'express'

export interface AdminHandle {
  /** Prometheus text; undefined when it is switched off. */
  metrics(): Promise<string> | string | undefined
  readiness(): Readiness
}

/** What /readyz says: whether to send traffic here, and everything that is not as configured. */
export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly [detail: string]: unknown
}

/** Middleware for any application, and what the own listener serves. */
export function adminMiddleware(handle: AdminHandle): RequestHandler {
  const router = Router()
  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' })
  })
  router.get('/readyz', (_request, response) => {
    const readiness = handle.readiness()
    response.status(readiness.ready ? 200 : 503).json(readiness)
  })
  router.get('/metrics', async (_request, response) => {
    const text = await handle.metrics()
    if (text === undefined)
      problem(response, 404, 'metrics are switched off; set telemetry.prometheus')
    else response.type('text/plain; version=0.0.4').send(text)
  })
  return router
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i

/** On loopback only by its own names: a page in a browser must not reach it by a name that it made point there. */
export function createAdminServer(
  handle: AdminHandle,
  host: string,
  headerTimeout: number,
): Server {
  const app = express()
  app.disable('x-powered-by')
  const isLocal = LOOPBACK.test(host) || host === '::1'
  app.use((request, response, next) => {
    if (isLocal && !LOOPBACK.test(request.headers.host ?? ''))
      problem(response, 403, 'the Host header is none of this machine')
    else next()
  })
  app.use(adminMiddleware(handle))
  app.use((_request, response) => problem(response, 404, 'there is /healthz, /readyz and /metrics'))
  return createServer({ headersTimeout: headerTimeout, requestTimeout: headerTimeout }, app)
}

/** RFC 9457. */
function problem(response: express.Response, status: number, detail: string): void {
  response
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', status, detail }))
}
