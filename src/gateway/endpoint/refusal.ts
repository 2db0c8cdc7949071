// Requests that could not be taken: answered in the form of the protocol, reported, and never left hanging.
import type { ServerResponse } from 'node:http'
import { AppError, isAppError } from '../../base/errors.ts'
import { refusalAnswer } from '../answer.ts'
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
  room.report.finished(exchange, 'fault', fault.code)
  if (reply.gone) return
  const answer = refusalAnswer(id, fault, exchange.identity.requestId)
  const allow: Record<string, string> =
    fault.code === 'WIRE_METHOD_NOT_ALLOWED' ? { allow: 'POST, GET, DELETE' } : {}
  // the rest of a body that was refused unread would be taken for the next request
  const close: Record<string, string> =
    fault.code === 'WIRE_TOO_LARGE' || fault.code === 'WIRE_TIMEOUT' ? { connection: 'close' } : {}
  await reply.json({ ...answer, headers: { ...answer.headers, ...allow, ...close } })
}
