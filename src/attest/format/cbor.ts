// A strict reader of the part of CBOR (RFC 8949) that attestation documents use; bytes to values, no meaning.
import { Denial, malformed } from '../denial.ts'

export type CborKey = number | string
export type CborMap = ReadonlyMap<CborKey, CborValue>
/** Byte strings are windows over what was read. */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly CborValue[]
  | CborMap
  | CborTag

export class CborTag {
  readonly tag: number
  readonly value: CborValue

  constructor(tag: number, value: CborValue) {
    this.tag = tag
    this.value = value
  }
}

export interface CborBounds {
  readonly bytes: number
  readonly depth: number
}

const BOUNDS: CborBounds = { bytes: 16 * 1024, depth: 8 }

/** Major types (3.1). */
const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6 } as const
const INDEFINITE = 31
const BREAK = 0xff
const SIMPLE: ReadonlyMap<number, boolean | null | undefined> = new Map([
  [0xf4, false],
  [0xf5, true],
  [0xf6, null],
  [0xf7, undefined],
])
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The one item that the bytes are. Maps and arrays may be of indefinite length; map keys are texts or whole numbers, each once.
 * Numbers are whole and within 2^53, and written no longer than needed. Whatever else throws `evidence.malformed`; more bytes or
 * depth than the bounds throws `evidence.too_large`.
 */
export function readCbor(bytes: Uint8Array, what: string, bounds: CborBounds = BOUNDS): CborValue {
  if (bytes.length > bounds.bytes) throw new Denial('evidence.too_large', what)
  const reader = new Reader(bytes, what, bounds.depth)
  const value = reader.item(0)
  if (reader.at !== bytes.length) throw malformed(`${what}: bytes after its end`)
  return value
}

class Reader {
  readonly bytes: Uint8Array
  readonly what: string
  readonly depth: number
  at = 0

  constructor(bytes: Uint8Array, what: string, depth: number) {
    this.bytes = bytes
    this.what = what
    this.depth = depth
  }

  item(depth: number): CborValue {
    if (depth > this.depth) throw new Denial('evidence.too_large', `${this.what}: too deep`)
    const head = this.#byte()
    const major = head >> 5
    const extra = head & 0x1f
    switch (major) {
      case MAJOR.unsigned:
        return this.#argument(extra)
      case MAJOR.negative:
        return -1 - this.#argument(extra)
      case MAJOR.bytes:
        return this.#taken(extra)
      case MAJOR.text:
        return this.#text(extra)
      case MAJOR.array:
        return this.#array(extra, depth)
      case MAJOR.map:
        return this.#map(extra, depth)
      case MAJOR.tag:
        return new CborTag(this.#argument(extra), this.item(depth + 1))
      default:
        if (!SIMPLE.has(head)) throw this.#bad('a float or simple value that is not in use here')
        return SIMPLE.get(head)
    }
  }

  #bad(detail: string): Denial {
    return malformed(`${this.what}: ${detail}`)
  }

  #byte(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw this.#bad('ends early')
    this.at++
    return byte
  }

  /** The number behind a head (3): in its five bits, or in 1, 2, 4 or 8 bytes. */
  #argument(extra: number): number {
    if (extra < 24) return extra
    if (extra > 27) throw this.#bad('a length that is not in use here')
    const width = 1 << (extra - 24)
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + this.#byte()
    if (value > Number.MAX_SAFE_INTEGER) throw this.#bad('a number out of bounds')
    // every width has a first value of its own: 24, 2^8, 2^16, 2^32
    if (value < (width === 1 ? 24 : 256 ** (width / 2)))
      throw this.#bad('a number longer than needed')
    return value
  }

  #taken(extra: number): Uint8Array {
    const length = this.#argument(extra)
    if (length > this.bytes.length - this.at) throw this.#bad('a length out of bounds')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  #text(extra: number): string {
    const taken = this.#taken(extra)
    try {
      return UTF8.decode(taken)
    } catch {
      throw this.#bad('a text that is not UTF-8')
    }
  }

  /** Whether another item of a container follows; takes the break that ends one of indefinite length. */
  #goesOn(extra: number, count: number, read: number): boolean {
    if (extra !== INDEFINITE) return read < count
    if (this.bytes[this.at] !== BREAK) return true
    this.at++
    return false
  }

  /** An item takes a byte at least, so that a count above what is left is refused before it is read. */
  #count(extra: number): number {
    const count = extra === INDEFINITE ? 0 : this.#argument(extra)
    if (count > this.bytes.length - this.at) throw this.#bad('a length out of bounds')
    return count
  }

  #array(extra: number, depth: number): readonly CborValue[] {
    const count = this.#count(extra)
    const items: CborValue[] = []
    while (this.#goesOn(extra, count, items.length)) items.push(this.item(depth + 1))
    return items
  }

  #map(extra: number, depth: number): CborMap {
    const count = this.#count(extra)
    const map = new Map<CborKey, CborValue>()
    while (this.#goesOn(extra, count, map.size)) {
      const key = this.item(depth + 1)
      if (typeof key !== 'number' && typeof key !== 'string')
        throw this.#bad('a key that is neither text nor number')
      if (map.has(key)) throw this.#bad('a key twice')
      map.set(key, this.item(depth + 1))
    }
    return map
  }
}
