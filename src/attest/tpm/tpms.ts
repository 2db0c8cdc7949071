// What a TPM 2.0 signs and its signature (TCG TPM 2.0 Library part 2, sections 9 to 11) as values; nothing is verified here.
import { Denial, malformed } from '../denial.ts'

export type TpmHash = 'sha256' | 'sha384' | 'sha512'

/** TPM_ALG_ID of the hashes in use here. */
export const TPM_HASHES: ReadonlyMap<number, { readonly name: TpmHash; readonly size: number }> =
  new Map([
    [0x000b, { name: 'sha256', size: 32 }],
    [0x000c, { name: 'sha384', size: 48 }],
    [0x000d, { name: 'sha512', size: 64 }],
  ])

/** TPM_ALG_ID of what is no hash. */
export const TPM_ALG = {
  rsa: 0x0001,
  null: 0x0010,
  rsassa: 0x0014,
  rsapss: 0x0016,
  ecdsa: 0x0018,
  ecc: 0x0023,
} as const

/** Throws `evidence.weak_algorithm` for any other than the three. */
export function tpmHash(algorithm: number, what: string): TpmHash {
  const found = TPM_HASHES.get(algorithm)
  if (!found)
    throw new Denial('evidence.weak_algorithm', `${what}: hash 0x${algorithm.toString(16)}`)
  return found.name
}

/** A window over big endian bytes that moves forwards; what ends early throws `evidence.malformed`. */
export class TpmReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #what: string
  #at = 0

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#what = what
  }

  #take(size: number): number {
    const at = this.#at
    if (size > this.#bytes.length - at) throw malformed(`${this.#what}: ends early`)
    this.#at = at + size
    return at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  bytes(size: number): Uint8Array {
    const at = this.#take(size)
    return this.#bytes.subarray(at, at + size)
  }

  /** A TPM2B: its size in two bytes, and that many. */
  sized(): Uint8Array {
    return this.bytes(this.u16())
  }

  finish(): void {
    if (this.#at !== this.#bytes.length) throw malformed(`${this.#what}: more than belongs to it`)
  }
}

/** One bank of a selection; the registers ascending. */
export interface PcrBank {
  readonly bank: TpmHash
  readonly registers: readonly number[]
}

/** TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE. */
export interface Attest {
  readonly qualifiedSigner: Uint8Array
  readonly extraData: Uint8Array
  readonly clock: bigint
  /** Boots since the TPM was cleared; grows with every one. */
  readonly resetCount: number
  /** Resumes since the last boot. */
  readonly restartCount: number
  /** False: the clock may have been higher before the last loss of power. */
  readonly safe: boolean
  readonly firmware: bigint
  /** In the order in which the digest has them; banks of which nothing is selected are left out. */
  readonly selection: readonly PcrBank[]
  readonly pcrDigest: Uint8Array
}

const LARGEST_ATTEST = 2048
/** TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins with it. */
const MAGIC = 0xff544347
const QUOTE = 0x8018
const MOST_BANKS = 16

/** Throws `evidence.malformed`, `evidence.unsupported` for another type than a quote, `evidence.too_large`, `evidence.weak_algorithm`. */
export function parseAttest(bytes: Uint8Array): Attest {
  if (bytes.length > LARGEST_ATTEST) throw new Denial('evidence.too_large', 'TPMS_ATTEST')
  const from = new TpmReader(bytes, 'TPMS_ATTEST')
  if (from.u32() !== MAGIC) throw malformed('TPMS_ATTEST: not made by a TPM (magic)')
  if (from.u16() !== QUOTE) throw new Denial('evidence.unsupported', 'TPMS_ATTEST: no quote')
  const attest = {
    qualifiedSigner: from.sized(),
    extraData: from.sized(),
    clock: from.u64(),
    resetCount: from.u32(),
    restartCount: from.u32(),
    safe: yesNo(from),
    firmware: from.u64(),
    selection: selectionIn(from),
    pcrDigest: from.sized(),
  }
  from.finish()
  return attest
}

function yesNo(from: TpmReader): boolean {
  const value = from.u8()
  if (value > 1) throw malformed('TPMS_ATTEST: neither yes nor no')
  return value === 1
}

/** TPML_PCR_SELECTION. */
function selectionIn(from: TpmReader): readonly PcrBank[] {
  const count = from.u32()
  if (count > MOST_BANKS) throw malformed('TPML_PCR_SELECTION: too many banks')
  const seen = new Set<number>()
  const selection: PcrBank[] = []
  for (let i = 0; i < count; i++) {
    const algorithm = from.u16()
    if (seen.has(algorithm)) throw malformed('TPML_PCR_SELECTION: a bank twice')
    seen.add(algorithm)
    const size = from.u8()
    if (size > 4) throw malformed('TPML_PCR_SELECTION: more registers than there are')
    const registers = [...from.bytes(size)].flatMap((octet, at) => registersOf(octet, at * 8))
    if (registers.length > 0)
      selection.push({ bank: tpmHash(algorithm, 'bank of registers'), registers })
  }
  return selection
}

function registersOf(octet: number, first: number): number[] {
  const found: number[] = []
  for (let bit = 0; bit < 8; bit++) if ((octet >> bit) & 1) found.push(first + bit)
  return found
}

/** TPMT_SIGNATURE; numbers of ECDSA without their leading zeros. */
export type TpmSignature = { readonly hash: TpmHash } & (
  | { readonly scheme: 'rsassa' | 'rsapss'; readonly bytes: Uint8Array }
  | { readonly scheme: 'ecdsa'; readonly r: Uint8Array; readonly s: Uint8Array }
)

const LARGEST_SIGNATURE = 1024 + 16

/** Throws `evidence.malformed`, `evidence.too_large`, `evidence.weak_algorithm`. */
export function parseSignature(bytes: Uint8Array): TpmSignature {
  if (bytes.length > LARGEST_SIGNATURE) throw new Denial('evidence.too_large', 'TPMT_SIGNATURE')
  const from = new TpmReader(bytes, 'TPMT_SIGNATURE')
  const algorithm = from.u16()
  const hash = tpmHash(from.u16(), 'signature of the quote')
  const signature = signatureIn(from, algorithm, hash)
  from.finish()
  return signature
}

function signatureIn(from: TpmReader, algorithm: number, hash: TpmHash): TpmSignature {
  if (algorithm === TPM_ALG.rsassa) return { scheme: 'rsassa', hash, bytes: from.sized() }
  if (algorithm === TPM_ALG.rsapss) return { scheme: 'rsapss', hash, bytes: from.sized() }
  if (algorithm === TPM_ALG.ecdsa)
    return { scheme: 'ecdsa', hash, r: withoutZeros(from.sized()), s: withoutZeros(from.sized()) }
  throw new Denial(
    'evidence.weak_algorithm',
    `signature of the quote: scheme 0x${algorithm.toString(16)}`,
  )
}

function withoutZeros(number: Uint8Array): Uint8Array {
  let at = 0
  while (number[at] === 0) at++
  return number.subarray(at)
}
