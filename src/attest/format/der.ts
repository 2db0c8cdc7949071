// A strict reader of DER (X.690 section 10): one element after the other, forwards only; it knows no structure above the element.
import { malformed } from '../denial.ts'

/** Tags of the universal class, and context tags as their bytes stand in the encoding. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8: 0x0c,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universal: 0x1c,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** `[n]` of the context class: constructed, as for EXPLICIT and for IMPLICIT of what is constructed. */
export const context = (n: number): number => 0xa0 | n
/** `[n]` IMPLICIT of something primitive. */
export const contextPrimitive = (n: number): number => 0x80 | n

/**
 * A window over bytes that moves forwards. Whatever is not DER throws `evidence.malformed`. Reading is linear: an element is
 * looked at once, and goes as deep only as whoever reads asks it to.
 */
export class Der {
  readonly bytes: Uint8Array
  readonly end: number
  at: number

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get isDone(): boolean {
    return this.at >= this.end
  }

  /** The tag byte of the next element; -1 at the end. */
  get tag(): number {
    return this.at < this.end ? (this.bytes[this.at] as number) : -1
  }

  /** The content of the next element, which must have this tag. */
  enter(tag: number, what: string): Der {
    const content = this.next(what)
    if (this.#lastTag !== tag) throw malformed(`${what}: another type than expected`)
    return content
  }

  /** The content of the next element if it has this tag. */
  optional(tag: number, what: string): Der | undefined {
    return this.tag === tag ? this.next(what) : undefined
  }

  /** Nothing may follow. */
  finish(what: string): void {
    if (this.at !== this.end) throw malformed(`${what}: more than belongs to it`)
  }

  /** The next element of any tag below 31, whole, with tag and length. */
  element(what: string): Uint8Array {
    const start = this.at
    this.next(what)
    return this.bytes.subarray(start, this.at)
  }

  /** Whatever is left, without moving. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at, this.end)
  }

  #lastTag = -1

  /** The content of the next element, of whichever tag. */
  next(what: string): Der {
    const { bytes, end } = this
    let at = this.at
    if (at + 2 > end) throw malformed(`${what}: ends early`)
    const tag = bytes[at] as number
    if ((tag & 0x1f) === 0x1f) throw malformed(`${what}: a tag above 30`)
    let length = bytes[at + 1] as number
    at += 2
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count === 0) throw malformed(`${what}: indefinite length`)
      if (count > 4 || at + count > end) throw malformed(`${what}: a length out of bounds`)
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + i] as number)
      if (length < 0x80 || bytes[at] === 0) throw malformed(`${what}: a length longer than needed`)
      at += count
    }
    if (length > end - at) throw malformed(`${what}: a length out of bounds`)
    this.#lastTag = tag
    this.at = at + length
    return new Der(bytes, at, at + length)
  }

  boolean(what: string): boolean {
    const content = this.enter(TAG.boolean, what)
    const value = content.bytes[content.at]
    if (content.end - content.at !== 1 || (value !== 0 && value !== 0xff))
      throw malformed(`${what}: no boolean`)
    return value === 0xff
  }

  /** Big endian two's complement, minimal, as it stands. */
  integer(what: string, tag: number = TAG.integer): Uint8Array {
    const value = this.enter(tag, what).rest()
    if (value.length === 0) throw malformed(`${what}: an empty integer`)
    const [first, second = 0] = value
    if (value.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
      throw malformed(`${what}: an integer longer than needed`)
    return value
  }

  /** A whole number from 0 to 2^31 - 1. */
  small(what: string, tag: number = TAG.integer): number {
    const value = this.integer(what, tag)
    if (value.length > 4 || (value[0] as number) >= 0x80)
      throw malformed(`${what}: a number out of bounds`)
    return value.reduce((sum, byte) => sum * 256 + byte, 0)
  }

  /** Dotted, such as `2.5.29.15`. */
  oid(what: string): string {
    return oidText(this.enter(TAG.oid, what).rest(), what)
  }

  octets(what: string): Uint8Array {
    return this.enter(TAG.octetString, what).rest()
  }

  /** Of a bit string that is whole octets: keys and signatures. */
  bitOctets(what: string): Uint8Array {
    const content = this.enter(TAG.bitString, what).rest()
    if (content[0] !== 0) throw malformed(`${what}: bits left over`)
    return content.subarray(1)
  }

  /** Named bits, the first one at index 0. X.690 11.2 has no trailing zeros; `padded` takes them. */
  namedBits(what: string, padded = false): readonly boolean[] {
    const content = this.enter(TAG.bitString, what).rest()
    const unused = content[0] ?? 8
    const octets = content.subarray(1)
    const last = octets.at(-1)
    if (unused > 7 || (last === undefined && unused !== 0))
      throw malformed(`${what}: no bit string`)
    if (!padded && last !== undefined && (last >> unused) % 2 === 0)
      throw malformed(`${what}: trailing zero bits`)
    if (last !== undefined && last % 2 ** unused !== 0)
      throw malformed(`${what}: unused bits are set`)
    if (octets.length > 8) throw malformed(`${what}: too many bits`)
    const bits: boolean[] = []
    for (const octet of octets)
      for (let bit = 7; bit >= 0; bit--) bits.push((octet >> bit) % 2 === 1)
    return bits
  }

  /** UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 has them, in milliseconds since the epoch. */
  time(what: string): number {
    const tag = this.tag
    if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) throw malformed(`${what}: no time`)
    return timeOf(this.next(what).rest(), tag === TAG.utcTime, what)
  }
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

export function isZero(bytes: Uint8Array, from = 0, to = bytes.length): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}

// longer ones are not in use, and the text would grow with the square of the length
const LONGEST_OID = 40

function oidText(bytes: Uint8Array, what: string): string {
  if (bytes.length === 0 || bytes.length > LONGEST_OID) throw malformed(`${what}: no identifier`)
  let text = ''
  let arc = 0
  let isFirst = true
  let isStart = true
  for (const byte of bytes) {
    if (isStart && byte === 0x80) throw malformed(`${what}: an identifier longer than needed`)
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 256) throw malformed(`${what}: an identifier out of bounds`)
    isStart = byte < 0x80
    if (!isStart) continue
    if (isFirst) {
      const top = Math.min(2, Math.floor(arc / 40))
      text = `${top}.${arc - top * 40}`
      isFirst = false
    } else text += `.${arc}`
    arc = 0
  }
  if (!isStart) throw malformed(`${what}: an identifier ends early`)
  return text
}

const ZERO = 0x30

function timeOf(text: Uint8Array, isUtc: boolean, what: string): number {
  const size = isUtc ? 12 : 14
  let isText = text.length === size + 1 && text[size] === 0x5a
  for (let i = 0; i < size; i++) {
    const digit = text[i] as number
    if (!(digit >= ZERO && digit <= ZERO + 9)) isText = false
  }
  if (!isText) throw malformed(`${what}: no time in UTC to the second`)
  const two = (at: number): number =>
    ((text[at] as number) - ZERO) * 10 + (text[at + 1] as number) - ZERO
  const [short, from] = [two(0), size - 10]
  const year = isUtc ? short + (short < 50 ? 2000 : 1900) : short * 100 + two(2)
  const [month, day, hour, minute, second] = [two(from), two(from + 2), two(from + 4), two(from + 6), two(from + 8)] // biome-ignore format: a row
  const time = new Date(0)
  time.setUTCFullYear(year, month - 1, day)
  const isDate = time.getUTCMonth() === month - 1 && time.getUTCDate() === day
  if (!isDate || hour > 23 || minute > 59 || second > 59) throw malformed(`${what}: no date`)
  return time.getTime() + ((hour * 60 + minute) * 60 + second) * 1000
}
