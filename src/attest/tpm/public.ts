// The public area of a TPM key (TPMT_PUBLIC, TCG TPM 2.0 Library part 2, section 12.2) and what it signs; who vouches for the key is not asked.
import { constants, hash, type KeyObject, verify } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { keyOf } from '../format/signature.ts'
import { weaknessOfKey } from '../path/key-strength.ts'
import { eccSpki, rsaSpki } from './spki.ts'
import { TPM_ALG, type TpmHash, TpmReader, type TpmSignature, tpmHash } from './tpms.ts'

/** Bits of TPMA_OBJECT. */
const ATTRIBUTE = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const

export interface TpmPublic {
  /** As received. */
  readonly bytes: Uint8Array
  readonly nameHash: TpmHash
  readonly attributes: number
  /** The one scheme it signs with; undefined: whichever is asked for. */
  readonly scheme: { readonly algorithm: number; readonly hash: TpmHash } | undefined
  /** The cipher that protects what is given to it: of storage keys such as an EK. */
  readonly symmetric: { readonly algorithm: number; readonly bits: number; readonly mode: number }
  /** DER. */
  readonly spki: Uint8Array
  readonly key: KeyObject
}

const LARGEST = 2048
const LEAST_BITS = 2048
const LEAST_EXPONENT = 65537
const AES = 0x0006
const RSAES = 0x0015
const ECDAA = 0x001a
const CURVE_SIZES: Readonly<Record<string, number>> = {
  prime256v1: 32,
  secp384r1: 48,
  secp521r1: 66,
}

/** Throws `evidence.malformed`, `evidence.too_large`, `evidence.weak_algorithm`. */
export function parseTpmPublic(bytes: Uint8Array): TpmPublic {
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', 'TPMT_PUBLIC')
  const from = new TpmReader(bytes, 'TPMT_PUBLIC')
  const type = from.u16()
  if (type !== TPM_ALG.rsa && type !== TPM_ALG.ecc)
    throw new Denial('evidence.weak_algorithm', 'TPMT_PUBLIC: neither RSA nor ECC')
  const nameHash = tpmHash(from.u16(), 'name of the key')
  const attributes = from.u32()
  from.sized() // authPolicy: who may use the key is the TPM's concern
  const symmetric = symmetricIn(from)
  const scheme = schemeIn(from)
  const spki = type === TPM_ALG.rsa ? rsaIn(from) : eccIn(from)
  from.finish()
  // its numbers were looked at above, which is faster than to ask for its details
  const key = keyOf(spki, 'TPMT_PUBLIC')
  return { bytes, nameHash, attributes, symmetric, scheme, spki, key }
}

function symmetricIn(from: TpmReader): TpmPublic['symmetric'] {
  const algorithm = from.u16()
  if (algorithm === TPM_ALG.null) return { algorithm, bits: 0, mode: TPM_ALG.null }
  if (algorithm !== AES) throw new Denial('evidence.weak_algorithm', 'TPMT_PUBLIC: no AES')
  return { algorithm, bits: from.u16(), mode: from.u16() }
}

function schemeIn(from: TpmReader): TpmPublic['scheme'] {
  const algorithm = from.u16()
  if (algorithm === TPM_ALG.null) return undefined
  // both have more, or less, than a hash, and neither signs a quote here
  if (algorithm === RSAES || algorithm === ECDAA)
    throw new Denial('evidence.weak_algorithm', `TPMT_PUBLIC: scheme 0x${algorithm.toString(16)}`)
  return { algorithm, hash: tpmHash(from.u16(), 'scheme of the key') }
}

function rsaIn(from: TpmReader): Uint8Array {
  const bits = from.u16()
  const exponent = from.u32() || LEAST_EXPONENT
  const modulus = from.sized()
  if (modulus.length * 8 !== bits || ((modulus[0] as number) & 0x80) === 0)
    throw malformed('TPMT_PUBLIC: a modulus of another length')
  if (bits < LEAST_BITS || exponent < LEAST_EXPONENT)
    throw new Denial('evidence.weak_algorithm', 'key of the TPM')
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(exponent)
  return rsaSpki(modulus, octets)
}

function eccIn(from: TpmReader): Uint8Array {
  const id = from.u16()
  // a derivation function is for keys that agree on one
  if (from.u16() !== TPM_ALG.null) from.u16()
  const spki = eccSpki(id, from.sized(), from.sized())
  if (!spki) throw new Denial('evidence.weak_algorithm', `TPMT_PUBLIC: curve 0x${id.toString(16)}`)
  return spki
}

/**
 * RSA of 2048 bits and more with an exponent from 65537, or one of the three curves of NIST. Throws `evidence.weak_algorithm` for
 * others, and `evidence.malformed` for what node:crypto does not take, such as a point that is not on its curve.
 */
export function strongKeyOf(spki: Uint8Array, what: string): KeyObject {
  const key = keyOf(spki, what)
  const type = key.asymmetricKeyType
  // read from the DER: node:crypto would work the details out from the key again, which takes as long as the signature
  if ((type !== 'rsa' && type !== 'ec') || weaknessOfKey(spki, LEAST_EXPONENT) !== undefined)
    throw new Denial('evidence.weak_algorithm', 'key of the TPM')
  return key
}

/** The name as the TPM has it: the hash algorithm and the digest of the public area. */
export function tpmNameOf(of: TpmPublic): Uint8Array {
  const digest = hash(of.nameHash, of.bytes, 'buffer')
  return Buffer.concat([of.bytes.subarray(2, 4), digest])
}

/** What is wrong with it as an attestation key; undefined: it signs only what its TPM made, and never leaves it. */
export function faultOfAttestationKey({ attributes }: TpmPublic): string | undefined {
  const has = (bit: number): boolean => (attributes & bit) !== 0
  if (!has(ATTRIBUTE.fixedTpm)) return 'fixedTPM is not set'
  if (!has(ATTRIBUTE.fixedParent)) return 'fixedParent is not set'
  if (!has(ATTRIBUTE.sensitiveDataOrigin)) return 'sensitiveDataOrigin is not set'
  if (!has(ATTRIBUTE.restricted)) return 'restricted is not set'
  if (!has(ATTRIBUTE.sign)) return 'sign is not set'
  return has(ATTRIBUTE.decrypt) ? 'decrypt is set' : undefined
}

const SCHEME: Readonly<Record<TpmSignature['scheme'], number>> = {
  rsassa: TPM_ALG.rsassa,
  rsapss: TPM_ALG.rsapss,
  ecdsa: TPM_ALG.ecdsa,
}

/** Whether a signature is of the scheme that the key has. */
export function isOfScheme({ scheme }: TpmPublic, signature: TpmSignature): boolean {
  return (
    scheme === undefined ||
    (scheme.algorithm === SCHEME[signature.scheme] && scheme.hash === signature.hash)
  )
}

/** False also for a key of another kind. */
export function isSignedByTpm(signature: TpmSignature, key: KeyObject, data: Uint8Array): boolean {
  const isEcc = signature.scheme === 'ecdsa'
  if (key.asymmetricKeyType !== (isEcc ? 'ec' : 'rsa')) return false
  try {
    if (signature.scheme === 'ecdsa') {
      const raw = joined(signature, key)
      return raw && verify(signature.hash, data, { key, dsaEncoding: 'ieee-p1363' }, raw)
    }
    if (signature.scheme === 'rsassa') return verify(signature.hash, data, key, signature.bytes)
    const padding = constants.RSA_PKCS1_PSS_PADDING
    // older TPMs take the longest salt that fits, newer ones that of the hash
    const saltLength = constants.RSA_PSS_SALTLEN_AUTO
    return verify(signature.hash, data, { key, padding, saltLength }, signature.bytes)
  } catch {
    return false
  }
}

function joined(
  { r, s }: { readonly r: Uint8Array; readonly s: Uint8Array },
  key: KeyObject,
): Uint8Array | false {
  const size = CURVE_SIZES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 0
  if (r.length > size || s.length > size) return false
  const raw = new Uint8Array(2 * size)
  raw.set(r, size - r.length)
  raw.set(s, 2 * size - s.length)
  return raw
}
