// The log of measured boot (TCG PC Client Platform Firmware Profile, section 10, crypto-agile form): events, and the registers they add up to.
import { createHash, hash } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { equalBytes, hexOf, latin1 } from '../format/der.ts'
import { TPM_HASHES, type TpmHash } from './tpms.ts'

export interface BootEvent {
  readonly register: number
  readonly type: number
  /** By bank; only of hashes in use here. */
  readonly digests: ReadonlyMap<TpmHash, Uint8Array>
  /** Believed only after `covers` has said that a digest is of it. */
  readonly data: Uint8Array
}

export const EVENT = {
  noAction: 0x00000003,
  crtmVersion: 0x00000008,
  variableConfig: 0x80000001,
  bootApplication: 0x80000003,
} as const

const LARGEST = 1024 * 1024
const MOST_EVENTS = 4096
const MOST_ALGORITHMS = 8
const REGISTERS = 24
const SPEC_ID = 'Spec ID Event03\0'
const LOCALITY = 'StartupLocality\0'
/** Sizes of digests that a log may have besides ours, by TPM_ALG_ID: they are stepped over. */
const OTHER_SIZES: ReadonlyMap<number, number> = new Map([
  [0x0004, 20],
  [0x0012, 32],
  [0x0027, 32],
  [0x0028, 48],
  [0x0029, 64],
])

class LogReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length
  }

  #take(size: number): number {
    const at = this.#at
    if (size > this.#bytes.length - at) throw malformed('event log: ends early')
    this.#at = at + size
    return at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  bytes(size: number): Uint8Array {
    const at = this.#take(size)
    return this.#bytes.subarray(at, at + size)
  }
}

/** Throws `evidence.malformed`, `evidence.too_large`, and `evidence.weak_algorithm` for a log of SHA-1 only. */
export function parseEventLog(bytes: Uint8Array): readonly BootEvent[] {
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', 'event log')
  const from = new LogReader(bytes)
  const sizes = headerIn(from)
  const events: BootEvent[] = []
  while (!from.isDone) {
    if (events.length === MOST_EVENTS) throw new Denial('evidence.budget', 'event log')
    events.push(eventIn(from, sizes))
  }
  return events
}

/** The first event is of the old form and says which digests the others have (TCG_EfiSpecIDEvent). */
function headerIn(from: LogReader): ReadonlyMap<number, number> {
  const register = from.u32()
  const type = from.u32()
  from.bytes(20)
  const inside = new LogReader(from.bytes(from.u32()))
  if (type !== EVENT.noAction || register !== 0)
    throw new Denial('evidence.weak_algorithm', 'event log: of the form that has SHA-1 only')
  if (latin1(inside.bytes(16)) !== SPEC_ID) throw malformed('event log: no specification id')
  inside.bytes(8) // class, version and size of a UINTN
  const count = inside.u32()
  if (count === 0 || count > MOST_ALGORITHMS) throw malformed('event log: number of digests')
  const sizes = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const algorithm = inside.u16()
    const size = inside.u16()
    const known = TPM_HASHES.get(algorithm)?.size ?? OTHER_SIZES.get(algorithm)
    if (known === undefined || known !== size || sizes.has(algorithm))
      throw malformed('event log: a digest that is not known, or twice')
    sizes.set(algorithm, size)
  }
  inside.bytes(inside.u8())
  if (!inside.isDone) throw malformed('event log: specification id')
  return sizes
}

/** TCG_PCR_EVENT2; every event has every digest once. */
function eventIn(from: LogReader, sizes: ReadonlyMap<number, number>): BootEvent {
  const register = from.u32()
  const type = from.u32()
  // an event that extends nothing may name no register
  if (register >= REGISTERS && type !== EVENT.noAction)
    throw malformed('event log: a register that is not there')
  if (from.u32() !== sizes.size) throw malformed('event log: digests of an event')
  const digests = new Map<TpmHash, Uint8Array>()
  const seen = new Set<number>()
  for (let i = 0; i < sizes.size; i++) {
    const algorithm = from.u16()
    const size = sizes.get(algorithm)
    if (size === undefined || seen.has(algorithm)) throw malformed('event log: digests of an event')
    seen.add(algorithm)
    const digest = from.bytes(size)
    const hash = TPM_HASHES.get(algorithm)
    if (hash) digests.set(hash.name, digest)
  }
  return { register, type, digests, data: from.bytes(from.u32()) }
}

/** Registers of a bank after all events, by number; those that no event extends are not there. */
export function replay(
  events: readonly BootEvent[],
  bank: TpmHash,
): ReadonlyMap<number, Uint8Array> {
  const registers = new Map<number, Uint8Array>()
  let locality = 0
  for (const event of events) {
    const { register, type, data } = event
    if (type === EVENT.noAction) {
      if (data.length === 17 && latin1(data.subarray(0, 16)) === LOCALITY)
        locality = data[16] as number
      continue
    }
    const digest = event.digests.get(bank)
    if (!digest) throw malformed(`event log: no digests of ${bank}`)
    const before = registers.get(register) ?? firstValue(register, digest.length, locality)
    registers.set(register, createHash(bank).update(before).update(digest).digest())
  }
  return registers
}

/** Registers of the dynamic root of trust begin with ones; register 0 with the locality that started the TPM. */
function firstValue(register: number, size: number, locality: number): Uint8Array {
  const value = new Uint8Array(size).fill(register >= 17 && register <= 22 ? 0xff : 0)
  if (register === 0) value[size - 1] = locality
  return value
}

/** Whether the digest is of the data as it stands: for most types it is of something else, and the data is only a hint. */
export function covers({ digests, data }: BootEvent, bank: TpmHash): boolean {
  const digest = digests.get(bank)
  return digest !== undefined && equalBytes(digest, hash(bank, data, 'buffer'))
}

/** Name and content of UEFI_VARIABLE_DATA; undefined: it is none. */
export function variableOf(
  data: Uint8Array,
): { readonly guid: string; readonly name: string; readonly value: Uint8Array } | undefined {
  if (data.length < 32) return undefined
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const characters = view.getBigUint64(16, true)
  const size = view.getBigUint64(24, true)
  if (characters > 256n || BigInt(data.length) !== 32n + 2n * characters + size) return undefined
  const end = 32 + 2 * Number(characters)
  return {
    guid: hexOf(data.subarray(0, 16)),
    name: utf16(data.subarray(32, end)),
    value: data.subarray(end),
  }
}

export function utf16(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf16le')
}
