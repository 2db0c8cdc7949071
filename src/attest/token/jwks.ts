// JWK sets (RFC 7517 section 5): which keys there are, and the one that a token names; where the set comes from is not its matter.
import { createPublicKey, hash, type KeyObject, type webcrypto } from 'node:crypto'
import { isObject, type JsonObject } from '../../base/json.ts'
import { Denial, malformed } from '../denial.ts'
import { fromBase64, fromBase64url } from '../format/base64.ts'
import { Certificate } from '../format/certificate.ts'
import { readJson, textAt } from '../format/json.ts'

const LARGEST = 256 * 1024
const MOST_KEYS = 64
/** Members that make a key what it is (RFC 7638 section 3.2). */
const OWN_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
}

export interface Jwk {
  readonly kid: string | undefined
  /** Made when it is asked for: a set has many keys, a token is signed by one. */
  readonly members: JsonObject
}

export interface PublicJwk {
  readonly key: KeyObject
  /** Hex, of the RFC 7638 form, or of the certificate where there is nothing else. */
  readonly sha256: string
}

/** Every key that could be one of ours: others are left out, as RFC 7517 asks. Throws `evidence.malformed`, `evidence.too_large`. */
export function readJwks(bytes: Uint8Array, what: string): readonly Jwk[] {
  return keysIn(readJson(bytes, what, LARGEST), what).filter(
    ({ members: { use } }) => use === undefined || use === 'sig',
  )
}

/** The keys of a set that has been read, in their order, of a type that is known here. */
export function keysIn(set: JsonObject, what: string): readonly Jwk[] {
  const { keys } = set
  if (!Array.isArray(keys)) throw malformed(`${what}: no keys`)
  if (keys.length > MOST_KEYS) throw new Denial('evidence.too_large', `${what}: keys`)
  return keys.flatMap((members: unknown) => {
    if (!isObject(members)) throw malformed(`${what}: a key that is no object`)
    const { kid, kty } = members
    if (kid !== undefined && typeof kid !== 'string') throw malformed(`${what}: kid`)
    if (typeof kty !== 'string') throw malformed(`${what}: kty`)
    return Object.hasOwn(OWN_MEMBERS, kty) ? [{ kid, members: members as JsonObject }] : []
  })
}

/** Throws `evidence.unknown_key`: there is none, or there are two of that name. */
export function keyNamed(keys: readonly Jwk[], kid: string | undefined, what: string): PublicJwk {
  const named = keys.filter((one) => one.kid !== undefined && one.kid === kid)
  const [key] = named
  if (!key || named.length > 1) throw new Denial('evidence.unknown_key', what)
  return publicKeyOf(key, what)
}

/** Throws `evidence.malformed`. Only the public members are looked at. */
export function publicKeyOf({ members }: Jwk, what: string): PublicJwk {
  const names = OWN_MEMBERS[String(members.kty)] ?? []
  const own: Record<string, string> = {}
  for (const name of names) {
    const value = textAt(members, name)
    if (value === undefined) return certifiedKeyOf(members, what)
    if (name !== 'kty' && name !== 'crv') fromBase64url(value, `${what}: ${name}`)
    own[name] = value
  }
  try {
    const key = createPublicKey({ key: own as webcrypto.JsonWebKey, format: 'jwk' })
    return { key, sha256: hash('sha256', JSON.stringify(own)) }
  } catch {
    throw malformed(`${what}: no key`)
  }
}

/** MAA publishes its keys as certificates. The set vouches for the key: nobody asks who signed the certificate. */
function certifiedKeyOf(members: JsonObject, what: string): PublicJwk {
  const { x5c } = members
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined
  if (typeof first !== 'string') throw malformed(`${what}: no key`)
  const certificate = Certificate.parse(fromBase64(first, `${what}: x5c`))
  return { key: certificate.publicKey, sha256: certificate.sha256 }
}
