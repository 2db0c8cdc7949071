// `WWW-Authenticate` (RFC 6750 section 3, RFC 9728 section 5.1) as a function of what is wrong; nothing that a client sent gets into it unfit.
import type { AppError } from '../../base/errors.ts'
import type { Decision } from '../access.ts'
import type { ChallengeError } from '../refusal.ts'

export interface Challenge {
  /** Absent where the request had no credentials: it did nothing wrong. */
  readonly error?: ChallengeError | undefined
  readonly description?: string | undefined
  /** All that the operation needs. */
  readonly scopes?: readonly string[] | undefined
  /** Address of the document of RFC 9728. */
  readonly resourceMetadata?: string | undefined
}

/** One challenge of the scheme Bearer. Never throws: what does not fit is left out. */
export function wwwAuthenticate(challenge: Challenge): string {
  const { error, description, scopes = [], resourceMetadata } = challenge
  const fitting = scopes.filter((scope) => SCOPE.test(scope))
  const members = [
    ['error', error],
    ['error_description', description?.replaceAll('"', "'").replace(UNFIT, '?').slice(0, 500)],
    ['scope', fitting.length > 0 ? fitting.join(' ') : undefined],
    [
      'resource_metadata',
      resourceMetadata && ADDRESS.test(resourceMetadata) ? resourceMetadata : undefined,
    ],
  ]
  const given = members.filter(([, value]) => value !== undefined && value !== '')
  const text = given.map(([name, value]) => `${name}="${value}"`).join(', ')
  return text === '' ? 'Bearer' : `Bearer ${text}`
}

// RFC 6750 section 3: neither a quotation mark nor a backslash, so that nothing has to be escaped
const UNFIT = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const ADDRESS = /^https?:\/\/[\x21\x23-\x5b\x5d-\x7e]+$/

/** For a fault of the authenticator; undefined for one that credentials would not cure. */
export function challengeOf(fault: AppError, resourceMetadata?: string): string | undefined {
  if (!CURED.has(fault.code)) return undefined
  const { error, scope } = (fault.data ?? {}) as { error?: ChallengeError; scope?: string }
  return wwwAuthenticate({
    error,
    description: error === undefined ? undefined : fault.message,
    scopes: scope?.split(' '),
    resourceMetadata,
  })
}

const CURED: ReadonlySet<string> = new Set(['AUTH_REQUIRED', 'AUTH_INVALID', 'AUTH_DENIED'])

/** For a decision that other scopes would have turned (step-up); undefined where none would. */
export function stepUp(decision: Decision, resourceMetadata?: string): string | undefined {
  if (decision.allowed || decision.scopes === undefined) return undefined
  const { reason: description, scopes } = decision
  return wwwAuthenticate({ error: 'insufficient_scope', description, scopes, resourceMetadata })
}
