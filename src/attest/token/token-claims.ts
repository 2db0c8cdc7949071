// What all tokens have in common: their times, the set of keys of their issuer, and who signed; no kind of token in particular.
import { hash } from 'node:crypto'
import type { JsonObject } from '../../base/json.ts'
import type { CollateralNeed } from '../collateral.ts'
import { Denial, malformed, ofCollateral } from '../denial.ts'
import type { Claims, Expected, Verification } from '../evidence/evidence.ts'
import { keyNamed, type PublicJwk, readJwks } from './jwks.ts'
import { assertJwsSigned, type Jws } from './jws.ts'

const LARGEST_TIME = 1e11
/** A set of keys has no end of its own; an older one could hold a key that was withdrawn. */
const KEYS_HOLD = 24 * 3600 * 1000

/** Of `iat` and `exp`, in milliseconds. Throws `evidence.expired`, `evidence.not_yet_valid`, `evidence.malformed`. */
export function timesOf(
  payload: JsonObject,
  { now, skew }: Pick<Verification, 'now' | 'skew'>,
  what: string,
): { readonly madeAt: number; readonly goodUntil: number } {
  const exp = timeIn(payload, 'exp', what)
  const iat = timeIn(payload, 'iat', what)
  if (exp === undefined || iat === undefined) throw malformed(`${what}: exp and iat are required`)
  const nbf = timeIn(payload, 'nbf', what) ?? iat
  if (exp <= iat) throw malformed(`${what}: exp is before iat`)
  if (exp <= now - skew) throw new Denial('evidence.expired', what)
  if (Math.max(nbf, iat) > now + skew) throw new Denial('evidence.not_yet_valid', what)
  return { madeAt: iat, goodUntil: exp }
}

export function timeIn(payload: JsonObject, name: string, what: string): number | undefined {
  const value = payload[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= 0 && value <= LARGEST_TIME))
    throw malformed(`${what}: ${name}`)
  return value * 1000
}

/** The id under which the keys of an issuer are among the collateral. */
export function keySetNeed(issuer: string, url: string): CollateralNeed {
  return { id: keySetId(issuer), kind: 'jwks', urls: [url], required: true }
}

const keySetId = (issuer: string): string => `jwks:${issuer}`

export interface SignedBy {
  readonly signerSha256: string
  readonly anchor: string
  readonly collateral: Claims['collateral']
}

/** Throws `evidence.unknown_key`, `evidence.signature`, and `evidence.collateral_missing`, `_stale`, `_invalid` for the set of keys. */
export function assertSignedByIssuer(
  jws: Jws,
  issuer: string,
  { collateral, now }: Verification,
  what: string,
): SignedBy {
  const id = keySetId(issuer)
  const set = collateral.get(id)
  if (!set) throw new Denial('evidence.collateral_missing', `${what}: the keys of its issuer`)
  const nextUpdate = set.receivedAt + KEYS_HOLD
  if (now > nextUpdate) throw new Denial('evidence.collateral_stale', `${what}: keys`)
  const key = ofCollateral(() => keyFrom(set.bytes, jws, what))
  assertJwsSigned(jws, key.key, what)
  const sha256 = hash('sha256', set.bytes)
  return {
    signerSha256: key.sha256,
    anchor: id,
    collateral: [{ kind: 'jwks', sha256, nextUpdate }],
  }
}

function keyFrom(bytes: Uint8Array, { kid }: Jws, what: string): PublicJwk {
  return keyNamed(readJwks(bytes, `${what}: keys`), kid, what)
}

export const contentSha256 = (signed: Uint8Array): string => hash('sha256', signed)

/** The texts that answer the challenge, any of which will do. Throws `evidence.nonce_mismatch`. */
export function assertAnswered(
  expected: Expected | undefined,
  placed: (binder: Uint8Array) => string,
  found: readonly string[],
  what: string,
): Claims['binding'] {
  if (!expected) return 'not checked'
  const { kind, bytes } = expected
  const wanted = kind === 'binder' ? placed(bytes) : Buffer.from(bytes).toString('latin1')
  // an empty one is nobody's answer, also where it is what was asked for
  if (wanted === '' || !found.includes(wanted)) throw new Denial('evidence.nonce_mismatch', what)
  return 'matched'
}

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
