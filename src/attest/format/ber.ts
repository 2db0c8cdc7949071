// BER to DER (X.690 sections 8 and 10), as far as CMS of cloud providers needs it: indefinite lengths, lengths longer than needed and
// octet strings in pieces. DER comes out as it went in; order and values are not touched.
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
}

/** One element and nothing after it. Throws `evidence.malformed`, `evidence.too_large`, `evidence.budget`. */
export function toDer(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length > LARGEST) throw new Denial('evidence.too_large', what)
  const reader = new Ber(bytes, what)
  const { tag, content } = reader.element(bytes.length, 0)
  if (reader.at !== bytes.length) throw malformed(`${what}: more than belongs to it`)
  return encoded(tag, content)
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
    const { bytes, what } = this
    if (++this.#elements > MOST_ELEMENTS) throw new Denial('evidence.budget', `${what}: elements`)
    if (depth > DEEPEST) throw new Denial('evidence.budget', `${what}: depth`)
    if (this.at + 2 > end) throw malformed(`${what}: ends early`)
    const tag = bytes[this.at++] as number
    if ((tag & 0x1f) === 0x1f) throw malformed(`${what}: a tag above 30`)
    if (tag === 0) throw malformed(`${what}: an end where nothing began`)
    const length = this.#length(end)
    if ((tag & CONSTRUCTED) === 0) {
      if (length === undefined) throw malformed(`${what}: a value without a length`)
      this.at += length
      return { tag, content: bytes.subarray(this.at - length, this.at) }
    }
    const inside =
      length === undefined ? this.#untilEnd(end, depth) : this.#within(this.at + length, depth)
    if (tag !== PIECES) return { tag, content: joined(inside.map(({ tag, content }) => encoded(tag, content))) } // biome-ignore format: short
    if (inside.some((piece) => piece.tag !== TAG.octetString))
      throw malformed(`${what}: a piece of another type`)
    return { tag: TAG.octetString, content: joined(inside.map(({ content }) => content)) }
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

function encoded(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content
  if (length < 0x80) return joined([Uint8Array.of(tag, length), content])
  const octets: number[] = []
  for (let left = length; left > 0; left >>= 8) octets.unshift(left & 0xff)
  return joined([Uint8Array.of(tag, 0x80 | octets.length, ...octets), content])
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)
