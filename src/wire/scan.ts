// One pass over the bytes of a message: where its parts lie, and whether two readers could see two messages in it; it builds no values.
import { Buffer, isUtf8 } from 'node:buffer'
import { AppError, type ErrorCode } from '../base/errors.ts'
import { Interior } from './interior.ts'
import { MemberTable } from './member-table.ts'
import { foldName, isVariant, knownAt, type Place, unescapeName } from './members.ts'
import { BACKSLASH, QUOTE, skipSpace } from './tokens.ts'
import { addToHash } from './unique.ts'

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
  /** A member name somewhere in it is written with an escape. */
  readonly escapedName: boolean
}

/**
 * Refuses what two JSON readers could read differently: invalid UTF-8, a byte order mark, duplicate members in any
 * object (names compared after unescaping), names that hold a NUL or half a surrogate pair, and in the envelope, in
 * `params`, `result`, `error` and their `_meta` names that differ only in case from each other or from one MCP knows.
 *
 * What it does not refuse, `JSON.parse` accepts: parts of it can be parsed later, when somebody asks for them.
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
const COMMA = 0x2c
const COLON = 0x3a

// what an object is to us, if its members are recorded
const ENVELOPE = 0
const PARAMS = 1
const RESULT = 2
const ERROR = 3
const META = 4
const PLACES: readonly Place[] = ['envelope', 'params', 'result', 'error', 'meta']

/** Names in the path of an error, and bytes of each. */
const PATH_NAMES = 8
const PATH_BYTES = 64

/**
 * Walks the objects whose members are recorded, at most three inside one another, and leaves every other value to
 * `Interior`. Offsets go in and out of the methods as arguments and results: a field written for every token costs a third more.
 */
class Scanner {
  #bytes: Buffer = NOTHING
  #limit = 0
  #level = 0
  #escapedName = false
  #members = MemberTable.EMPTY
  #inner = MemberTable.EMPTY
  #meta = MemberTable.EMPTY
  readonly #interior = new Interior((code, what, at, open) => this.#fail(code, what, at, open))
  // one entry per open object; level 0 stands for the message as a whole
  readonly #kinds: number[] = [ENVELOPE]
  readonly #valueStarts: number[] = [0]
  readonly #nameStarts: number[] = [0]
  // the current member's name, the folds of unknown names
  readonly #names: string[] = ['']
  readonly #folds: (Set<string> | undefined)[] = [undefined]

  scan(bytes: Buffer, limit: number): Scan {
    this.#bytes = bytes
    this.#limit = limit
    this.#level = 0
    this.#escapedName = false
    this.#members = MemberTable.EMPTY
    this.#inner = MemberTable.EMPTY
    this.#meta = MemberTable.EMPTY
    this.#interior.start(bytes, limit)
    try {
      return this.#run(bytes)
    } finally {
      // nothing of a message is held on to
      this.#bytes = NOTHING
      this.#folds.fill(undefined)
      this.#interior.release(NOTHING)
    }
  }

  #run(bytes: Buffer): Scan {
    if (!isUtf8(bytes)) throw this.#fail('WIRE_PARSE', 'the message is not UTF-8', 0)
    let at = skipSpace(bytes, 0)
    const batch = bytes[at] === OPEN_ARRAY
    // one turn per value; of a recorded object that is not empty only its beginning
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
      unsafeNumber: this.#interior.unsafe,
      escapedName: this.#escapedName || this.#interior.escaped,
    }
  }

  /** From the start of a value to its end, or to the first value in it. */
  #value(at: number): number {
    const kind = this.#bytes[at] === OPEN_OBJECT ? this.#kindOfObject() : undefined
    return kind === undefined ? this.#interior.skip(at, this.#level) : this.#open(at, kind)
  }

  #kindOfObject(): number | undefined {
    if (this.#level === 0) return ENVELOPE
    const parent = this.#kinds[this.#level] as number
    const name = this.#names[this.#level]
    if (parent === ENVELOPE) {
      if (name === 'params') return PARAMS
      if (name === 'result') return RESULT
      return name === 'error' ? ERROR : undefined
    }
    return (parent === PARAMS || parent === RESULT) && name === '_meta' ? META : undefined
  }

  #open(start: number, kind: number): number {
    if (this.#level >= this.#limit)
      throw this.#fail('WIRE_TOO_DEEP', `the message is nested deeper than ${this.#limit}`, start)
    if (kind === ENVELOPE) this.#members = new MemberTable()
    else if (kind === META) this.#meta = new MemberTable()
    else this.#inner = new MemberTable()
    const at = skipSpace(this.#bytes, start + 1)
    if (this.#bytes[at] === CLOSE_OBJECT) return at + 1
    const level = ++this.#level
    this.#kinds[level] = kind
    this.#nameStarts[level] = 0
    this.#names[level] = ''
    this.#folds[level] = undefined
    return this.#memberName(at)
  }

  /** From the end of a value to the start of the next, out of all objects that end here; negative: there is none. */
  #afterValue(end: number): number {
    const bytes = this.#bytes
    let at = skipSpace(bytes, end)
    let valueEnd = end
    for (let level = this.#level; level > 0; level = this.#level) {
      this.#record(level, this.#kinds[level] as number, valueEnd)
      const byte = bytes[at]
      if (byte === COMMA) return this.#memberName(skipSpace(bytes, at + 1))
      if (byte !== CLOSE_OBJECT)
        throw this.#fail('WIRE_PARSE', 'a comma or a closing bracket is missing', at)
      valueEnd = at + 1
      at = skipSpace(bytes, valueEnd)
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
    this.#tableOf(kind).add({ name: this.#names[level] as string, nameStart, start, end })
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
      if (byte === undefined || byte < 0x20)
        throw this.#fail('WIRE_PARSE', 'a member name does not end', end)
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
    this.#recordedName(level, kind, nameStart + 1, end, hash, escaped)
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
    this.#escapedName = true
    const name = unescapeName(this.#bytes.toString('utf8', start, end))
    if (name !== undefined) return name
    throw this.#fail('WIRE_PARSE', 'a member name is not one every reader reads alike', start - 1)
  }

  #duplicate(at: number): AppError {
    return this.#fail('WIRE_DUPLICATE_MEMBER', 'an object has a member twice', at)
  }

  #fail(code: ErrorCode, what: string, at: number, interior = 0): AppError {
    const names: string[] = []
    const outer = this.#level
    const open = outer + interior
    for (let level = 1; level <= Math.min(open, PATH_NAMES); level++) {
      const start =
        level <= outer
          ? (this.#nameStarts[level] as number)
          : this.#interior.nameStart(level - outer - 1)
      names.push(start === 0 ? '[]' : this.#nameFrom(start + 1))
    }
    if (open > PATH_NAMES) names.push('...')
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
