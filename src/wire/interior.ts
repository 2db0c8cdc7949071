// The inside of values whose members nobody records, as most of a large message is: where they end, and that they are JSON without a member twice.
import type { Buffer } from 'node:buffer'
import type { AppError, ErrorCode } from '../base/errors.ts'
import { unescapeName } from './members.ts'
import {
  BACKSLASH,
  CONTROL_CHARACTER,
  endOfDigits,
  endOfFraction,
  endOfString,
  LETTER_E,
  LOWER,
  MINUS,
  NINE,
  NO_ESCAPE,
  QUOTE,
  skipSpace,
  WORDS_FROM,
  ZERO,
} from './tokens.ts'
import { addToHash, UniqueNames } from './unique.ts'

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
const SPACE = 0x20

/** Digits of an integer that is certainly safe. */
const SAFE_DIGITS = 15
/** Digits that a double can hold in any case. */
const MOST_DIGITS = 300
/** Names of one object that are remembered as the shape of the next. */
const SHAPE_NAMES = 32

/** Makes the error; told how many containers of this value are open, outermost first. */
export type Fail = (code: ErrorCode, what: string, at: number, open: number) => AppError

/**
 * One object after the other in a list has the same members in the same order. So the names of the last object that ended on
 * a level are kept as its shape, and while a new one follows it, its names are known to differ: they are compared, not
 * hashed and looked up. That and the words of `endOfString` make it twice as fast on records.
 */
export class Interior {
  /** A number stands in it that JavaScript cannot hold. */
  unsafe = false
  /** A name in it is written with an escape. */
  escaped = false
  readonly #fail: Fail
  #bytes!: Buffer
  #words: DataView | undefined
  #last = 0
  #limit = 0
  #unique = new UniqueNames()
  // one entry per open container
  readonly #objects: boolean[] = []
  readonly #nameStarts: number[] = []
  /** How many names followed the shape; negative: the object has left it, and its names are in `unique`. */
  readonly #followed: number[] = []
  /** Three numbers a name: hash, start, end. */
  readonly #shapes: number[][] = []

  constructor(fail: Fail) {
    this.#fail = fail
  }

  start(bytes: Buffer, limit: number): void {
    this.unsafe = false
    this.escaped = false
    this.#bytes = bytes
    this.#limit = limit
    this.#last = bytes.length - 4
    this.#words =
      bytes.length < WORDS_FROM
        ? undefined
        : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#unique.start(bytes)
    for (const shape of this.#shapes) shape.length = 0
  }

  /** Holds on to nothing of a message, nor to room that a large one needed. */
  release(nothing: Buffer): void {
    this.#bytes = nothing
    this.#words = undefined
    if (this.#unique.isLarge) this.#unique = new UniqueNames()
    else this.#unique.start(nothing)
  }

  /** Where the current member's name begins, per open container; 0 in arrays. */
  nameStart(container: number): number {
    return this.#objects[container] ? (this.#nameStarts[container] as number) : 0
  }

  /** From the start of a value to its end. `outer` containers are open around it. */
  skip(start: number, outer: number): number {
    const bytes = this.#bytes
    let open = 0
    let at = start
    for (;;) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) at = this.#string(at, open)
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (outer + open >= this.#limit) {
          const what = `the message is nested deeper than ${this.#limit}`
          throw this.#fail('WIRE_TOO_DEEP', what, at, open)
        }
        at = skipSpace(bytes, at + 1)
        const isObject = byte === OPEN_OBJECT
        if (bytes[at] === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) at++
        else {
          this.#objects[open] = isObject
          this.#followed[open] = 0
          if (this.#shapes.length === open) this.#shapes.push([])
          open++
          if (isObject) at = this.#name(at, open)
          continue
        }
      } else at = this.#scalar(at, byte, open)
      // out of all containers that end here
      for (;;) {
        if (open === 0) return at
        if ((bytes[at] ?? 0) <= SPACE) at = skipSpace(bytes, at)
        const next = bytes[at]
        const isObject = this.#objects[open - 1] as boolean
        if (next === COMMA) {
          at = skipSpace(bytes, at + 1)
          if (isObject) at = this.#name(at, open)
          break
        }
        if (next !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY))
          throw this.#fail('WIRE_PARSE', 'a comma or a closing bracket is missing', at, open)
        if (isObject && (this.#followed[open - 1] as number) < 0) this.#keepShape(open - 1)
        at++
        open--
      }
    }
  }

  /** From the quote that opens a name to the start of its value. */
  #name(nameStart: number, open: number): number {
    const bytes = this.#bytes
    const container = open - 1
    this.#nameStarts[container] = nameStart
    let end = this.#follow(nameStart, container)
    if (end < 0) end = this.#newName(nameStart, container, open)
    let at = end + 1
    if (bytes[at] !== COLON) at = skipSpace(bytes, at)
    if (bytes[at] !== COLON) throw this.#fail('WIRE_PARSE', 'a colon is missing', at, open)
    at++
    return (bytes[at] ?? 0) <= SPACE ? skipSpace(bytes, at) : at
  }

  /** The closing quote of a name that is the next of the shape; negative if it is not, or the object has left the shape. */
  #follow(nameStart: number, container: number): number {
    const count = this.#followed[container] as number
    const shape = this.#shapes[container] as number[]
    if (count < 0 || count * 3 >= shape.length) return -1
    const bytes = this.#bytes
    let from = (shape[count * 3 + 1] as number) - 1
    const to = shape[count * 3 + 2] as number
    let at = nameStart
    // both quotes, and what stands between them
    for (; from <= to; from++, at++) if (bytes[from] !== bytes[at]) return -1
    this.#followed[container] = count + 1
    return at - 1
  }

  /** The closing quote of any other name: hashed, and looked up among those of its object. */
  #newName(nameStart: number, container: number, open: number): number {
    const bytes = this.#bytes
    if (bytes[nameStart] !== QUOTE)
      throw this.#fail('WIRE_PARSE', 'a member name is missing', nameStart, open)
    let end = nameStart + 1
    let hash = 0
    let escaped = false
    let byte = bytes[end]
    while (byte !== QUOTE) {
      if (byte === undefined || byte < SPACE)
        throw this.#fail('WIRE_PARSE', 'a member name does not end', end, open)
      if (byte === BACKSLASH) {
        escaped = true
        end++
      }
      hash = addToHash(hash, byte)
      byte = bytes[++end]
    }
    this.#leaveShape(container)
    if (escaped) this.escaped = true
    const text = escaped ? unescapeName(bytes.toString('utf8', nameStart + 1, end)) : undefined
    if (escaped && text === undefined) {
      const what = 'a member name is not one every reader reads alike'
      throw this.#fail('WIRE_PARSE', what, nameStart, open)
    }
    if (!this.#unique.add(nameStart + 1, end, hash, text))
      throw this.#fail('WIRE_DUPLICATE_MEMBER', 'an object has a member twice', nameStart, open)
    return end
  }

  /** The names that followed are among those to differ from. */
  #leaveShape(container: number): void {
    const count = this.#followed[container] as number
    if (count < 0) return
    this.#followed[container] = -1
    this.#unique.open()
    const shape = this.#shapes[container] as number[]
    for (let at = 0; at < count * 3; at += 3)
      this.#unique.add(
        shape[at + 1] as number,
        shape[at + 2] as number,
        shape[at] as number,
        undefined,
      )
  }

  #keepShape(container: number): void {
    this.#unique.copy(this.#shapes[container] as number[], SHAPE_NAMES)
    this.#unique.close()
  }

  #string(start: number, open: number): number {
    const end = endOfString(this.#bytes, start, this.#words, this.#last)
    if (end > 0) return end
    let what = 'a string does not end'
    if (end === CONTROL_CHARACTER) what = 'a string holds a control character'
    else if (end === NO_ESCAPE) what = 'a string holds an escape that is none'
    throw this.#fail('WIRE_PARSE', what, start, open)
  }

  #scalar(at: number, byte: number, open: number): number {
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number(at, open)
    const end = endOfLiteral(this.#bytes, at)
    if (end > 0) return end
    const { length } = this.#bytes
    let what = at < length ? 'a value is missing' : 'the message ends too early'
    if (at === 0 && byte === 0xef) what = 'the message begins with a byte order mark'
    throw this.#fail('WIRE_PARSE', what, at, open)
  }

  #number(start: number, open: number): number {
    const bytes = this.#bytes
    const digits = endOfDigits(bytes, start)
    const end = digits < 0 ? digits : endOfFraction(bytes, digits)
    if (end < 0) throw this.#fail('WIRE_PARSE', 'a number is malformed', start, open)
    // a fraction is rounded by everybody, but what overflows is no number any more
    if (end > digits)
      this.unsafe ||=
        canOverflow(bytes, start, digits, end) && !Number.isFinite(this.#valueOf(start, end))
    else if (end - start > SAFE_DIGITS)
      this.unsafe ||= !Number.isSafeInteger(this.#valueOf(start, end))
    return end
  }

  #valueOf(start: number, end: number): number {
    return Number(this.#bytes.toString('latin1', start, end))
  }
}

// without an exponent only hundreds of digits do
function canOverflow(bytes: Buffer, start: number, digits: number, end: number): boolean {
  if (digits - start > MOST_DIGITS) return true
  for (let at = digits; at < end; at++)
    if (((bytes[at] as number) | LOWER) === LETTER_E) return true
  return false
}

const LITERALS = ['true', 'false', 'null'].map((text) =>
  [...text].map((letter) => letter.charCodeAt(0)),
)

function endOfLiteral(bytes: Buffer, start: number): number {
  const byte = bytes[start]
  for (const literal of LITERALS) {
    if (literal[0] !== byte) continue
    for (let i = 1; i < literal.length; i++) if (bytes[start + i] !== literal[i]) return -1
    return start + literal.length
  }
  return -1
}
