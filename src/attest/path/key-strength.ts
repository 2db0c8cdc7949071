// Whether a public key is of a kind and size that signatures of it mean something; read from its DER, before anything computes with it.
import { malformed } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import { Der, equalBytes, TAG } from '../format/der.ts'
import { readAlgorithm } from '../format/signature.ts'

const RSA = '1.2.840.113549.1.1.1'
const EC = '1.2.840.10045.2.1'
const ED25519 = '1.3.101.112'
const CURVES: ReadonlySet<string> = new Set(['1.2.840.10045.3.1.7', '1.3.132.0.34', '1.3.132.0.35'])
const NULL = Uint8Array.of(TAG.null, 0)
const RSA_BITS = { least: 2048, most: 8192 }

/** What is wrong with the key; undefined: nothing. */
export function weaknessOf(certificate: Certificate): string | undefined {
  return weaknessOfKey(certificate.spki)
}

/** Of SubjectPublicKeyInfo in DER. */
export function weaknessOfKey(spki: Uint8Array, leastExponent = 3): string | undefined {
  const what = 'subjectPublicKeyInfo'
  const inside = new Der(spki).enter(TAG.sequence, what)
  const { oid, parameters } = readAlgorithm(inside, what)
  const key = inside.bitOctets(what)
  inside.finish(what)
  if (oid === RSA) {
    if (!parameters || !equalBytes(parameters, NULL)) throw malformed(`${what}: parameters of RSA`)
    return weaknessOfRsa(key, leastExponent)
  }
  // a curve that is spelled out may be any curve
  if (oid === EC && parameters?.[0] === TAG.oid)
    return CURVES.has(new Der(parameters).oid(what)) ? undefined : 'a curve that is not in use here'
  return oid === ED25519 ? undefined : 'a kind of key that is not in use here'
}

function weaknessOfRsa(key: Uint8Array, leastExponent: number): string | undefined {
  const what = 'RSA key'
  const whole = new Der(key)
  const inside = whole.enter(TAG.sequence, what)
  whole.finish(what)
  const modulus = inside.integer(what)
  const exponent = inside.integer(what)
  inside.finish(what)
  const size = bits(modulus)
  if (size < RSA_BITS.least || size > RSA_BITS.most || size % 8 !== 0) return `RSA of ${size} bits`
  // a long exponent is no stronger and costs whoever verifies
  if (exponent.length > 5) return 'RSA with an unusual exponent'
  const value = exponent.reduce((sum, octet) => sum * 256 + octet, 0)
  if (value % 2 === 0 || value < leastExponent) return 'RSA with an unusual exponent'
  return undefined
}

/** Of a number that is not negative; 0 for one that is. */
function bits(integer: Uint8Array): number {
  const [first = 0, second = 0] = integer
  if (first >= 0x80) return 0
  if (first !== 0) return integer.length * 8 - (Math.clz32(first) - 24)
  return integer.length < 2 ? 0 : (integer.length - 1) * 8 - (Math.clz32(second) - 24)
}
