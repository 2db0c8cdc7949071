// What a client is told to do about a denial: WWW-Authenticate where credentials, or other scopes, would help; the header's text is made elsewhere.
import type { StampedViolation } from '../../engine/verdict.ts'
import type { Call, Exchange, Room } from '../exchange.ts'
import type { Denial } from './check.ts'

/** Why a client is challenged, in the words of RFC 6750 section 3.1; empty: it sent no credentials. */
export interface Challenge {
  readonly error?: string | undefined
  readonly description?: string | undefined
  readonly scopes?: readonly string[] | undefined
}

/** Who says how credentials are got. One per gateway; absent where none are asked for. */
export interface Challenges {
  /** The value of `WWW-Authenticate` for a client of the endpoint at `path`. */
  header(path: string, challenge: Challenge): string
  /** The protected resource metadata (RFC 9728) of the endpoint at `path`; undefined: no authorisation server is configured. */
  metadata(path: string): object | undefined
}

/** The violation with what HTTP makes of it. */
export function challenged(call: Call, denial: Denial): StampedViolation {
  const { violation, scopes, byRule } = denial
  const { room, exchange } = call
  if (scopes && scopes.length > 0)
    return told(room, exchange, violation, 403, { error: 'insufficient_scope', scopes })
  // nobody in particular was denied: somebody in particular may not be
  const anonymous = byRule === true && exchange.identity.principal.kind === 'anonymous'
  if (anonymous && room.challenges)
    return told(room, exchange, { ...violation, code: 'AUTH_REQUIRED' }, 401, {})
  return violation.httpStatus === 401 ? told(room, exchange, violation, 401, {}) : violation
}

function told(
  room: Room,
  exchange: Exchange,
  violation: StampedViolation,
  httpStatus: number,
  challenge: Challenge,
): StampedViolation {
  const header = challengeHeader(room, exchange, challenge)
  const given = violation.httpHeaders
  const named = Object.keys(given ?? {}).some((name) => name.toLowerCase() === CHALLENGE)
  const httpHeaders = header && !named ? { ...given, [CHALLENGE]: header } : given
  return { ...violation, httpStatus, ...(httpHeaders ? { httpHeaders } : {}) }
}

export const CHALLENGE = 'www-authenticate'

export function challengeHeader(
  room: Room,
  exchange: Exchange,
  challenge: Challenge,
): string | undefined {
  return room.challenges?.header(resourcePath(exchange), challenge)
}

/** The path by which the configuration knows the endpoint, wherever it is mounted. */
export function resourcePath({ runtime, identity }: Exchange): string {
  const { virtualServer, listen } = runtime
  if (virtualServer) return virtualServer.path
  return identity.surface === 'sse' ? (listen.sse?.path ?? listen.path) : listen.path
}
