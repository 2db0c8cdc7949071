// BER to DER (X.690 sections 8 and 10), as far as CMS of cloud providers needs it; order and values are not touched.
// Indefinite lengths, lengths longer than needed and octet strings in pieces are; DER comes out as it went in.
import { Denial, malformed } from '../denial.ts'
import { TAG } from './der.ts'

const LARGEST = 64 * 1024
const DEEPEST = 16
const MOST_ELEMENTS = 4096
const CONSTRUCTED = 0x20
const PIECES = TAG.octetString | CONSTRUCTED

interface Element {
  readonly tag: number
  readonly content: Uint8Array
  /** With tag and length, as DER. */
  readonly der: Uint8Array
  /** It stood there so. */
  readonly isKept: boolean
}

/** One element and nothing after it. Throws `evidence.malformed`, `evidence.too_large`, `evidence.budget`. */
export function toDer(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', what)
  const reader = new Ber(bytes, what)
  const { der } = reader.element(bytes.length, 0)
  if (reader.at !== bytes.length) throw malformed(`${what}: more than belongs to it`)
  return der
}

class Ber {
  readonly bytes: Uint8Array
  readonly what: string
  at = 0
  #elements = 0

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes
    this.what = what
  }

  element(end: number, depth: number): Element {
    const { bytes, what, at: start } = this
    if (++this.#elements > MOST_ELEMENTS) throw new Denial('evidence.budget', `${what}: elements`)
    if (depth > DEEPEST) throw new Denial('evidence.budget', `${what}: depth`)
    if (start + 2 > end) throw malformed(`${what}: ends early`)
    const tag = bytes[this.at++] as number
    if ((tag & 0x1f) === 0x1f) throw malformed(`${what}: a tag above 30`)
    if (tag === 0) throw malformed(`${what}: an end where nothing began`)
    const length = this.#length(end)
    const from = this.at
    const isMinimal = length !== undefined && from - start === headerSize(length)
    if ((tag & CONSTRUCTED) === 0) {
      if (length === undefined) throw malformed(`${what}: a value without a length`)
      this.at = from + length
      return this.#made(tag, bytes.subarray(from, this.at), start, isMinimal)
    }
    const inside =
      length === undefined ? this.#untilEnd(end, depth) : this.#within(from + length, depth)
    if (tag === PIECES) return this.#made(TAG.octetString, this.#joined(inside), start, false)
    // most of what comes is DER already, and is not copied
    const isKept = isMinimal && inside.every((one) => one.isKept)
    const content = isKept
      ? bytes.subarray(from, this.at)
      : Buffer.concat(inside.map(({ der }) => der))
    return this.#made(tag, content, start, isKept)
  }

  #made(tag: number, content: Uint8Array, start: number, isKept: boolean): Element {
    const der = isKept ? this.bytes.subarray(start, this.at) : encoded(tag, content)
    return { tag, content, der, isKept }
  }

  #joined(pieces: readonly Element[]): Uint8Array {
    if (pieces.some(({ tag }) => tag !== TAG.octetString))
      throw malformed(`${this.what}: a piece of another type`)
    return Buffer.concat(pieces.map(({ content }) => content))
  }

  /** Undefined: indefinite. */
  #length(end: number): number | undefined {
    const { bytes, what } = this
    let length = bytes[this.at++] as number
    if (length === 0x80) return undefined
    if (length > 0x80) {
      const count = length & 0x7f
      if (count > 8 || this.at + count > end) throw malformed(`${what}: a length out of bounds`)
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[this.at++] as number)
    }
    if (length > end - this.at) throw malformed(`${what}: a length out of bounds`)
    return length
  }

  #within(end: number, depth: number): readonly Element[] {
    const found: Element[] = []
    while (this.at < end) found.push(this.element(end, depth + 1))
    return found
  }

  #untilEnd(end: number, depth: number): readonly Element[] {
    const found: Element[] = []
    while (!(this.bytes[this.at] === 0 && this.bytes[this.at + 1] === 0 && this.at + 2 <= end))
      found.push(this.element(end, depth + 1))
    this.at += 2
    return found
  }
}

/** Of tag and length in DER; lengths are below 2^16 here. */
const headerSize = (length: number): number => (length < 0x80 ? 2 : length < 0x100 ? 3 : 4)

function encoded(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  const size = headerSize(length)
  const head = [[tag, length], [tag, 0x81, length], [tag, 0x82, length >> 8, length & 0xff]][size - 2] // biome-ignore format: one line
  return Buffer.concat([Uint8Array.from(head as number[]), content])
}
