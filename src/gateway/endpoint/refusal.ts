// Requests that could not be taken: answered in the form of the protocol, reported, and never left hanging.
import type { ServerResponse } from 'node:http'
import { AppError, isAppError } from '../../base/errors.ts'
import { CHALLENGE, type Challenge } from '../access/challenge.ts'
import { credentialAnswer, refusalAnswer } from '../answer.ts'
import type { Exchange, Room } from '../exchange.ts'
import type { Reply } from './reply.ts'

/** Before the start and after the end there is no runtime to answer with. */
export function unavailable(response: ServerResponse, error: unknown): void {
  const fault = isAppError(error)
    ? error
    : new AppError('INTERNAL', 'the gateway failed', { cause: error })
  const { bytes } = refusalAnswer(undefined, fault, '')
  const later = fault.http === 503 ? { 'retry-after': '5' } : {}
  response.writeHead(fault.http, { 'content-type': 'application/json', ...later }).end(bytes)
}

/** A request that could not be taken at all. */
export async function refuse(
  room: Room,
  exchange: Exchange,
  reply: Reply,
  error: unknown,
  id?: string | number,
): Promise<void> {
  const fault = isAppError(error)
    ? error
    : new AppError('INTERNAL', 'the gateway failed', { cause: error })
  room.report.raised(exchange, fault, exchange.identity.method || 'http')
  // whoever is not let in is refused; that it cannot be found out is a fault
  const turnedAway = fault.code.startsWith('AUTH_')
  room.report.finished(exchange, turnedAway && fault.http < 500 ? 'denied' : 'fault', fault.code)
  if (reply.gone) return
  const { requestId } = exchange.identity
  if (turnedAway) {
    const answer = credentialAnswer(fault, requestId)
    return reply.json({ ...answer, headers: credentialHeaders(exchange, fault) })
  }
  const answer = refusalAnswer(id, fault, requestId)
  const allow: Record<string, string> =
    fault.code === 'WIRE_METHOD_NOT_ALLOWED' ? { allow: 'POST, GET, DELETE' } : {}
  // the rest of a body that was refused unread would be taken for the next request
  const close: Record<string, string> =
    fault.code === 'WIRE_TOO_LARGE' || fault.code === 'WIRE_TIMEOUT' ? { connection: 'close' } : {}
  await reply.json({ ...answer, headers: { ...answer.headers, ...allow, ...close } })
}

/** How to get credentials that will do, or when to try again (RFC 6750 section 3, RFC 9110 section 10.2.3). */
function credentialHeaders(exchange: Exchange, fault: AppError): Record<string, string> {
  const { code, message, data } = fault
  const { error, scope, retryAfter } = (data ?? {}) as Told
  if (code === 'AUTH_LIMITED' || code === 'AUTH_UNAVAILABLE')
    return retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  const challenge = { error, description: error && message, scopes: scope?.split(' ') }
  return { [CHALLENGE]: exchange.runtime.gate.challenges?.header(challenge) ?? 'Bearer' }
}

/** What the authenticator says of a refusal. */
interface Told {
  readonly error?: Challenge['error']
  readonly scope?: string
  /** Whole seconds. */
  readonly retryAfter?: number
}
