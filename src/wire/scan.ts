// One bounded pass over a message's bytes: depth, duplicate and case-variant members, and where the members stand. It builds no values.
import { isUtf8 } from 'node:buffer'
import { AppError } from '../base/errors.ts'
import { foldName, type Place, variantOf } from './members.ts'

/** Byte offsets into the message, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface ScanLimits {
  readonly depth: number
}

export interface Scan {
  /** The top level is an array. */
  readonly batch: boolean
  /** Value spans of the envelope's members, by decoded name. */
  readonly members: ReadonlyMap<string, Span>
  /** Value spans of the direct members of `params`, `result` or `error`. */
  readonly inner: ReadonlyMap<string, Span>
  /** Value spans of the direct members of `_meta` in there. */
  readonly meta: ReadonlyMap<string, Span>
  /** An integer beyond 2^53 - 1 stands somewhere in it. */
  readonly unsafeNumber: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/** Linear search among the names of one object up to here, a set beyond. */
const FEW_NAMES = 24

/**
 * Throws WIRE_PARSE, WIRE_DUPLICATE_MEMBER, WIRE_CASE_VARIANT or WIRE_TOO_DEEP. It sees the structure exactly as JSON.parse does
 * whenever JSON.parse accepts the bytes; other syntax errors are left to JSON.parse.
 */
export function scan(bytes: Uint8Array, limits: ScanLimits): Scan {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isUtf8(buffer)) throw new AppError('WIRE_PARSE', 'the body is not UTF-8')
  return new Scanner(buffer, limits.depth).run()
}

/** One open object or array. */
interface Frame {
  readonly isObject: boolean
  readonly place: Place | undefined
  /** Where the spans of its members go; null when nobody asks. */
  readonly spans: Map<string, Span> | null
  names: string[] | null
  set: Set<string> | null
  folded: Set<string> | null
  name: string
  valueStart: number
}

class Scanner {
  readonly #bytes: Buffer
  readonly #depth: number
  readonly #stack: Frame[] = []
  readonly #members = new Map<string, Span>()
  readonly #inner = new Map<string, Span>()
  readonly #meta = new Map<string, Span>()
  #at = 0
  #unsafe = false

  constructor(bytes: Buffer, depth: number) {
    this.#bytes = bytes
    this.#depth = depth
  }

  run(): Scan {
    this.#space()
    const batch = this.#bytes[this.#at] === OPEN_ARRAY
    while (this.#value()) {
      // each turn reads one value, or opens one container
    }
    this.#space()
    if (this.#at !== this.#bytes.length) this.#fail('there is something after the message')
    return {
      batch,
      members: this.#members,
      inner: this.#inner,
      meta: this.#meta,
      unsafeNumber: this.#unsafe,
    }
  }

  /** Reads a value or opens a container. False when the whole message has been read. */
  #value(): boolean {
    this.#space()
    const parent = this.#stack.at(-1)
    if (parent) parent.valueStart = this.#at
    const byte = this.#bytes[this.#at]
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (this.#stack.length >= this.#depth)
        throw new AppError(
          'WIRE_TOO_DEEP',
          `the JSON is nested deeper than ${this.#depth} at byte ${this.#at}`,
        )
      this.#at++
      this.#stack.push(this.#frame(byte === OPEN_OBJECT, parent))
      this.#space()
      if (this.#bytes[this.#at] === (byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY))
        return this.#close()
      if (byte === OPEN_OBJECT) this.#key()
      return true
    }
    if (byte === QUOTE) this.#at = this.#endOfString(this.#at)
    else this.#literal()
    return this.#ended()
  }

  #frame(isObject: boolean, parent: Frame | undefined): Frame {
    const depth = this.#stack.length
    let place: Place | undefined
    let spans: Map<string, Span> | null = null
    if (isObject && depth === 0) {
      place = 'envelope'
      spans = this.#members
    } else if (
      isObject &&
      depth === 1 &&
      parent?.place === 'envelope' &&
      (parent.name === 'params' || parent.name === 'result' || parent.name === 'error')
    ) {
      place = parent.name
      spans = this.#inner
    } else if (
      isObject &&
      depth === 2 &&
      parent?.name === '_meta' &&
      (parent.place === 'params' || parent.place === 'result')
    ) {
      place = 'meta'
      spans = this.#meta
    }
    return { isObject, place, spans, names: null, set: null, folded: null, name: '', valueStart: 0 }
  }

  /** A value is complete: note where it stood, then take the comma or the closing bracket. */
  #ended(): boolean {
    for (;;) {
      const frame = this.#stack.at(-1)
      if (!frame) return false
      if (frame.spans !== null)
        frame.spans.set(frame.name, { start: frame.valueStart, end: this.#at })
      this.#space()
      const byte = this.#bytes[this.#at]
      if (byte === COMMA) {
        this.#at++
        if (frame.isObject) this.#key()
        return true
      }
      if (byte !== (frame.isObject ? CLOSE_OBJECT : CLOSE_ARRAY))
        this.#fail('a comma or a closing bracket is missing')
      this.#at++
      this.#stack.pop()
    }
  }

  #close(): boolean {
    this.#at++
    this.#stack.pop()
    return this.#ended()
  }

  #key(): void {
    this.#space()
    if (this.#bytes[this.#at] !== QUOTE) this.#fail('a member name is missing')
    const start = this.#at
    const end = this.#endOfString(start)
    this.#at = end
    const frame = this.#stack.at(-1) as Frame
    frame.name = this.#decode(start, end)
    this.#unique(frame, start)
    this.#space()
    if (this.#bytes[this.#at] !== COLON) this.#fail('a colon is missing')
    this.#at++
  }

  #decode(start: number, end: number): string {
    const inside = this.#bytes.subarray(start + 1, end - 1)
    const text = inside.length < 24 ? inside.toString('latin1') : inside.toString('utf8')
    if (inside.length < 24 && !ASCII.test(text))
      return this.#unescape(inside.toString('utf8'), start)
    return text.includes('\\') ? this.#unescape(text, start) : text
  }

  #unescape(text: string, start: number): string {
    if (!text.includes('\\')) return text
    try {
      return JSON.parse(`"${text}"`) as string
    } catch {
      return this.#fail('a member name is no JSON string', start)
    }
  }

  #unique(frame: Frame, at: number): void {
    const { name } = frame
    if (frame.set ? frame.set.has(name) : frame.names?.includes(name)) {
      throw new AppError(
        'WIRE_DUPLICATE_MEMBER',
        `an object has a member twice, the second time at byte ${at}`,
      )
    }
    if (frame.set) frame.set.add(name)
    else {
      frame.names ??= []
      frame.names.push(name)
      if (frame.names.length > FEW_NAMES) frame.set = new Set(frame.names)
    }
    if (frame.place !== undefined) this.#exact(frame, frame.place, at)
  }

  // a reader that ignores case must find the same members as one that does not
  #exact(frame: Frame, place: Place, at: number): void {
    const { name } = frame
    const folded = foldName(name)
    frame.folded ??= new Set()
    if (frame.folded.has(folded) || variantOf(place, name, folded)) {
      throw new AppError(
        'WIRE_CASE_VARIANT',
        `a member of the ${place} at byte ${at} differs from another one only in case`,
      )
    }
    frame.folded.add(folded)
  }

  /** The offset after the closing quote. */
  #endOfString(start: number): number {
    const bytes = this.#bytes
    const { length } = bytes
    let at = start + 1
    // most strings are short: a loop beats a call into the runtime there, and loses beyond
    for (const near = Math.min(length, at + 48); at < near; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) return at + 1
      if (byte === BACKSLASH) at++
    }
    if (at > length) this.#fail('a string does not end', start)
    for (;;) {
      const quote = bytes.indexOf(QUOTE, at)
      if (quote === -1) this.#fail('a string does not end', start)
      // an even number of backslashes before it: the quote is real
      let before = quote - 1
      while (before >= at && bytes[before] === BACKSLASH) before--
      if ((quote - 1 - before) % 2 === 0) return quote + 1
      at = quote + 1
    }
  }

  #literal(): void {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    let exponent = false
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte <= 0x20) break
      if (byte === QUOTE || byte === COLON || byte === OPEN_OBJECT || byte === OPEN_ARRAY)
        this.#fail('a value is no JSON', start)
      if (byte === 0x65 || byte === 0x45) exponent = true
    }
    if (at === start) this.#fail('a value is missing')
    this.#at = at
    const first = bytes[start] as number
    const isNumber = first === 0x2d || (first >= 0x30 && first <= 0x39)
    if (
      isNumber &&
      (exponent || at - start > 15) &&
      Math.abs(Number(bytes.toString('latin1', start, at))) > Number.MAX_SAFE_INTEGER
    )
      this.#unsafe = true
  }

  #space(): void {
    const bytes = this.#bytes
    let at = this.#at
    for (
      let byte = bytes[at];
      byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
      byte = bytes[at]
    )
      at++
    this.#at = at
  }

  #fail(what: string, at = this.#at): never {
    throw new AppError('WIRE_PARSE', `${what} at byte ${at}`)
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the class is exactly ASCII
const ASCII = /^[\x00-\x7f]*$/
