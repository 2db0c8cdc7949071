// Public keys of an issuer (RFC 7517): which of them may verify which signature; fetched and used elsewhere.
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Algorithm } from '../options.ts'

/** One key, without anything that is not needed to verify. */
export interface PublicKey {
  readonly kid: string | undefined
  readonly alg: string | undefined
  readonly jwk: Readonly<Record<string, string>>
}

const MOST_KEYS = 64
// 2048 bits are 256 bytes, in base64url 342 characters
const SHORTEST_MODULUS = 342

const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['kty', 'n', 'e'],
  EC: ['kty', 'crv', 'x', 'y'],
  OKP: ['kty', 'crv', 'x'],
}

/** The keys of a set that can verify anything; the others are passed over (RFC 7517 section 5). Undefined: it is no set. */
export function readKeys(document: JsonObject): readonly PublicKey[] | undefined {
  const { keys } = document
  if (!Array.isArray(keys)) return undefined
  return keys.slice(0, MOST_KEYS).flatMap((key: unknown) => readKey(key) ?? [])
}

function readKey(key: unknown): PublicKey | undefined {
  if (!isObject(key) || typeof key.kty !== 'string') return undefined
  const members = Object.hasOwn(MEMBERS, key.kty) ? MEMBERS[key.kty] : undefined
  // no secret keys: what verifies with them could be made by everybody who can verify
  if (members === undefined || Object.hasOwn(key, 'd') || Object.hasOwn(key, 'k')) return undefined
  if (key.use !== undefined && key.use !== 'sig') return undefined
  if (Array.isArray(key.key_ops) && !key.key_ops.includes('verify')) return undefined
  const jwk: Record<string, string> = {}
  for (const member of members) {
    const value = key[member]
    if (typeof value !== 'string') return undefined
    jwk[member] = value
  }
  if (key.kty === 'RSA' && (jwk.n ?? '').length < SHORTEST_MODULUS) return undefined
  const { kid, alg } = key
  return {
    kid: typeof kid === 'string' ? kid : undefined,
    alg: typeof alg === 'string' ? alg : undefined,
    jwk,
  }
}

const KINDS: Readonly<Record<Algorithm, { readonly kty: string; readonly crv?: string }>> = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
}

/**
 * The key that has to have signed. A token without `kid` is one of an issuer with a single key that fits; nothing is tried
 * out, so that a token costs at most one verification.
 */
export function selectKey(
  keys: readonly PublicKey[],
  { alg, kid }: { readonly alg: Algorithm; readonly kid: string | undefined },
): PublicKey | undefined {
  const { kty, crv } = KINDS[alg]
  const fitting = keys.filter(
    (key) =>
      key.jwk.kty === kty &&
      (crv === undefined || key.jwk.crv === crv) &&
      (key.alg === undefined || key.alg === alg || isEdwards(key.alg, alg)) &&
      (kid === undefined || key.kid === kid),
  )
  return fitting.length === 1 ? fitting[0] : undefined
}

// two names of one algorithm (RFC 9864)
function isEdwards(one: string, other: string): boolean {
  return [one, other].every((alg) => alg === 'EdDSA' || alg === 'Ed25519')
}
