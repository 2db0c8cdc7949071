// Newline framing of stdio messages, bounded and incremental; it does not look inside a line.
import { Buffer } from 'node:buffer'

export interface LineReader {
  push(chunk: Buffer): void
}

export interface LineReaderOptions {
  /** Most bytes of one line. */
  readonly limit: number
  /** One line without its line end; empty lines are left out. A view of the chunk where the line lies in one. */
  line(bytes: Buffer): void
  /** A line above the limit was left out: its first and last bytes as latin1, for whoever must find out whose it was. */
  oversize(head: string, tail: string): void
}

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
/** Bytes of a line above the limit that are kept from either end. */
const KEPT = 256
const NOTHING = Buffer.alloc(0)

export function createLineReader(options: LineReaderOptions): LineReader {
  return new Lines(options)
}

/** The bytes that send one message over stdio. */
export function frameLine(bytes: Uint8Array): Buffer {
  const length = bytes.byteLength
  const line = Buffer.allocUnsafe(length + 1)
  line.set(bytes)
  line[length] = NEWLINE
  // a newline between two tokens is legal JSON and would end the message early; inside strings it is always escaped
  for (let at = line.indexOf(NEWLINE); at < length; at = line.indexOf(NEWLINE, at)) line[at] = SPACE
  return line
}

const ENDS_WITH_ID = /"id"\s*:\s*(\d{1,15})\s*\}\s*$/
const STARTS_WITH_ID = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*[,}]/

/** The id of a message of which only the two ends are there, when it is a number and stands where senders put it. */
export function idAtEnds(head: string, tail: string): number | undefined {
  const digits = (ENDS_WITH_ID.exec(tail) ?? STARTS_WITH_ID.exec(head))?.[1]
  return digits === undefined ? undefined : Number(digits)
}

class Lines implements LineReader {
  readonly #options: LineReaderOptions
  // what has come of a line that spans chunks; grows by doubling, so many small chunks cost no more than one large one
  #held: Buffer = NOTHING
  #size = 0
  // of a line above the limit: its two ends
  #head: string | undefined
  #tail: Buffer = NOTHING

  constructor(options: LineReaderOptions) {
    this.#options = options
  }

  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#end(chunk.subarray(start, end))
      start = end + 1
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start))
  }

  #end(last: Buffer): void {
    if (this.#head === undefined && this.#size === 0 && last.length <= this.#options.limit) {
      this.#give(last)
      return
    }
    this.#hold(last)
    const head = this.#head
    const whole = this.#held.subarray(0, this.#size)
    const tail = this.#tail
    this.#held = NOTHING
    this.#size = 0
    this.#head = undefined
    this.#tail = NOTHING
    if (head === undefined) this.#give(whole)
    else this.#options.oversize(head, tail.toString('latin1'))
  }

  #give(whole: Buffer): void {
    const end = whole.length - (whole[whole.length - 1] === CARRIAGE_RETURN ? 1 : 0)
    if (end > 0) this.#options.line(whole.subarray(0, end))
  }

  #hold(piece: Buffer): void {
    if (this.#head !== undefined) {
      this.#head += piece.toString('latin1', 0, KEPT - this.#head.length)
      this.#tail = lastBytes(Buffer.concat([this.#tail, piece.subarray(-KEPT)]))
      return
    }
    const size = this.#size + piece.length
    if (size > this.#options.limit) {
      const held = this.#held.subarray(0, this.#size)
      this.#head = Buffer.concat([held.subarray(0, KEPT), piece.subarray(0, KEPT)]).toString(
        'latin1',
        0,
        KEPT,
      )
      this.#tail = lastBytes(Buffer.concat([held.subarray(-KEPT), piece.subarray(-KEPT)]))
      this.#held = NOTHING
      this.#size = 0
      return
    }
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, this.#held.length * 2))
      this.#held.copy(larger, 0, 0, this.#size)
      this.#held = larger
    }
    piece.copy(this.#held, this.#size)
    this.#size = size
  }
}

function lastBytes(bytes: Buffer): Buffer {
  return bytes.length > KEPT ? Buffer.from(bytes.subarray(-KEPT)) : bytes
}
