// The operator's endpoints: /healthz, /readyz and /metrics, and in front of the admin API where there is one; it sees the gateway only through the handle it is given.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { AppError } from '../base/errors.ts'
import { createServer } from '../base/node-http.ts'

export interface AdminHandle {
  /** Prometheus text; undefined when it is switched off. */
  metrics(): Promise<string> | string | undefined
  readiness(): Readiness
  /** /api/v1 and /openapi.json; undefined: switched off. */
  readonly api?: AdminMiddleware | undefined
}

/** What /readyz says: whether to send traffic here, and everything that is not as configured. */
export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly [detail: string]: unknown
}

/** Express middleware that needs no Express: node's own requests and responses will do. */
export type AdminMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

interface Exposure {
  /** Whoever reaches the address may read everything: it is on loopback, or whoever mounts it sees to that. */
  readonly trusted: boolean
}

/** Middleware for any application, and what the own listener serves. What is none of its paths goes on to `next`. */
export function adminMiddleware(
  handle: AdminHandle,
  { trusted }: Exposure = { trusted: true },
): AdminMiddleware {
  const { api } = handle
  // who has credentials uses them: without the API there are none
  const guarded = api !== undefined && !trusted
  const pages: Readonly<Record<string, () => Page | Promise<Page>>> = {
    '/healthz': () => json(200, { status: 'ok' }),
    '/readyz'() {
      const readiness = handle.readiness()
      return json(readiness.ready ? 200 : 503, guarded ? { ready: readiness.ready } : readiness)
    },
    async '/metrics'() {
      const text = await handle.metrics()
      return text === undefined
        ? problem(404, 'metrics are switched off; set telemetry.prometheus')
        : { status: 200, type: METRICS_TYPE, body: text }
    },
  }
  return (request, response, next) => {
    const path = pathOf(request.url)
    const page = Object.hasOwn(pages, path) && isRead(request.method) ? pages[path] : undefined
    if (page === undefined) return api ? api(request, response, next) : next()
    if (guarded && path === '/metrics') {
      request.url = '/api/v1/metrics'
      return api(request, response, next)
    }
    Promise.resolve()
      .then(page)
      .then((answer) => send(response, answer))
      .catch(next)
  }
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

function isRead(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD'
}

// as a router has it: without the query, in any case, with a slash at the end or none
function pathOf(url = '/'): string {
  const [path = ''] = url.split('?', 1)
  return (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase()
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i

export interface AdminListener {
  readonly host: string
  /** Path below which everything is served; `/` for the root. */
  readonly path: string
  /** Milliseconds. */
  readonly headerTimeout: number
}

/** On loopback only by its own names: a page in a browser must not reach it by a name that it made point there. */
export function createAdminServer(
  handle: AdminHandle,
  { host, path, headerTimeout }: AdminListener,
): Server {
  const isLocal = LOOPBACK.test(host) || host === '::1'
  const serve = adminMiddleware(handle, { trusted: isLocal })
  const options = { headersTimeout: headerTimeout, requestTimeout: headerTimeout }
  return createServer(options, (request, response) => {
    // of several node tells the first, and whoever stands before us may have read another one
    if ((request.headersDistinct.host?.length ?? 0) > 1)
      return send(response, problem(403, 'there are several Host headers'))
    if (isLocal && !LOOPBACK.test(request.headers.host ?? ''))
      return send(response, problem(403, 'the Host header is none of this machine'))
    if (!mountAt(request, path)) return send(response, otherwise(undefined))
    serve(request, response, (error) => send(response, otherwise(error)))
  })
}

/** As Express does it: the path is cut off `url` and stands in `baseUrl`. False for what is not below it. */
function mountAt(request: IncomingMessage & { baseUrl?: string }, path: string): boolean {
  if (path === '/') return true
  const { url = '/' } = request
  const rest = url.slice(path.length)
  if (!url.startsWith(path) || !/^[/?]|^$/.test(rest)) return false
  request.baseUrl = path
  request.url = rest.startsWith('/') ? rest : `/${rest}`
  return true
}

function otherwise(error: unknown): Page {
  if (error === undefined)
    return problem(404, 'there is /healthz, /readyz and /metrics, and with admin.api /api/v1')
  const fault = error instanceof AppError ? error : undefined
  return problem(fault?.http ?? 500, fault?.message ?? 'the gateway failed')
}

interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

function json(status: number, value: unknown): Page {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

/** RFC 9457. */
function problem(status: number, detail: string): Page {
  const body = JSON.stringify({ type: 'about:blank', status, detail })
  return { status, type: 'application/problem+json; charset=utf-8', body }
}

// a HEAD is answered with the same headers; node leaves the body out
function send(response: ServerResponse, { status, type, body }: Page): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
