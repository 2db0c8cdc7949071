// The attestation report of AMD SEV-SNP (AMD 56860, ATTESTATION_REPORT) as values: what stands in it, with no judgement.
import { Denial, malformed } from '../denial.ts'
import { isZero } from '../format/der.ts'

export interface SnpReport {
  readonly version: number
  readonly guestSvn: number
  readonly policy: SnpPolicy
  readonly familyId: Uint8Array
  readonly imageId: Uint8Array
  readonly vmpl: number
  readonly platform: SnpPlatform
  /** Which key signed it; the bytes of the enumeration that are others are `undefined`. */
  readonly signingKey: 'vcek' | 'vlek' | undefined
  readonly authorKey: boolean
  readonly maskedChipKey: boolean
  readonly reportData: Uint8Array
  readonly measurement: Uint8Array
  readonly hostData: Uint8Array
  readonly idKeyDigest: Uint8Array
  readonly authorKeyDigest: Uint8Array
  /** Eight bytes each, of which the product says what they are. */
  readonly tcb: {
    readonly current: Uint8Array
    readonly reported: Uint8Array
    readonly committed: Uint8Array
    readonly launch: Uint8Array
  }
  /** From version 3 on. */
  readonly cpuid: { readonly family: number; readonly model: number } | undefined
  /** 64 bytes; all zero when the host masks it. */
  readonly chipId: Uint8Array
  /** What the signature is over. */
  readonly signed: Uint8Array
  /** r and s side by side, big endian, 48 bytes each. */
  readonly signature: Uint8Array
}

/** Bits of the guest's policy; those that are not named here are not looked at. */
export interface SnpPolicy {
  readonly smt: boolean
  readonly migration: boolean
  readonly debug: boolean
  readonly singleSocket: boolean
}

/** Bits of PLATFORM_INFO. */
export interface SnpPlatform {
  readonly smt: boolean
  readonly tsme: boolean
  readonly ecc: boolean
  readonly aliasCheck: boolean
}

const SNP_REPORT_BYTES = 1184
const SIGNED_BYTES = 0x2a0
const NUMBER_BYTES = 72
const FIELD_BYTES = 48
const WHAT = 'SNP report'

/** What must be zero: from and to, by version. Versions that are not here are not known. */
const RESERVED: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  2: [[0x4c, 0x50], [0x188, 0x1a0], [0x1eb, 0x1ec], [0x1ef, 0x1f0], [0x1f8, SIGNED_BYTES]],
  3: [[0x4c, 0x50], [0x18b, 0x1a0], [0x1eb, 0x1ec], [0x1ef, 0x1f0], [0x1f8, SIGNED_BYTES]],
  // 5 has two vectors of mitigations at 0x1f8
  5: [[0x4c, 0x50], [0x18b, 0x1a0], [0x1eb, 0x1ec], [0x1ef, 0x1f0], [0x208, SIGNED_BYTES]],
} // biome-ignore format: a row is a version

/**
 * Throws `evidence.malformed`, `evidence.unsupported` for a version that is not known, `evidence.weak_algorithm` for another
 * signature than ECDSA P-384 with SHA-384.
 */
export function readSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_BYTES)
    throw malformed(`${WHAT}: not of ${SNP_REPORT_BYTES} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const version = view.getUint32(0, true)
  assertReserved(bytes, version)
  if (view.getUint32(0x34, true) !== 1)
    throw new Denial('evidence.weak_algorithm', `${WHAT}: not ECDSA P-384 with SHA-384`)
  const keys = view.getUint32(0x48, true)
  if (keys >= 1 << 5) throw malformed(`${WHAT}: a reserved field is not zero`)
  const part = (at: number, length: number) => bytes.subarray(at, at + length)
  return {
    version,
    guestSvn: view.getUint32(0x04, true),
    policy: policyOf(view.getUint32(0x08, true)),
    familyId: part(0x10, 16),
    imageId: part(0x20, 16),
    vmpl: view.getUint32(0x30, true),
    platform: platformOf(view.getUint32(0x40, true)),
    signingKey: ([`vcek`, `vlek`] as const)[keys >> 2],
    authorKey: (keys & 1) === 1,
    maskedChipKey: (keys & 2) === 2,
    reportData: part(0x50, 64),
    measurement: part(0x90, 48),
    hostData: part(0xc0, 32),
    idKeyDigest: part(0xe0, 48),
    authorKeyDigest: part(0x110, 48),
    tcb: {
      current: part(0x38, 8),
      reported: part(0x180, 8),
      committed: part(0x1e0, 8),
      launch: part(0x1f0, 8),
    },
    cpuid: version < 3 ? undefined : { family: view.getUint8(0x188), model: view.getUint8(0x189) },
    chipId: part(0x1a0, 64),
    signed: part(0, SIGNED_BYTES),
    signature: signatureIn(bytes),
  }
}

function assertReserved(bytes: Uint8Array, version: number): void {
  const reserved = Object.hasOwn(RESERVED, version) ? RESERVED[version] : undefined
  if (!reserved) throw new Denial('evidence.unsupported', `${WHAT}: version`)
  for (const [from, to] of reserved)
    if (!isZero(bytes, from, to)) throw malformed(`${WHAT}: a reserved field is not zero`)
}

function policyOf(bits: number): SnpPolicy {
  if (!bit(bits, 17)) throw malformed(`${WHAT}: bit 17 of the policy is not set`)
  return {
    smt: bit(bits, 16),
    migration: bit(bits, 18),
    debug: bit(bits, 19),
    singleSocket: bit(bits, 20),
  }
}

function platformOf(bits: number): SnpPlatform {
  return { smt: bit(bits, 0), tsme: bit(bits, 1), ecc: bit(bits, 2), aliasCheck: bit(bits, 5) }
}

function bit(bits: number, at: number): boolean {
  return ((bits >>> at) & 1) === 1
}

/** R and S stand little endian in 72 bytes each, of which the field needs 48; the rest of the report is reserved. */
function signatureIn(bytes: Uint8Array): Uint8Array {
  const signature = new Uint8Array(2 * FIELD_BYTES)
  for (const i of [0, 1]) {
    const at = SIGNED_BYTES + i * NUMBER_BYTES
    if (!isZero(bytes, at + FIELD_BYTES, at + NUMBER_BYTES))
      throw malformed(`${WHAT}: a signature longer than its field`)
    signature.set(bytes.subarray(at, at + FIELD_BYTES).toReversed(), i * FIELD_BYTES)
  }
  if (!isZero(bytes, SIGNED_BYTES + 2 * NUMBER_BYTES, bytes.length))
    throw malformed(`${WHAT}: a reserved field is not zero`)
  return signature
}
