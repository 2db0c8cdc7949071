// Signature algorithms of X.509 and CMS, and their verification by node:crypto; an algorithm that is not in the table is none.
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { context, Der, equalBytes, TAG } from './der.ts'

/** An AlgorithmIdentifier as it stands, compared byte for byte where two must agree. */
export interface Algorithm {
  readonly oid: string
  /** The parameters, whole; undefined: absent. */
  readonly parameters: Uint8Array | undefined
  readonly der: Uint8Array
}

export type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** What a signature is checked with. `weak`: known, and never accepted. */
export interface Scheme {
  readonly key: 'rsa' | 'ec' | 'ed25519' | 'dsa'
  readonly hash: Hash | undefined
  /** Bytes of salt: RSA-PSS. */
  readonly salt?: number
  readonly weak?: boolean
}

const PSS = '1.2.840.113549.1.1.10'
const SCHEMES: Readonly<
  Record<string, Scheme & { readonly parameters: 'null' | 'absent' | 'any' }>
> = {
  '1.2.840.113549.1.1.11': { key: 'rsa', hash: 'sha256', parameters: 'null' },
  '1.2.840.113549.1.1.12': { key: 'rsa', hash: 'sha384', parameters: 'null' },
  '1.2.840.113549.1.1.13': { key: 'rsa', hash: 'sha512', parameters: 'null' },
  '1.2.840.10045.4.3.2': { key: 'ec', hash: 'sha256', parameters: 'absent' },
  '1.2.840.10045.4.3.3': { key: 'ec', hash: 'sha384', parameters: 'absent' },
  '1.2.840.10045.4.3.4': { key: 'ec', hash: 'sha512', parameters: 'absent' },
  '1.3.101.112': { key: 'ed25519', hash: undefined, parameters: 'absent' },
  '1.2.840.113549.1.1.5': { key: 'rsa', hash: 'sha1', weak: true, parameters: 'any' },
  '1.2.840.10045.4.1': { key: 'ec', hash: 'sha1', weak: true, parameters: 'any' },
  '1.2.840.10040.4.3': { key: 'dsa', hash: 'sha1', weak: true, parameters: 'any' },
  '2.16.840.1.101.3.4.3.2': { key: 'dsa', hash: 'sha256', weak: true, parameters: 'any' },
}
const HASHES: Readonly<Record<string, Hash>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
const MGF1 = '1.2.840.113549.1.1.8'
const NULL = Uint8Array.of(TAG.null, 0)

export function readAlgorithm(from: Der, what: string): Algorithm {
  const der = from.element(what)
  const inside = new Der(der).enter(TAG.sequence, what)
  const oid = inside.oid(what)
  const parameters = inside.isDone ? undefined : inside.element(what)
  inside.finish(what)
  return { oid, parameters, der }
}

/** Throws `evidence.weak_algorithm` for what is not in the table, or is in it as weak. */
export function schemeOf(algorithm: Algorithm, what: string): Scheme {
  const scheme =
    algorithm.oid === PSS ? pssOf(algorithm.parameters, what) : plainOf(algorithm, what)
  if (scheme.weak || scheme.hash === 'sha1')
    throw new Denial('evidence.weak_algorithm', `${what}: ${scheme.key} with ${scheme.hash}`)
  return scheme
}

/** The name of a digest algorithm; undefined: not known. */
export function hashOf(oid: string): Hash | undefined {
  return HASHES[oid]
}

function plainOf({ oid, parameters }: Algorithm, what: string): Scheme {
  const found = Object.hasOwn(SCHEMES, oid) ? SCHEMES[oid] : undefined
  if (!found) throw new Denial('evidence.weak_algorithm', `${what}: ${oid} is not in use here`)
  const isFit =
    found.parameters === 'any' ||
    (found.parameters === 'absent'
      ? parameters === undefined
      : parameters && equalBytes(parameters, NULL))
  if (!isFit) throw malformed(`${what}: parameters that the algorithm does not have`)
  return found
}

/** RFC 4055 section 3.1; hash and mask hash must be one, the trailer 1. */
function pssOf(parameters: Uint8Array | undefined, what: string): Scheme {
  const inside = new Der(parameters ?? new Uint8Array()).enter(TAG.sequence, what)
  const hash = hashIn(inside.optional(context(0), what), what)
  const mask = inside.optional(context(1), what)
  let maskHash: Hash = 'sha1'
  if (mask) {
    const { oid, parameters: of } = readAlgorithm(mask, what)
    if (oid !== MGF1 || !of) throw malformed(`${what}: a mask function that is not MGF1`)
    maskHash = hashIn(new Der(of), what)
  }
  const salt = inside.optional(context(2), what)?.small(what) ?? 20
  const trailer = inside.optional(context(3), what)?.small(what) ?? 1
  inside.finish(what)
  if (trailer !== 1 || hash !== maskHash || salt > 64)
    throw new Denial('evidence.weak_algorithm', `${what}: RSA-PSS with unusual parameters`)
  return { key: 'rsa', hash, salt }
}

function hashIn(from: Der | undefined, what: string): Hash {
  if (!from) return 'sha1'
  const { oid } = readAlgorithm(from, what)
  const hash = hashOf(oid)
  if (!hash) throw new Denial('evidence.weak_algorithm', `${what}: hash ${oid}`)
  return hash
}

/** A key of SubjectPublicKeyInfo DER. Throws `evidence.malformed` for one that node:crypto does not take. */
export function keyOf(spki: Uint8Array, what: string): KeyObject {
  try {
    return createPublicKey({
      key: Buffer.from(spki.buffer, spki.byteOffset, spki.length),
      format: 'der',
      type: 'spki',
    })
  } catch {
    throw malformed(`${what}: no public key`)
  }
}

/** Whether the signature holds; false also for a key of another kind. `ieee`: r and s side by side instead of DER. */
export function isSigned(
  scheme: Scheme,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
  form: 'der' | 'ieee-p1363' = 'der',
): boolean {
  const type = key.asymmetricKeyType
  if (type !== scheme.key && !(type === 'rsa-pss' && scheme.salt !== undefined)) return false
  try {
    if (scheme.salt !== undefined) {
      const padding = constants.RSA_PKCS1_PSS_PADDING
      return verify(scheme.hash, data, { key, padding, saltLength: scheme.salt }, signature)
    }
    if (scheme.key === 'ec') return verify(scheme.hash, data, { key, dsaEncoding: form }, signature)
    return verify(scheme.hash ?? null, data, key, signature)
  } catch {
    return false
  }
}
