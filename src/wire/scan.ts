// One pass over the bytes of a message: where its parts lie, and whether two readers could see two messages in it; it builds no values.
// Over 300 lines because it is one loop over bytes: its parts share the position and mean nothing apart.
import { Buffer, isUtf8 } from 'node:buffer'
import { AppError, type ErrorCode } from '../base/errors.ts'
import { MemberTable } from './member-table.ts'
import { foldName, isVariant, knownAt, type Place, unescapeName } from './members.ts'
import {
  BACKSLASH,
  EXPONENT,
  endOfString,
  isNumberByte,
  MINUS,
  NINE,
  QUOTE,
  skipSpace,
  ZERO,
} from './tokens.ts'
import { addToHash, UniqueNames } from './unique.ts'

export type { Member, Span } from './member-table.ts'

export interface ScanLimits {
  /** Most objects and arrays inside one another, the message itself counted. */
  readonly depth: number
}

export interface Scan {
  /** The top level is an array. */
  readonly batch: boolean
  /** Values of the envelope's members, by decoded name, in order. */
  readonly members: MemberTable
  /** Values of the direct members of `params`, `result` or `error`; of the last of them should there be several. */
  readonly inner: MemberTable
  /** Values of the direct members of `_meta` in there. */
  readonly meta: MemberTable
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
  return SCRATCH.scan(buffer, limits.depth)
}

const NOTHING = Buffer.alloc(0)
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

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

/** Names in the path of an error, and bytes of each. */
const PATH_NAMES = 8
const PATH_BYTES = 64

/**
 * One machine in one place, for its parts share a stack. Offsets go in and out of the methods as arguments and results: a
 * field written for every token costs a third more.
 */
class Scanner {
  #bytes: Buffer = NOTHING
  #limit = 0
  #unique = new UniqueNames()
  #level = 0
  #unsafe = false
  #members = MemberTable.EMPTY
  #inner = MemberTable.EMPTY
  #meta = MemberTable.EMPTY
  // one entry per open container; level 0 stands for the message as a whole
  readonly #kinds: number[] = [ARRAY]
  readonly #valueStarts: number[] = [0]
  readonly #nameStarts: number[] = [0]
  // of recorded containers: the current member's name, the folds of unknown names
  readonly #names: string[] = ['']
  readonly #folds: (Set<string> | undefined)[] = [undefined]

  scan(bytes: Buffer, limit: number): Scan {
    this.#bytes = bytes
    this.#limit = limit
    this.#unique.start(bytes)
    this.#level = 0
    this.#unsafe = false
    this.#members = MemberTable.EMPTY
    this.#inner = MemberTable.EMPTY
    this.#meta = MemberTable.EMPTY
    try {
      return this.#run(bytes)
    } finally {
      this.#release()
    }
  }

  // nothing of a message is held on to, and no room that a large one needed
  #release(): void {
    this.#bytes = NOTHING
    this.#folds.fill(undefined)
    if (this.#unique.isLarge) this.#unique = new UniqueNames()
    else this.#unique.start(NOTHING)
  }

  #run(bytes: Buffer): Scan {
    if (!isUtf8(bytes)) throw this.#fail('WIRE_PARSE', 'the message is not UTF-8', 0)
    let at = skipSpace(bytes, 0)
    const batch = bytes[at] === OPEN_ARRAY
    // one turn per value; of a container that is not empty only its beginning
    while (at >= 0) {
      const level = this.#level
      this.#valueStarts[level] = at
      at = this.#value(at)
      if (this.#level === level) at = this.#afterValue(at)
    }
    return {
      batch,
      members: this.#members,
      inner: this.#inner,
      meta: this.#meta,
      unsafeNumber: this.#unsafe,
    }
  }

  /** From the start of a value to its end, or to the first value in it. */
  #value(at: number): number {
    const byte = this.#bytes[at] ?? 0
    if (byte === QUOTE) return this.#string(at)
    if (byte === OPEN_OBJECT) return this.#open(at, this.#kindOfObject(), CLOSE_OBJECT)
    if (byte === OPEN_ARRAY) return this.#open(at, ARRAY, CLOSE_ARRAY)
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#endOfNumber(at)
    return this.#endOfLiteral(at)
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

  #open(start: number, kind: number, close: number): number {
    if (this.#level >= this.#limit)
      throw this.#fail('WIRE_TOO_DEEP', `the message is nested deeper than ${this.#limit}`, start)
    if (kind === ENVELOPE) this.#members = new MemberTable()
    else if (kind === PARAMS || kind === RESULT || kind === ERROR) this.#inner = new MemberTable()
    else if (kind === META) this.#meta = new MemberTable()
    const at = skipSpace(this.#bytes, start + 1)
    if (this.#bytes[at] === close) return at + 1
    const level = ++this.#level
    this.#kinds[level] = kind
    this.#nameStarts[level] = 0
    if (kind === ARRAY) return at
    if (kind === PLAIN) this.#unique.open()
    else {
      this.#names[level] = ''
      this.#folds[level] = undefined
    }
    return this.#memberName(at)
  }

  /** From the end of a value to the start of the next, out of all containers that end here; negative: there is none. */
  #afterValue(end: number): number {
    const bytes = this.#bytes
    let at = end
    for (;;) {
      const level = this.#level
      const kind = this.#kinds[level] as number
      if (kind >= ENVELOPE) this.#record(level, kind, at)
      at = skipSpace(bytes, at)
      if (level === 0) break
      const byte = bytes[at]
      if (byte === COMMA) {
        at = skipSpace(bytes, at + 1)
        return kind === ARRAY ? at : this.#memberName(at)
      }
      if (byte !== (kind === ARRAY ? CLOSE_ARRAY : CLOSE_OBJECT))
        throw this.#fail('WIRE_PARSE', 'a comma or a closing bracket is missing', at)
      at++
      if (kind === PLAIN) this.#unique.close()
      this.#level = level - 1
    }
    if (at < bytes.length)
      throw this.#fail('WIRE_PARSE', 'there is something after the message', at)
    return -1
  }

  #tableOf(kind: number): MemberTable {
    return kind === ENVELOPE ? this.#members : kind === META ? this.#meta : this.#inner
  }

  #record(level: number, kind: number, end: number): void {
    const nameStart = this.#nameStarts[level] as number
    const start = this.#valueStarts[level] as number
    this.#tableOf(kind).add(this.#names[level] as string, { nameStart, start, end })
  }

  /** From the quote that opens a name to the start of the value. */
  #memberName(nameStart: number): number {
    const bytes = this.#bytes
    if (bytes[nameStart] !== QUOTE)
      throw this.#fail('WIRE_PARSE', 'a member name is missing', nameStart)
    let end = nameStart + 1
    let hash = 0
    let escaped = false
    let byte = bytes[end]
    while (byte !== QUOTE) {
      if (byte === undefined) throw this.#fail('WIRE_PARSE', 'a member name does not end', end)
      if (byte === BACKSLASH) {
        escaped = true
        end++
      }
      hash = addToHash(hash, byte)
      byte = bytes[++end]
    }
    const level = this.#level
    this.#nameStarts[level] = nameStart
    const kind = this.#kinds[level] as number
    if (kind >= ENVELOPE) this.#recordedName(level, kind, nameStart + 1, end, hash, escaped)
    else {
      const text = escaped ? this.#unescape(nameStart + 1, end) : undefined
      if (!this.#unique.add(nameStart + 1, end, hash, text)) throw this.#duplicate(nameStart)
    }
    const at = skipSpace(bytes, end + 1)
    if (bytes[at] !== COLON) throw this.#fail('WIRE_PARSE', 'a colon is missing', at)
    return skipSpace(bytes, at + 1)
  }

  #recordedName(
    level: number,
    kind: number,
    start: number,
    end: number,
    hash: number,
    escaped: boolean,
  ): void {
    const place = PLACES[kind] as Place
    const known = escaped ? undefined : knownAt(place, this.#bytes, start, end, hash)
    const name =
      known ?? (escaped ? this.#unescape(start, end) : this.#bytes.toString('utf8', start, end))
    if (this.#tableOf(kind).has(name)) throw this.#duplicate(start - 1)
    this.#names[level] = name
    if (known === undefined) this.#unlike(level, place, name, start - 1)
  }

  #unlike(level: number, place: Place, name: string, at: number): void {
    const folded = foldName(name)
    const folds = this.#folds[level] ?? new Set()
    this.#folds[level] = folds
    if (isVariant(place, name, folded) || folds.has(folded))
      throw this.#fail('WIRE_CASE_VARIANT', 'a member name differs from another only in case', at)
    folds.add(folded)
  }

  #unescape(start: number, end: number): string {
    const name = unescapeName(this.#bytes.toString('utf8', start, end))
    if (name !== undefined) return name
    throw this.#fail('WIRE_PARSE', 'a member name is not one every reader reads alike', start - 1)
  }

  #string(start: number): number {
    const end = endOfString(this.#bytes, start)
    if (end < 0) throw this.#fail('WIRE_PARSE', 'a string does not end', start)
    return end
  }

  #endOfNumber(start: number): number {
    const bytes = this.#bytes
    let at = bytes[start] === MINUS ? start + 1 : start
    let value = 0
    let byte = bytes[at] ?? 0
    // sums of digits are exact up to 2^53 and only grow beyond it
    while (byte >= ZERO && byte <= NINE) {
      value = value * 10 + (byte - ZERO)
      byte = bytes[++at] ?? 0
    }
    if (!isNumberByte(byte)) {
      if (value > Number.MAX_SAFE_INTEGER) this.#unsafe = true
      return at
    }
    for (; isNumberByte(byte); byte = bytes[++at] ?? 0)
      if ((byte | 0x20) === EXPONENT) value = Number.POSITIVE_INFINITY
    // a fraction is rounded by everybody, but what overflows is no number any more
    if (value === Number.POSITIVE_INFINITY)
      this.#unsafe ||= !Number.isFinite(Number(bytes.toString('latin1', start, at)))
    return at
  }

  #endOfLiteral(start: number): number {
    const bytes = this.#bytes
    let at = start
    let byte = bytes[at] ?? 0
    while (byte >= 0x61 && byte <= 0x7a) byte = bytes[++at] ?? 0
    if (at > start) return at
    let what = start < bytes.length ? 'a value is missing' : 'the message ends too early'
    if (start === 0 && byte === 0xef) what = 'the message begins with a byte order mark'
    throw this.#fail('WIRE_PARSE', what, start)
  }

  #duplicate(at: number): AppError {
    return this.#fail('WIRE_DUPLICATE_MEMBER', 'an object has a member twice', at)
  }

  #fail(code: ErrorCode, what: string, at: number): AppError {
    const names: string[] = []
    for (let level = 1; level <= Math.min(this.#level, PATH_NAMES); level++) {
      const start = this.#nameStarts[level] as number
      names.push(start === 0 ? '[]' : this.#nameFrom(start + 1))
    }
    if (this.#level > PATH_NAMES) names.push('...')
    const where = names.length > 0 ? ` in ${names.join('.')}` : ''
    return new AppError(code, `${what}, at byte ${at}${where}`)
  }

  #nameFrom(start: number): string {
    const text = this.#bytes.toString('utf8', start, start + PATH_BYTES)
    return text.slice(0, text.search(/(?<!\\)(?:\\\\)*"|$/))
  }
}

/** Room for one scan after the other, not state: a scan is synchronous, calls nobody, and begins anew. Its stacks were half of what a call allocated here. */
const SCRATCH = new Scanner()
