// The request as http_pre_request sees it, and what it does to what comes after.
import type { IncomingMessage } from 'node:http'
import { AppError } from '../../base/errors.ts'
import type { Runner } from '../../engine/engine.ts'
import type { Points } from '../../points/table.ts'
import { denialAnswer } from '../answer.ts'
import type { Exchange, Room } from '../exchange.ts'
import type { Reply } from './reply.ts'

export interface HttpRequestPayload {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly client: { readonly address: string }
}

type PreRunner = Runner<Points['http_pre_request']['payload'], Points['http_pre_request']['answer']>

/** The headers that policies changed; null when the request has been answered. */
export async function passHttp(
  runner: PreRunner,
  room: Room,
  exchange: Exchange,
  payload: HttpRequestPayload,
  reply: Reply,
): Promise<Record<string, string> | null> {
  const outcome = await runner.dispatch(payload, exchange.request, {})
  const { requestId, era } = exchange.identity
  switch (outcome.kind) {
    case 'pass':
      return changedHeaders(payload.headers, outcome.payload.headers)
    case 'fault':
      throw outcome.fault
    case 'ask':
      throw new AppError('INTERNAL', 'http_pre_request asks nobody')
    case 'deny':
      room.report.finished(exchange, 'denied', outcome.violation.code)
      await reply.json(denialAnswer('http', outcome.violation, { id: undefined, requestId, era }))
      return null
    case 'respond': {
      const { status, headers, body } = outcome.answer
      // an interim status would leave the client waiting, and node writes no other
      if (status < 200 || status > 599)
        throw new AppError('PLUGIN_PATCH_INVALID', 'a policy answered with no HTTP status')
      room.report.finished(exchange, 'ok', undefined)
      await reply.json({
        bytes: Buffer.from(JSON.stringify(body ?? null)),
        status,
        ...(headers ? { headers: sendable(headers) } : {}),
      })
      return null
    }
  }
}

// what plugins saw redacted is not written back
function changedHeaders(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string> {
  const changed: Record<string, string> = {}
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (before[name] !== after[name]) changed[name.toLowerCase()] = after[name] as string
  }
  return changed
}

/** The path a request was routed by, and policies read: of a mounted endpoint with the mount. */
export function pathOf(request: IncomingMessage & { path?: string; baseUrl?: string }): string {
  const path = request.path ?? pathIn(request.url ?? '/')
  // Express gives a mounted handler the path below the mount; what the client asked for is both
  return request.baseUrl ? request.baseUrl + (path === '/' ? '' : path) : path
}

// a target may be a whole URL (RFC 9112 section 3.2.2) or have a fragment; nobody must read another path in it than was routed by
function pathIn(target: string): string {
  if (target.startsWith('/') && !UNUSUAL.test(target)) return target.split('?', 1)[0] as string
  return URL.parse(target, 'http://localhost')?.pathname ?? target
}

const UNUSUAL = /[#\s\ufeff]/

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
