// JWT-SVIDs (JWT-SVID sections 2 to 5): tokens that name a workload to an audience, and never prove whose connection it is.
import { Denial, ofCollateral } from '../denial.ts'
import { memberAt, textsAt } from '../format/json.ts'
import { keyNamed } from '../token/jwks.ts'
import { assertJwsSigned, JWS_ALGORITHMS, type JwsShape, parseJws } from '../token/jws.ts'
import { timeIn } from '../token/token-claims.ts'
import type { SpiffeBundle } from './bundle.ts'
import { parseSpiffeId } from './id.ts'

export interface JwtSvid {
  readonly id: string
  readonly trustDomain: string
  /** Milliseconds since the epoch. */
  readonly goodUntil: number
}

export interface JwtSvidCheck {
  /** Of the domain that the subject is of; undefined: that domain is not trusted. */
  readonly bundleOf: (trustDomain: string) => SpiffeBundle | undefined
  /** Who we are: one of these must be among the audiences of the token. */
  readonly audiences: readonly string[]
  readonly now: number
  readonly skew: number
}

const WHAT = 'JWT-SVID'
const SHAPE: JwsShape = {
  what: WHAT,
  algorithms: JWS_ALGORITHMS,
  types: [undefined, 'JWT', 'JOSE'],
}
const MOST_AUDIENCES = 32

/** Throws Denial: the signature is checked before any claim but the one that says whose keys to check it by. */
export function verifyJwtSvid(bytes: Uint8Array, check: JwtSvidCheck): JwtSvid {
  const jws = parseJws(bytes, SHAPE)
  const { payload } = jws
  const { sub } = payload
  const id = parseSpiffeId(typeof sub === 'string' ? sub : '')
  if (id.path === '') throw new Denial('evidence.malformed', `${WHAT}: sub is a trust domain`)
  const bundle = check.bundleOf(id.trustDomain)
  if (bundle?.trustDomain !== id.trustDomain)
    throw new Denial('evidence.untrusted_root', `${WHAT}: trust domain`)
  const key = ofCollateral(() => keyNamed(bundle.jwtKeys, jws.kid, WHAT))
  assertJwsSigned(jws, key.key, WHAT)
  const audience = memberAt(payload, 'aud')
  const audiences = typeof audience === 'string' ? [audience] : (textsAt(payload, 'aud') ?? [])
  if (audiences.length > MOST_AUDIENCES || !audiences.some((one) => check.audiences.includes(one)))
    throw new Denial('evidence.issuer', `${WHAT}: aud`)
  const goodUntil = timeIn(payload, 'exp', WHAT)
  if (goodUntil === undefined) throw new Denial('evidence.malformed', `${WHAT}: exp is required`)
  if (goodUntil <= check.now - check.skew) throw new Denial('evidence.expired', WHAT)
  const begins = Math.max(timeIn(payload, 'nbf', WHAT) ?? 0, timeIn(payload, 'iat', WHAT) ?? 0)
  if (begins > check.now + check.skew) throw new Denial('evidence.not_yet_valid', WHAT)
  return { id: id.text, trustDomain: id.trustDomain, goodUntil }
}
