// What the claims of an access token must say (RFC 7519 section 4.1, RFC 9068), one guard per rule; the signature is verified elsewhere.
import type { JsonObject } from '../../base/json.ts'
import { textsAt } from '../grants.ts'
import type { IssuerOptions } from '../options.ts'
import { CREDENTIAL_CLAIM, type Proven } from '../principal.ts'
import { invalid } from '../refusal.ts'
import type { ParsedToken } from './token.ts'

export interface Expected {
  readonly issuer: IssuerOptions
  /** `identity.oauth.audience`. */
  readonly audience: string
  /** Seconds since the epoch. */
  readonly now: number
  readonly skew: number
}

/** Throws AUTH_INVALID with the first thing that is wrong. */
export function checkClaims(token: ParsedToken, expected: Expected): void {
  checkType(token)
  if (token.claims.iss !== expected.issuer.issuer) throw invalid('the token is of another issuer')
  checkAudience(token.claims, expected)
  checkTimes(token.claims, expected)
  if (subjectOf(token.claims) === undefined) throw invalid('the token names nobody (sub)')
}

// RFC 9068 section 2.2
const PROFILE = ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti']
// OpenID Connect Core sections 2 and 3.3.2.11
const OF_ID_TOKENS = ['nonce', 'at_hash', 'c_hash']
// what Keycloak calls its access tokens, which had a nonce before its version 25; the others are ID, Refresh, Offline, Logout
const OWN_NAME = 'bearer'

function checkType({ typ, claims }: ParsedToken): void {
  if (typ === 'at+jwt') {
    const absent = PROFILE.filter((name) => !Object.hasOwn(claims, name))
    if (absent.length > 0) throw invalid(`the access token lacks ${absent.join(', ')} (RFC 9068)`)
    return
  }
  if (typ !== undefined && typ !== 'jwt') throw invalid('the token is no access token (typ)')
  if (claims.typ !== undefined) {
    if (typeof claims.typ === 'string' && claims.typ.toLowerCase() === OWN_NAME) return
    throw invalid('the token is no access token (claim typ)')
  }
  if (OF_ID_TOKENS.some((name) => Object.hasOwn(claims, name)))
    throw invalid('an ID token is no access token')
}

function checkAudience({ aud }: JsonObject, { audience, issuer }: Expected): void {
  const given = typeof aud === 'string' ? [aud] : aud
  const accepted = [audience, ...(issuer.audiences ?? [])]
  if (!Array.isArray(given) || !given.every((one) => typeof one === 'string'))
    throw invalid('the token says wrongly whom it is for (aud)')
  if (!given.some((one) => accepted.includes(one))) throw invalid('the token is for somebody else')
}

function checkTimes(claims: JsonObject, { now, skew }: Expected): void {
  for (const name of ['exp', 'nbf', 'iat'])
    if (Object.hasOwn(claims, name) && !Number.isFinite(claims[name]))
      throw invalid(`the token has no time where one belongs (${name})`)
  const { exp, nbf, iat } = claims as { exp?: number; nbf?: number; iat?: number }
  if (exp === undefined) throw invalid('the token never expires (exp)')
  if (now >= exp + skew) throw invalid('the token has expired')
  if (nbf !== undefined && now < nbf - skew) throw invalid('the token is not valid yet')
  if (iat !== undefined && now < iat - skew) throw invalid('the token is from the future (iat)')
  if (iat !== undefined && iat > exp) throw invalid('the token had expired when it was issued')
}

// 256 characters without control characters: it goes into ids, logs and conditions
function subjectOf({ sub }: JsonObject): string | undefined {
  return typeof sub === 'string' && /^[^\p{Cc}\p{Cs}]{1,256}$/u.test(sub) ? sub : undefined
}

const MOST_ROLES = 64
const MOST_SCOPES = 256

/** Whom verified claims prove. Throws AUTH_INVALID. */
export function provenBy(claims: JsonObject, issuer: IssuerOptions): Proven {
  const subject = subjectOf(claims) ?? ''
  const { [CREDENTIAL_CLAIM]: _, ...rest } = claims
  const { name } = issuer
  return {
    credential: 'token',
    // subjects are unique within their issuer only; neither an issuer nor its name has a # in it
    id: `${name ?? issuer.issuer}#${subject}`,
    kind: claims.client_id === subject || claims.azp === subject ? 'service' : 'user',
    roles:
      issuer.roles_claim === undefined
        ? []
        : textsAt(claims, issuer.roles_claim).slice(0, MOST_ROLES),
    scopes: scopesOf(claims),
    tenant: tenantOf(claims, issuer),
    issuer: { issuer: issuer.issuer, name },
    claims: rest,
  }
}

/** `scope` (RFC 9068), or `scp`, which some issuers write; a text with spaces, or a list. */
function scopesOf({ scope, scp }: JsonObject): readonly string[] {
  const given = scope ?? scp
  if (given === undefined) return []
  const scopes = typeof given === 'string' ? given.split(' ').filter((one) => one !== '') : given
  if (!Array.isArray(scopes) || !scopes.every((one) => typeof one === 'string'))
    throw invalid('the token says wrongly what it is good for (scope)')
  return scopes.slice(0, MOST_SCOPES)
}

function tenantOf(claims: JsonObject, { tenant, tenant_claim }: IssuerOptions): string | undefined {
  if (tenant_claim === undefined) return tenant
  const [only, more] = textsAt(claims, tenant_claim)
  if (only === undefined || more !== undefined || !/^[^\p{Cc}]{1,64}$/u.test(only))
    throw invalid('the token does not name one tenant')
  return only
}
