// The endpoint as Express middleware, and the standalone server around it, which needs no router for one path.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestHandler } from 'express'
import { AppError, ERRORS } from '../base/errors.ts'
import { createServer, createTlsServer, STATUS_CODES } from '../base/node-http.ts'
import type { Doors } from './endpoint/doors.ts'
import { pathOf } from './endpoint/http-point.ts'

/**
 * Middleware for any path of any Express application, also behind `express.json()`. It takes requests for the place it is mounted
 * at and, unless it is one virtual server, for the paths of the configuration; all others are for who comes after it: a
 * virtual server that is taken out of the configuration must not become the whole gateway.
 */
export function asMiddleware(doors: Doors, virtualServer?: string): RequestHandler {
  return (request, response, next) => {
    const here = request.route !== undefined || request.path === '/'
    const entered =
      virtualServer === undefined
        ? doors.enter(pathOf(request), request, response, 'express')
        : undefined
    if (entered) return entered
    if (here) return doors.endpoint(request, response, 'express', virtualServer)
    next()
  }
}

export interface ServerLimits {
  /** Milliseconds a client may take to send its headers. */
  readonly headerTimeout: number
}

export interface TlsFiles {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly ca?: string | Buffer
}

/** The standalone server: what the configuration has at its paths, problem+json everywhere else, never HTML. */
export function createHttpServer(doors: Doors, limits: ServerLimits, tls?: TlsFiles): Server {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const entered =
      doors.enter(request.url, request, response, 'http') ??
      doors.enter(pathOf(request), request, response, 'http')
    if (entered) return
    const what = `the MCP endpoint is at ${doors.path()}`
    sendProblem(response, new AppError('WIRE_NOT_FOUND', what))
  }
  const options = {
    headersTimeout: limits.headerTimeout,
    requestTimeout: limits.headerTimeout * 3,
    // node looks for late clients only this often, by default every 30 s
    connectionsCheckingInterval: Math.min(1000, limits.headerTimeout),
    maxHeaderSize: MAX_HEADERS,
    // a request without Host is refused by the host check, in our own form
    requireHostHeader: false,
    keepAliveTimeout: 65_000,
  }
  const server = tls
    ? createTlsServer(
        {
          ...options,
          ...tls,
          ...(tls.ca ? { requestCert: true, rejectUnauthorized: true } : {}),
          minVersion: 'TLSv1.2',
        },
        listener,
      )
    : createServer(options, listener)
  // what node cannot parse never reaches the listener: answered here, in the same form
  server.on('clientError', refuseConnection)
  return server
}

const MAX_HEADERS = 16 * 1024

function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex): void {
  // an answer that has begun cannot be taken back
  const { _httpMessage: begun } = socket as Duplex & { _httpMessage?: { headersSent: boolean } }
  if (!socket.writable || begun?.headersSent) return void socket.destroy()
  const problem = connectionProblem(error)
  const body = JSON.stringify(problem)
  const { status } = problem
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

function connectionProblem({ code }: NodeJS.ErrnoException): ReturnType<typeof problemOf> {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problemOf(new AppError('WIRE_TIMEOUT', 'the request did not arrive in time'))
    case 'HPE_HEADER_OVERFLOW': {
      const what = `the headers are larger than ${MAX_HEADERS} bytes`
      return { ...problemOf(new AppError('WIRE_TOO_LARGE', what)), status: 431 }
    }
    default:
      return problemOf(new AppError('WIRE_INVALID_REQUEST', 'the request is not valid HTTP'))
  }
}

/** RFC 9457. */
export function problemOf(error: unknown): {
  type: string
  title: string
  status: number
  detail: string
  code: string
  next: string
} {
  const fault =
    error instanceof AppError
      ? error
      : new AppError('INTERNAL', 'the gateway failed', { cause: error })
  const { what, next } = ERRORS[fault.code]
  return {
    type: 'about:blank',
    title: what,
    status: fault.http,
    detail: fault.message,
    code: fault.code,
    next,
  }
}

function sendProblem(response: ServerResponse, error: AppError): void {
  const problem = problemOf(error)
  const body = JSON.stringify(problem)
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
