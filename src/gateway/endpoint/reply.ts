// One HTTP response: its headers pass http_post_request exactly once, then it is JSON, an event stream, or empty.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isAppError } from '../../base/errors.ts'
import { encodeComment, encodeEvent } from '../../wire/sse.ts'
import { type Answer, denialAnswer, refusalAnswer } from '../answer.ts'
import type { Exchange, Room } from '../exchange.ts'

export interface HttpRequestPayload {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly client: { readonly address: string }
}

export interface Reply {
  /** Sends one JSON document, or as the last event when a stream was begun. */
  json(answer: Answer): Promise<void>
  /** Sends a status without a body. */
  empty(status: number, headers?: Readonly<Record<string, string>>): Promise<void>
  /** Begins an event stream; false when a policy refused the response, which has been answered then. */
  stream(headers?: Readonly<Record<string, string>>): Promise<boolean>
  /** One event; false when the client is gone or too far behind. */
  event(message: Buffer | string): boolean
  comment(text: string): boolean
  end(): void
  readonly begun: boolean
  /** The client has gone away. */
  readonly gone: boolean
}

/** A client that has this much unread is too slow to be kept. */
const MAX_UNREAD = 4 * 1024 * 1024

export function createReply(
  room: Room,
  exchange: Exchange,
  request: HttpRequestPayload,
  response: ServerResponse,
): Reply {
  let state: 'unsent' | 'deciding' | 'stream' | 'ended' = 'unsent'

  /** The headers as policies leave them; null when they refused the response and it has been answered. */
  async function decide(
    status: number,
    headers: Record<string, string>,
  ): Promise<Record<string, string> | null> {
    state = 'deciding'
    const runner = exchange.runtime.generation.runner('http_post_request')
    if (!runner) return headers
    const outcome = await runner.dispatch({ ...request, status, headers }, exchange.request, {})
    if (outcome.kind === 'pass') return sendable(outcome.payload.headers)
    if (outcome.kind === 'fault') room.report.raised(exchange, outcome.fault, 'http_post_request')
    const { requestId, era } = exchange.identity
    const answer =
      outcome.kind === 'deny'
        ? denialAnswer('http', outcome.violation, { id: undefined, requestId, era })
        : refusalAnswer(
            undefined,
            (outcome as { fault: Parameters<typeof refusalAnswer>[1] }).fault,
            requestId,
          )
    send(
      answer.status,
      { ...COMMON, 'content-type': 'application/json', ...answer.headers },
      answer.bytes,
    )
    return null
  }

  function send(status: number, headers: Record<string, string>, body?: Buffer): void {
    state = 'ended'
    if (response.headersSent || response.destroyed) return
    try {
      response.writeHead(status, { ...headers, 'content-length': String(body?.length ?? 0) })
      response.end(body)
    } catch (error) {
      room.log.error(
        { error: isAppError(error) ? error.code : 'WRITE', requestId: exchange.identity.requestId },
        'a response could not be written',
      )
      response.destroy()
    }
  }

  const isEnded = () => state === 'ended'
  const write = (text: Buffer): boolean => {
    if (state !== 'stream' || response.destroyed) return false
    if (response.writableLength > MAX_UNREAD) {
      response.destroy()
      return false
    }
    response.write(text)
    return true
  }

  return {
    async json(answer) {
      if (state === 'stream') {
        write(encodeEvent({ data: answer.bytes }))
        return this.end()
      }
      const headers = await decide(answer.status, {
        ...COMMON,
        ...idHeader(exchange),
        'content-type': 'application/json',
        ...answer.headers,
      })
      if (headers) send(answer.status, headers, answer.bytes)
    },
    async empty(status, extra) {
      const headers = await decide(status, { ...COMMON, ...idHeader(exchange), ...extra })
      if (headers) send(status, headers)
    },
    async stream(extra) {
      // an answer is on its way already: a notification that comes late has no response to go to
      if (state !== 'unsent') return false
      const headers = await decide(200, { ...COMMON, ...idHeader(exchange), ...STREAM, ...extra })
      if (!headers || response.destroyed) return false
      // ended while policies were deciding, by the end of its session: nobody would close it later
      if (isEnded()) {
        response.destroy()
        return false
      }
      response.writeHead(200, headers)
      response.flushHeaders()
      state = 'stream'
      return true
    },
    event: (message) => write(encodeEvent({ data: message })),
    comment: (text) => write(encodeComment(text)),
    end() {
      if (state === 'stream') response.end()
      state = 'ended'
    },
    get begun() {
      return state !== 'unsent'
    },
    get gone() {
      return response.destroyed
    },
  }
}

const COMMON = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
// proxies must neither buffer nor rewrite an event stream
const STREAM = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

// two spellings of one header would both be sent; what frames the message is written by whoever writes the message
export function sendable(headers: Readonly<Record<string, string>>): Record<string, string> {
  const sent: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (!FRAMING.has(lower)) sent[lower] = value
  }
  return sent
}

const FRAMING = new Set(['content-length', 'transfer-encoding', 'trailer', 'te', 'upgrade'])

function idHeader(exchange: Exchange): Record<string, string> {
  return { 'x-request-id': exchange.identity.requestId }
}

/** What http points see of a request: lower-case header names, several values joined; credentials are not theirs to read. */
export function httpPayload(request: IncomingMessage, path: string): HttpRequestPayload {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined)
      headers[name] = CREDENTIALS.has(name)
        ? '[redacted]'
        : Array.isArray(value)
          ? value.join(', ')
          : value
  }
  return {
    method: request.method ?? '',
    path,
    headers,
    client: { address: request.socket.remoteAddress ?? '' },
  }
}

const CREDENTIALS = new Set(['authorization', 'proxy-authorization', 'cookie', 'mcp-session-id'])
