// Compact JWS (RFC 7515 section 7.1): header, payload, signed bytes, and the check of the signature; it knows no claim and fetches no key.
import { constants, type KeyObject, verify } from 'node:crypto'
import type { JsonObject } from '../../base/json.ts'
import { Denial, malformed } from '../denial.ts'
import { fromBase64, fromBase64url } from '../format/base64.ts'
import { readJson } from '../format/json.ts'

interface AlgorithmSpec {
  readonly hash: 'sha256' | 'sha384' | 'sha512'
  readonly key: 'rsa' | 'ec'
  readonly curve?: string
  readonly isPss?: boolean
}

/** RFC 7518 section 3.1, what has a public key and is not out of use. */
const ALGORITHMS = {
  RS256: { hash: 'sha256', key: 'rsa' },
  RS384: { hash: 'sha384', key: 'rsa' },
  RS512: { hash: 'sha512', key: 'rsa' },
  PS256: { hash: 'sha256', key: 'rsa', isPss: true },
  PS384: { hash: 'sha384', key: 'rsa', isPss: true },
  PS512: { hash: 'sha512', key: 'rsa', isPss: true },
  ES256: { hash: 'sha256', key: 'ec', curve: 'prime256v1' },
  ES384: { hash: 'sha384', key: 'ec', curve: 'secp384r1' },
  ES512: { hash: 'sha512', key: 'ec', curve: 'secp521r1' },
} as const satisfies Readonly<Record<string, AlgorithmSpec>>

export type JwsAlgorithm = keyof typeof ALGORITHMS
export const JWS_ALGORITHMS = Object.keys(ALGORITHMS) as readonly JwsAlgorithm[]

/** What one kind of token may be; the token itself chooses within. */
export interface JwsShape {
  readonly what: string
  readonly algorithms: readonly JwsAlgorithm[]
  readonly types: readonly (string | undefined)[]
  /** `optional`: the chain is read, and is worth nothing until it is checked. Left out: a token that has one is refused. */
  readonly x5c?: 'optional'
  /** True: every token of this kind names where its keys are, and nobody looks. */
  readonly ignoresJku?: boolean
}

export interface Jws {
  readonly alg: JwsAlgorithm
  readonly kid: string | undefined
  /** Certificates in DER, leaf first. */
  readonly x5c: readonly Uint8Array[] | undefined
  readonly payload: JsonObject
  /** Header and payload as they were signed. */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

const LARGEST = 64 * 1024
const MOST_CERTIFICATES = 8
/** A signature that holds is as long as the modulus of its key; to ask the key itself costs as much as to verify. */
const FEWEST_RSA_OCTETS = 256
const LONGEST_KID = 512
const KEY_MEMBERS = new Set(['jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256'])

/** Throws `evidence.malformed`, `evidence.too_large`, `evidence.weak_algorithm`, `evidence.offered_key`. */
export function parseJws(bytes: Uint8Array, shape: JwsShape): Jws {
  const { what } = shape
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', what)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const parts = text.split('.', 4)
  if (parts.length !== 3) throw malformed(`${what}: not three parts`)
  const [header, payload, signature] = parts as [string, string, string]
  const members = readJson(fromBase64url(header, `${what}: header`), `${what}: header`)
  return {
    ...headerOf(members, shape),
    payload: readJson(fromBase64url(payload, `${what}: payload`), `${what}: payload`),
    signed: bytes.subarray(0, header.length + payload.length + 1),
    signature: fromBase64url(signature, `${what}: signature`),
  }
}

function headerOf(header: JsonObject, shape: JwsShape): Pick<Jws, 'alg' | 'kid' | 'x5c'> {
  const { what } = shape
  const alg = shape.algorithms.find((one) => one === header.alg)
  // first, so that a token without a signature is called that, whatever else is wrong with it
  if (!alg) throw new Denial('evidence.weak_algorithm', `${what}: alg`)
  for (const name of Object.keys(header)) {
    if (name === 'alg' || name === 'typ' || name === 'kid') continue
    if ((name === 'x5c' && shape.x5c) || (name === 'jku' && shape.ignoresJku)) continue
    if (KEY_MEMBERS.has(name)) throw new Denial('evidence.offered_key', `${what}: ${name}`)
    throw malformed(`${what}: a header that is not known here`)
  }
  const { typ, kid } = header
  if (!shape.types.some((one) => one === typ)) throw malformed(`${what}: typ`)
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > LONGEST_KID))
    throw malformed(`${what}: kid`)
  return { alg, kid, x5c: header.x5c === undefined ? undefined : chainOf(header.x5c, what) }
}

function chainOf(x5c: unknown, what: string): readonly Uint8Array[] {
  if (!Array.isArray(x5c) || x5c.length === 0) throw malformed(`${what}: x5c`)
  if (x5c.length > MOST_CERTIFICATES) throw new Denial('evidence.budget', `${what}: x5c`)
  return x5c.map((one) => {
    if (typeof one !== 'string') throw malformed(`${what}: x5c`)
    return fromBase64(one, `${what}: x5c`)
  })
}

/** Throws `evidence.signature`; `evidence.weak_algorithm` for a key that is not one of the algorithm, or too short. */
export function assertJwsSigned(jws: Jws, key: KeyObject, what: string): void {
  const { hash, key: kind, curve, isPss }: AlgorithmSpec = ALGORITHMS[jws.alg]
  const isFit =
    key.asymmetricKeyType === kind &&
    (kind === 'rsa' || key.asymmetricKeyDetails?.namedCurve === curve)
  if (!isFit) throw new Denial('evidence.weak_algorithm', `${what}: key`)
  const padding = isPss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
  const how =
    kind === 'ec'
      ? { key, dsaEncoding: 'ieee-p1363' as const }
      : { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  if (!isVerified(hash, jws, how)) throw new Denial('evidence.signature', what)
  if (kind === 'rsa' && jws.signature.length < FEWEST_RSA_OCTETS)
    throw new Denial('evidence.weak_algorithm', `${what}: key`)
}

function isVerified(hash: string, jws: Jws, how: Parameters<typeof verify>[2]): boolean {
  try {
    return verify(hash, jws.signed, how, jws.signature)
  } catch {
    return false
  }
}
