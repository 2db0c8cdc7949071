// One pass over the bytes of a message: where its parts lie, and whether two readers could see two messages in it; it builds no values.
import { Buffer, isUtf8 } from 'node:buffer'
import { AppError, type ErrorCode } from '../base/errors.ts'
import { foldName, isKnown, isVariant, type Place, unescapeName } from './members.ts'

/** Byte offsets into the message, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A member of an object: the span is its value's. */
export interface Member extends Span {
  /** Offset of the quote that opens the name. */
  readonly nameStart: number
}

export interface ScanLimits {
  /** Most objects and arrays inside one another, the message itself counted. */
  readonly depth: number
}

export interface Scan {
  /** The top level is an array. */
  readonly batch: boolean
  /** Values of the envelope's members, by decoded name, in order. */
  readonly members: ReadonlyMap<string, Member>
  /** Values of the direct members of `params`, `result` or `error`; of the last of them should there be several. */
  readonly inner: ReadonlyMap<string, Member>
  /** Values of the direct members of `_meta` in there. */
  readonly meta: ReadonlyMap<string, Member>
  /** A number stands somewhere in it that JavaScript cannot hold: an integer beyond 2^53 - 1, or one that overflows. */
  readonly unsafeNumber: boolean
}

/**
 * Refuses what two JSON readers could read differently: invalid UTF-8, a byte order mark, duplicate members in any
 * object (names compared after unescaping), names that hold a NUL or half a surrogate pair, and in the envelope, in
 * `params`, `result`, `error` and their `_meta` names that differ only in case from each other or from one MCP knows.
 *
 * It sees the structure as `JSON.parse` does whenever `JSON.parse` accepts the bytes; the inside of strings, numbers and
 * literals is left to it (`readMessage` does both).
 * Throws WIRE_PARSE, WIRE_DUPLICATE_MEMBER, WIRE_CASE_VARIANT, WIRE_TOO_DEEP; messages tell offset and path, never a value.
 */
export function scan(bytes: Uint8Array, limits: ScanLimits): Scan {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return new Scanner(buffer, limits.depth).run()
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const SPACE = 0x20

// what a container is to us; from ENVELOPE on its members are recorded
const ARRAY = 0
const PLAIN = 1
const ENVELOPE = 2
const PARAMS = 3
const RESULT = 4
const ERROR = 5
const META = 6
const PLACES: readonly (Place | undefined)[] = [
  undefined,
  undefined,
  'envelope',
  'params',
  'result',
  'error',
  'meta',
]

/** Objects with up to this many members are searched one by one; beyond it a set is faster, and safe from crafted hashes. */
const FEW_MEMBERS = 12
/** A string is walked this far byte by byte before a call of the native search pays. */
const NEAR = 48
/** Names in the path of an error, and bytes of each. */
const PATH_NAMES = 8
const PATH_BYTES = 64

class Scanner {
  readonly #bytes: Buffer
  readonly #limit: number
  #at = 0
  #level = 0
  #unsafe = false
  readonly #members = new Map<string, Member>()
  #inner = new Map<string, Member>()
  #meta = new Map<string, Member>()
  // one entry per open container; level 0 stands for the message as a whole
  readonly #kinds: number[] = [ARRAY]
  readonly #valueStarts: number[] = [0]
  readonly #nameStarts: number[] = [-1]
  readonly #nameEnds: number[] = [-1]
  // of recorded containers: the current member's name, the folds of unknown names
  readonly #names: string[] = ['']
  readonly #folds: (Set<string> | undefined)[] = [undefined]
  // of plain objects: hash, start and end of each name from `bases[level]` on, until there are too many
  readonly #hashes: number[] = []
  readonly #bases: number[] = [0]
  readonly #sets: (Set<string> | undefined)[] = [undefined]
  #top = 0

  constructor(bytes: Buffer, limit: number) {
    this.#bytes = bytes
    this.#limit = limit
  }

  run(): Scan {
    if (!isUtf8(this.#bytes)) throw this.#fail('WIRE_PARSE', 'the message is not UTF-8')
    this.#skipSpace()
    const batch = this.#bytes[this.#at] === OPEN_ARRAY
    while (this.#begin() || !this.#end()) {
      // one turn per value: of a container only its beginning
    }
    if (this.#at < this.#bytes.length)
      throw this.#fail('WIRE_PARSE', 'there is something after the message')
    return {
      batch,
      members: this.#members,
      inner: this.#inner,
      meta: this.#meta,
      unsafeNumber: this.#unsafe,
    }
  }

  /** At the start of a value. True: it is a container, and its first value starts here. */
  #begin(): boolean {
    const at = this.#at
    this.#valueStarts[this.#level] = at
    const byte = this.#bytes[at] ?? 0
    if (byte === QUOTE) this.#at = this.#endOfString(at)
    else if (byte === OPEN_OBJECT) return this.#open(this.#kindOfObject(), CLOSE_OBJECT)
    else if (byte === OPEN_ARRAY) return this.#open(ARRAY, CLOSE_ARRAY)
    else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) this.#number(at)
    else this.#literal(at)
    return false
  }

  #kindOfObject(): number {
    if (this.#level === 0) return ENVELOPE
    const parent = this.#kinds[this.#level] as number
    if (parent < ENVELOPE) return PLAIN
    const name = this.#names[this.#level]
    if (parent === ENVELOPE) {
      if (name === 'params') return PARAMS
      if (name === 'result') return RESULT
      if (name === 'error') return ERROR
    } else if ((parent === PARAMS || parent === RESULT) && name === '_meta') return META
    return PLAIN
  }

  #open(kind: number, close: number): boolean {
    if (this.#level >= this.#limit)
      throw this.#fail('WIRE_TOO_DEEP', `the message is nested deeper than ${this.#limit}`)
    this.#at++
    this.#skipSpace()
    if (kind === PARAMS || kind === RESULT || kind === ERROR) this.#inner = new Map()
    else if (kind === META) this.#meta = new Map()
    if (this.#bytes[this.#at] === close) {
      this.#at++
      return false
    }
    const level = ++this.#level
    this.#kinds[level] = kind
    this.#nameStarts[level] = -1
    this.#nameEnds[level] = -1
    this.#names[level] = ''
    this.#folds[level] = undefined
    this.#bases[level] = this.#top
    this.#sets[level] = undefined
    if (kind !== ARRAY) this.#memberName()
    return true
  }

  /** After a value. False: another one starts here; true: the message is over. */
  #end(): boolean {
    for (;;) {
      const level = this.#level
      const kind = this.#kinds[level] as number
      if (kind >= ENVELOPE) this.#record(level, kind)
      this.#skipSpace()
      if (level === 0) return true
      const byte = this.#bytes[this.#at]
      if (byte === COMMA) {
        this.#at++
        this.#skipSpace()
        if (kind !== ARRAY) this.#memberName()
        return false
      }
      if (byte !== (kind === ARRAY ? CLOSE_ARRAY : CLOSE_OBJECT))
        throw this.#fail('WIRE_PARSE', 'a comma or a closing bracket is missing')
      this.#at++
      this.#top = this.#bases[level] as number
      this.#level = level - 1
    }
  }

  #mapOf(kind: number): Map<string, Member> {
    return kind === ENVELOPE ? this.#members : kind === META ? this.#meta : this.#inner
  }

  #record(level: number, kind: number): void {
    this.#mapOf(kind).set(this.#names[level] as string, {
      nameStart: (this.#nameStarts[level] as number) - 1,
      start: this.#valueStarts[level] as number,
      end: this.#at,
    })
  }

  #memberName(): void {
    const bytes = this.#bytes
    if (bytes[this.#at] !== QUOTE) throw this.#fail('WIRE_PARSE', 'a member name is missing')
    const start = this.#at + 1
    let end = start
    let hash = 0
    let escaped = false
    let byte = bytes[end]
    while (byte !== QUOTE && byte !== undefined) {
      if (byte === BACKSLASH) {
        escaped = true
        end++
      }
      hash = (Math.imul(hash, 31) + byte) | 0
      byte = bytes[++end]
    }
    if (end >= bytes.length) throw this.#fail('WIRE_PARSE', 'a member name does not end')
    const level = this.#level
    this.#nameStarts[level] = start
    this.#nameEnds[level] = end
    if ((this.#kinds[level] as number) >= ENVELOPE) this.#recordedName(level, start, end, escaped)
    else this.#plainName(level, start, end, escaped, hash)
    this.#at = end + 1
    this.#skipSpace()
    if (bytes[this.#at] !== COLON) throw this.#fail('WIRE_PARSE', 'a colon is missing')
    this.#at++
    this.#skipSpace()
  }

  #recordedName(level: number, start: number, end: number, escaped: boolean): void {
    const name = this.#decode(start, end, escaped)
    const kind = this.#kinds[level] as number
    if (this.#mapOf(kind).has(name)) throw this.#duplicate()
    this.#names[level] = name
    const place = PLACES[kind] as Place
    if (isKnown(place, name)) return
    const folded = foldName(name)
    this.#folds[level] ??= new Set()
    const folds = this.#folds[level]
    if (isVariant(place, folded) || folds.has(folded))
      throw this.#fail('WIRE_CASE_VARIANT', 'a member name differs from another only in case')
    folds.add(folded)
  }

  #plainName(level: number, start: number, end: number, escaped: boolean, hash: number): void {
    const hashes = this.#hashes
    const base = this.#bases[level] as number
    const few = this.#sets[level] === undefined && this.#top - base < FEW_MEMBERS * 3
    if (escaped || !few) {
      const names = this.#setOf(level, base)
      const name = this.#decode(start, end, escaped)
      if (names.has(name)) throw this.#duplicate()
      names.add(name)
      return
    }
    for (let at = base; at < this.#top; at += 3)
      if (hashes[at] === hash && this.#isSame(at, start, end)) throw this.#duplicate()
    hashes[this.#top] = hash
    hashes[this.#top + 1] = start
    hashes[this.#top + 2] = end
    this.#top += 3
  }

  #isSame(at: number, start: number, end: number): boolean {
    const otherStart = this.#hashes[at + 1] as number
    const otherEnd = this.#hashes[at + 2] as number
    if (otherEnd - otherStart !== end - start) return false
    return this.#bytes.compare(this.#bytes, otherStart, otherEnd, start, end) === 0
  }

  #setOf(level: number, base: number): Set<string> {
    const there = this.#sets[level]
    if (there) return there
    const names = new Set<string>()
    for (let at = base; at < this.#top; at += 3)
      names.add(this.#bytes.toString('utf8', this.#hashes[at + 1], this.#hashes[at + 2]))
    this.#sets[level] = names
    return names
  }

  #decode(start: number, end: number, escaped: boolean): string {
    const text = this.#bytes.toString('utf8', start, end)
    if (!escaped) return text
    const name = unescapeName(text)
    if (name === undefined)
      throw this.#fail('WIRE_PARSE', 'a member name is not one every reader reads alike')
    return name
  }

  /** The offset after the closing quote: near by byte, far by native search, both in turn where there are many escapes. */
  #endOfString(start: number): number {
    const bytes = this.#bytes
    const { length } = bytes
    let at = start + 1
    while (at < length) {
      for (const near = Math.min(at + NEAR, length); at < near; at++) {
        const byte = bytes[at]
        if (byte === QUOTE) return at + 1
        if (byte === BACKSLASH) at++
      }
      const quote = bytes.indexOf(QUOTE, at)
      if (quote < 0) break
      // behind an odd number of backslashes it is text
      let slash = quote
      while (slash > at && bytes[slash - 1] === BACKSLASH) slash--
      if (((quote - slash) & 1) === 0) return quote + 1
      at = quote + 1
    }
    throw this.#fail('WIRE_PARSE', 'a string does not end')
  }

  #number(start: number): void {
    const bytes = this.#bytes
    let at = bytes[start] === MINUS ? start + 1 : start
    let value = 0
    for (
      let byte = bytes[at] ?? 0;
      byte >= ZERO && byte <= NINE;
      byte = bytes[++at] ?? 0 // sums of digits are exact up to 2^53 and only grow beyond it
    )
      value = value * 10 + (byte - ZERO)
    const digits = at
    while (isNumberByte(bytes[at] ?? 0)) at++
    this.#at = at
    if (at > digits) value = Number(bytes.toString('latin1', start, at))
    if (at > digits ? Math.abs(value) === Number.POSITIVE_INFINITY : value > LARGEST)
      this.#unsafe = true
  }

  #literal(start: number): void {
    const bytes = this.#bytes
    let at = start
    for (let byte = bytes[at] ?? 0; byte >= 0x61 && byte <= 0x7a; ) byte = bytes[++at] ?? 0
    if (at === start) throw this.#fail('WIRE_PARSE', this.#noValue())
    this.#at = at
  }

  #noValue(): string {
    if (this.#at >= this.#bytes.length) return 'the message ends too early'
    return this.#at === 0 && this.#bytes[0] === 0xef
      ? 'the message begins with a byte order mark'
      : 'a value is missing'
  }

  #skipSpace(): void {
    const bytes = this.#bytes
    let at = this.#at
    let byte = bytes[at] ?? 0x21
    while (byte <= SPACE && (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09))
      byte = bytes[++at] ?? 0x21
    this.#at = at
  }

  #duplicate(): AppError {
    return this.#fail('WIRE_DUPLICATE_MEMBER', 'an object has a member twice')
  }

  #fail(code: ErrorCode, what: string): AppError {
    const names: string[] = []
    for (let level = 1; level <= Math.min(this.#level, PATH_NAMES); level++) {
      const start = this.#nameStarts[level] as number
      const end = Math.min(this.#nameEnds[level] as number, start + PATH_BYTES)
      names.push(start < 0 ? '[]' : this.#bytes.toString('utf8', start, end))
    }
    if (this.#level > PATH_NAMES) names.push('...')
    const where = names.length > 0 ? ` in ${names.join('.')}` : ''
    return new AppError(code, `${what}, at byte ${this.#at}${where}`)
  }
}

const LARGEST = Number.MAX_SAFE_INTEGER

// what may follow the first digits; that it is well formed is JSON.parse's affair
function isNumberByte(byte: number): boolean {
  if (byte < 0x2b) return false
  return (
    byte === 0x2e ||
    byte === 0x2b ||
    byte === MINUS ||
    (byte | 0x20) === 0x65 ||
    (byte >= ZERO && byte <= NINE)
  )
}
