// From an access token to whom it proves: listed issuer, claims, key, signature, in this order; what was verified is kept a minute.
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../base/clock.ts'
import { deepFreeze, isObject, type JsonObject } from '../../base/json.ts'
import type { IssuerOptions, OAuthOptions } from '../options.ts'
import type { Proven } from '../principal.ts'
import { invalid } from '../refusal.ts'
import { checkClaims, provenBy } from './claims.ts'
import type { KeySets } from './key-set.ts'
import { createSignatureCheck } from './signature.ts'
import { type ParsedToken, parseToken } from './token.ts'

export interface VerifiedToken {
  readonly proven: Proven
  /** SHA-256 of the certificate that alone may show it (RFC 8705 section 3), in base64url. */
  readonly certificate: string | undefined
  /** Wall clock, milliseconds. */
  readonly until: number
}

export interface TokenVerifier {
  /** What is known of a token that was verified lately. */
  recall(token: string): VerifiedToken | undefined
  /** Rejects with AUTH_INVALID or AUTH_UNAVAILABLE. `mayVerify` is asked before the signature is looked at, which is dear, and may throw. */
  verify(token: string, mayVerify: () => void): Promise<VerifiedToken>
}

export interface VerifierParts {
  readonly keySets: KeySets
  readonly clock: Clock
}

/** Milliseconds for which a verified token is not verified again: a verification is 100 us, and a client sends many requests. */
const REMEMBERED = 60_000
const MOST_REMEMBERED = 4096

export function createTokenVerifier(options: OAuthOptions, parts: VerifierParts): TokenVerifier {
  const { keySets, clock } = parts
  const issuers = new Map(options.issuers.map((issuer) => [issuer.issuer, issuer]))
  const checkSignature = createSignatureCheck()
  const verified = new LRUCache<string, VerifiedToken>({ max: MOST_REMEMBERED })
  const digestOf = (token: string): string => hash('sha256', token, 'base64url')

  function admit(parsed: ParsedToken): IssuerOptions {
    const { iss } = parsed.claims
    const issuer = typeof iss === 'string' ? issuers.get(iss) : undefined
    if (issuer === undefined) throw invalid('the token is of an issuer that is not listed')
    if (!issuer.algorithms.includes(parsed.alg))
      throw invalid('the token is signed with an algorithm that is not accepted')
    const now = clock.wall() / 1000
    const skew = options.clock_skew / 1000
    checkClaims(parsed, { issuer, audience: options.audience, now, skew })
    return issuer
  }

  return {
    recall(token) {
      const known = verified.get(digestOf(token))
      return known !== undefined && clock.wall() < known.until ? known : undefined
    },
    async verify(token, mayVerify) {
      const parsed = parseToken(token)
      const issuer = admit(parsed)
      const proven = deepFreeze(provenBy(parsed.claims, issuer))
      const certificate = confirmation(parsed.claims)
      mayVerify()
      const key = await keySets.of(issuer).find(parsed)
      await checkSignature(token, parsed.alg, key)
      // while keys were fetched, time has passed
      admit(parsed)
      const end = Number(parsed.claims.exp) * 1000 + options.clock_skew
      const result = { proven, certificate, until: Math.min(end, clock.wall() + REMEMBERED) }
      verified.set(digestOf(token), result)
      return result
    },
  }
}

// a token that is bound to a key nobody asks about here would be a bearer token by mistake (RFC 9449 section 7.2)
function confirmation({ cnf }: JsonObject): string | undefined {
  if (cnf === undefined) return undefined
  const thumbprint = isObject(cnf) && Object.keys(cnf).length === 1 ? cnf['x5t#S256'] : undefined
  if (typeof thumbprint !== 'string')
    throw invalid('the token is bound to a key in a way that is not known (cnf)')
  return thumbprint
}
