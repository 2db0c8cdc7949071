// The faults of authentication, each with what `WWW-Authenticate` has to say of it; no value of a credential is in any of them.
import { AppError } from '../base/errors.ts'

/** RFC 6750 section 3.1. */
export type ChallengeError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

/** A credential that was given and is not valid. */
export function invalid(message: string, error: ChallengeError = 'invalid_token'): AppError {
  return new AppError('AUTH_INVALID', message, { data: { error } })
}

export function required(scopes: readonly string[]): AppError {
  return new AppError('AUTH_REQUIRED', 'the request has no credentials', {
    data: scopes.length > 0 ? { scope: scopes.join(' ') } : {},
  })
}

export function lacksScopes(scopes: readonly string[]): AppError {
  return new AppError('AUTH_DENIED', 'the token lacks a scope that every token must have', {
    data: { error: 'insufficient_scope', scope: scopes.join(' ') },
  })
}

/** `wait` in milliseconds; `data.retryAfter` in whole seconds, as `Retry-After` has it. */
export function limited(wait: number): AppError {
  const retryAfter = Math.max(1, Math.ceil(wait / 1000))
  return new AppError('AUTH_LIMITED', 'too many failed attempts from here', {
    data: { error: 'invalid_token', retryAfter },
  })
}

export function unavailable(issuer: string, cause?: unknown): AppError {
  return new AppError('AUTH_UNAVAILABLE', `the keys of the issuer ${issuer} cannot be had now`, {
    cause,
    data: { issuer },
  })
}
