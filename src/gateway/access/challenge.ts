// What a client is told to do about a denial: WWW-Authenticate where credentials, or other scopes, would help; the header's text is made elsewhere.
import type { StampedViolation } from '../../engine/verdict.ts'
import type { Call, Exchange } from '../exchange.ts'
import type { Denial } from './check.ts'

/** Why a client is challenged, in the words of RFC 6750 section 3.1; empty: it sent no credentials. */
export interface Challenge {
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | undefined
  readonly description?: string | undefined
  readonly scopes?: readonly string[] | undefined
}

/** Who says how credentials are got, in one generation; absent where none are asked for. */
export interface Challenges {
  /** The value of `WWW-Authenticate`. */
  header(challenge: Challenge): string
  /** The protected resource metadata (RFC 9728), and the paths it has by its own name; undefined: there is no issuer. */
  readonly metadata: { readonly paths: readonly string[]; readonly document: object } | undefined
}

/** The violation with what HTTP makes of it. */
export function challenged(call: Call, denial: Denial): StampedViolation {
  const { violation, scopes, byRule } = denial
  const { exchange } = call
  if (scopes && scopes.length > 0)
    return told(exchange, violation, 403, { error: 'insufficient_scope', scopes })
  // nobody in particular was denied: somebody in particular may not be
  const anonymous = byRule === true && exchange.identity.principal.kind === 'anonymous'
  if (anonymous && exchange.runtime.gate.challenges)
    return told(exchange, { ...violation, code: 'AUTH_REQUIRED' }, 401, {})
  return violation.httpStatus === 401 ? told(exchange, violation, 401, {}) : violation
}

function told(
  exchange: Exchange,
  violation: StampedViolation,
  httpStatus: number,
  challenge: Challenge,
): StampedViolation {
  const header = exchange.runtime.gate.challenges?.header(challenge)
  const given = violation.httpHeaders
  const named = Object.keys(given ?? {}).some((name) => name.toLowerCase() === CHALLENGE)
  const httpHeaders = header && !named ? { ...given, [CHALLENGE]: header } : given
  return { ...violation, httpStatus, ...(httpHeaders ? { httpHeaders } : {}) }
}

export const CHALLENGE = 'www-authenticate'
