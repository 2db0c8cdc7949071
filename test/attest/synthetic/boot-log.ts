// A log of measured boot made event by event, and the registers it adds up to. Synthetic.
import { createHash } from 'node:crypto'

export interface LogEvent {
  readonly register: number
  readonly type: number
  readonly data: Uint8Array
  /** What is measured; without it the data. */
  readonly of?: Uint8Array
}

const ALGORITHM = { sha1: 0x0004, sha256: 0x000b, sha384: 0x000c } as const
const SIZE = { sha1: 20, sha256: 32, sha384: 48 } as const
export type LogBank = keyof typeof ALGORITHM

export function u16le(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}
export function u32le(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** The first event: which digests the others have. */
export function headerOf(banks: readonly LogBank[]): Buffer {
  const algorithms = banks.map((bank) => Buffer.concat([u16le(ALGORITHM[bank]), u16le(SIZE[bank])]))
  const id = Buffer.concat([
    Buffer.from('Spec ID Event03\0'),
    Buffer.from([0, 0, 0, 0, 0, 2, 0, 2]),
    u32le(banks.length),
    ...algorithms,
    Buffer.of(0),
  ])
  return Buffer.concat([u32le(0), u32le(3), Buffer.alloc(20), u32le(id.length), id])
}

export function logOf(
  events: readonly LogEvent[],
  banks: readonly LogBank[] = ['sha1', 'sha256'],
): Buffer {
  const written = events.map(({ register, type, data, of = data }) => {
    const isEmpty = type === 3
    const digests = banks.map((bank) => {
      const digest = isEmpty ? Buffer.alloc(SIZE[bank]) : createHash(bank).update(of).digest()
      return Buffer.concat([u16le(ALGORITHM[bank]), digest])
    })
    return Buffer.concat([
      ...[u32le(register), u32le(type), u32le(banks.length), ...digests],
      ...[u32le(data.length), data],
    ])
  })
  return Buffer.concat([headerOf(banks), ...written])
}

/** Registers of a bank in hex, as a TPM that starts at locality 0 would have them. */
export function registersOf(events: readonly LogEvent[], bank: LogBank): Record<string, string> {
  const registers: Record<string, Buffer> = {}
  for (const { register, type, data, of = data } of events) {
    if (type === 3) continue
    const digest = createHash(bank).update(of).digest()
    const before = registers[register] ?? Buffer.alloc(SIZE[bank])
    registers[register] = createHash(bank).update(before).update(digest).digest()
  }
  return Object.fromEntries(
    Object.entries(registers).map(([register, value]) => [register, value.toString('hex')]),
  )
}

const GLOBAL = Buffer.from('61dfe48bca93d211aa0d00e098032b8c', 'hex')

/** UEFI_VARIABLE_DATA. */
export function variableData(name: string, value: Uint8Array, guid: Uint8Array = GLOBAL): Buffer {
  const sizes = Buffer.alloc(16)
  sizes.writeBigUInt64LE(BigInt(name.length), 0)
  sizes.writeBigUInt64LE(BigInt(value.length), 8)
  return Buffer.concat([guid, sizes, Buffer.from(name, 'utf16le'), value])
}

const text = (value: string): Buffer => Buffer.from(value, 'utf16le')
const VARIABLE = 0x80000001
const APPLICATION = 0x80000003

/** Firmware 1.2.3 that started a boot loader and a kernel with secure boot on. */
export const BOOT: readonly LogEvent[] = [
  { register: 0, type: 8, data: text('1.2.3\0') },
  { register: 7, type: VARIABLE, data: variableData('SecureBoot', Buffer.of(1)) },
  {
    register: 4,
    type: APPLICATION,
    data: Buffer.from('path of the loader'),
    of: Buffer.from('loader'),
  },
  {
    register: 4,
    type: APPLICATION,
    data: Buffer.from('path of the kernel'),
    of: Buffer.from('kernel'),
  },
]
