// A response on its way through, chunk by chunk: its id replaced, its outline watched, its content not read; who may be spared reading it is decided elsewhere.
import { Buffer } from 'node:buffer'
import { AppError } from '../base/errors.ts'
import { foldName, isVariant, type Place, unescapeName } from './members.ts'
import { BACKSLASH, pastPlain, QUOTE, WORDS_FROM } from './tokens.ts'

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
/** Makes a bracket a brace, and nothing else one. */
const BRACE = 0x20
const COMMA = 0x2c
const COLON = 0x3a
const SPACE = 0x20

/** Names and ids are kept up to this length. */
const MOST_KEPT = 256

export interface SkimOptions {
  /** The id the response must have, as it is written. */
  readonly expected: string
  /** What the client is told instead, as JSON text. */
  readonly id: string
  readonly depth: number
}

/** What the response turns out to be, as soon as its outline tells. */
export type Outline = 'unknown' | 'result' | 'other'

/**
 * Only the members of the envelope and of `result` are looked at, before they are let through: names twice or in another
 * spelling are refused, and so are results that are not complete, because what they ask for passes points of its own.
 * Strings are only searched for their end, everything inside `result` for its brackets: about 1 ns a byte.
 */
export class Skim {
  readonly #options: SkimOptions
  outline: Outline = 'unknown'
  /** Nothing may come any more but white space. */
  #done = false
  #depth = 0
  #inString = false
  #escaped = false
  #inResult = false
  /** The next string at this depth is a name. */
  #nameNext = false
  readonly #seen: [envelope: Set<string>, result: Set<string>] = [new Set(), new Set()]
  /** The member whose value is coming, in the envelope or in the result. */
  #member = ''
  #kept: Buffer[] = []
  #keptBytes = 0
  #keeping: 'name' | 'value' | undefined
  #idSeen = false

  constructor(options: SkimOptions) {
    this.#options = options
  }

  /** The bytes to send on, in order. Throws UPSTREAM_PROTOCOL: what was sent so far cannot be completed. */
  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = []
    const words = chunk.length < WORDS_FROM ? undefined : viewOf(chunk)
    // what is kept is cut out of the chunk: names are sent on, the id is not
    let from = 0
    let keptFrom = this.#keeping === undefined ? -1 : 0
    let at = 0
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#string(chunk, at, words)
        if (!this.#inString && this.#keeping === 'name') {
          this.#keep(chunk.subarray(keptFrom, at - 1))
          keptFrom = -1
          this.#named()
        }
        continue
      }
      if (this.#depth > 2 && this.#keeping === undefined) {
        at = this.#inside(chunk, at, words)
        continue
      }
      const byte = chunk[at] as number
      if (this.#depth <= 2 && this.#keeping === 'value' && endsScalar(byte)) {
        this.#keep(chunk.subarray(keptFrom, at))
        keptFrom = -1
        const id = this.#valued()
        if (id !== undefined) {
          out.push(id)
          from = at
        }
      }
      this.#structure(byte)
      at++
      if (byte === QUOTE && this.#nameNext && this.#isOutline()) {
        this.#keeping = 'name'
        keptFrom = at
      } else if (byte === COLON && this.#keepsValue()) {
        this.#keeping = 'value'
        keptFrom = at
        if (this.#member === 'id' && this.#depth === 1) out.push(chunk.subarray(from, at))
      }
    }
    if (keptFrom >= 0) this.#keep(chunk.subarray(keptFrom))
    if (!this.#skipsId()) out.push(chunk.subarray(from))
    return out
  }

  /** Throws UPSTREAM_PROTOCOL when the response is not complete. */
  end(): void {
    if (!this.#done) throw wrong('ended too early')
    if (!this.#idSeen) throw wrong('has no id')
  }

  #skipsId(): boolean {
    return this.#keeping === 'value' && this.#member === 'id' && this.#depth === 1
  }

  /** To the end of the member of the result that is open, or of the chunk. */
  #inside(chunk: Buffer, start: number, words: DataView | undefined): number {
    const { length } = chunk
    let depth = this.#depth
    let at = start
    while (at < length && depth > 2) {
      const byte = chunk[at++] as number
      if (byte === QUOTE) {
        this.#inString = true
        at = this.#string(chunk, at, words)
        if (this.#inString) break
      } else if ((byte | BRACE) === OPEN_OBJECT) {
        if (++depth > this.#options.depth) throw wrong('is nested too deeply')
      } else if ((byte | BRACE) === CLOSE_OBJECT) depth--
    }
    this.#depth = depth
    return at
  }

  #string(chunk: Buffer, start: number, words: DataView | undefined): number {
    let at = start
    if (this.#escaped) {
      this.#escaped = false
      at++
    }
    const last = chunk.length - 4
    while (at < chunk.length) {
      if (words !== undefined) at = pastPlain(words, at, last)
      const byte = chunk[at++]
      if (byte === QUOTE) {
        this.#inString = false
        return at
      }
      if (byte === BACKSLASH && at++ === chunk.length) this.#escaped = true
    }
    return chunk.length
  }

  #structure(byte: number): void {
    if (this.#done && byte > SPACE) throw wrong('goes on after its end')
    switch (byte) {
      case QUOTE:
        this.#inString = true
        break
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        this.#open(byte === OPEN_OBJECT)
        break
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        this.#close()
        break
      case COMMA:
        if (this.#isOutline()) this.#nameNext = true
        break
      default:
        if (this.#depth === 0 && byte > SPACE) throw wrong('is not an object')
    }
  }

  #open(isObject: boolean): void {
    if (this.#depth === 0 && !isObject) throw wrong('is not an object')
    this.#depth++
    if (this.#depth > this.#options.depth) throw wrong('is nested too deeply')
    if (this.#depth === 1) this.#nameNext = true
    else if (this.#depth === 2) {
      this.#inResult = isObject && this.#member === 'result'
      this.#nameNext = this.#inResult
    }
  }

  #close(): void {
    this.#depth--
    if (this.#depth === 1) this.#inResult = false
    if (this.#depth < 0) throw wrong('closes what is not open')
    if (this.#depth === 0) this.#done = true
  }

  /** In the envelope, or directly in the result. */
  #isOutline(): boolean {
    return this.#depth === 1 || (this.#depth === 2 && this.#inResult)
  }

  #keepsValue(): boolean {
    if (this.#depth === 1) return this.#member === 'id'
    return this.#depth === 2 && this.#inResult && this.#member === 'resultType'
  }

  #keep(bytes: Buffer): void {
    this.#keptBytes += bytes.length
    // a longer name is none that we know; of ids and types only short ones are right
    if (this.#keptBytes > MOST_KEPT) throw wrong('has a name or id that is too long')
    this.#kept.push(bytes)
  }

  #take(): string {
    const text = Buffer.concat(this.#kept, this.#keptBytes).toString('utf8')
    this.#kept = []
    this.#keptBytes = 0
    this.#keeping = undefined
    return text
  }

  #named(): void {
    const text = this.#take()
    const name = text.includes('\\') ? unescapeName(text) : text
    if (name === undefined) throw wrong('has a name that not every reader reads alike')
    const place: Place = this.#depth === 1 ? 'envelope' : 'result'
    const seen = this.#seen[this.#depth === 1 ? 0 : 1]
    if (seen.has(name)) throw wrong('has a member twice')
    if (isVariant(place, name, foldName(name))) throw wrong('has a name in another spelling')
    seen.add(name)
    this.#member = name
    this.#nameNext = false
    if (place === 'result' && ASKS.has(name))
      throw wrong(`has ${name}, which cannot be passed on unread`)
    if (place === 'envelope' && this.outline === 'unknown') {
      if (name === 'result') this.outline = 'result'
      else if (name !== 'jsonrpc' && name !== 'id') this.outline = 'other'
    }
  }

  /** An id that has ended comes back as the one that takes its place, in the white space that was around it. */
  #valued(): Buffer | undefined {
    const { expected, id } = this.#options
    const written = this.#take()
    const text = written.trim()
    if (this.#depth === 1) {
      if (text !== expected) throw wrong('has another id')
      this.#idSeen = true
      return Buffer.from(written.replace(expected, () => id))
    }
    if (text !== '"complete"') throw wrong('is of a type that cannot be passed on unread')
    return undefined
  }
}

/** Members of results that ask the client for something, or stand for a task. */
const ASKS: ReadonlySet<string> = new Set(['inputRequests', 'requestState', 'task'])

function endsScalar(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT
}

function viewOf(chunk: Buffer): DataView {
  return new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

function wrong(what: string): AppError {
  return new AppError('UPSTREAM_PROTOCOL', `the response ${what}`)
}
