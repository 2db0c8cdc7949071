// Newline framing for stdio, with a bound on one line: a line that is too long is told of, never kept.

export interface LineReaderOptions {
  /** Bytes of one line. */
  readonly limit: number
  /** One line without its newline; empty lines are passed over. */
  line(bytes: Buffer): void
  /** A line that was too long: its first and last bytes, enough to tell whose it was. */
  oversize(head: string, tail: string): void
}

export interface LineReader {
  push(chunk: Uint8Array): void
}

const KEPT = 1024
const NEWLINE = 0x0a

export function createLineReader(options: LineReaderOptions): LineReader {
  let parts: Buffer[] = []
  let size = 0
  let head: string | undefined
  let tail = ''

  function add(piece: Buffer): void {
    size += piece.length
    if (head === undefined && size <= options.limit) {
      parts.push(piece)
      return
    }
    if (head === undefined) {
      head = Buffer.concat([...parts, piece.subarray(0, KEPT)]).toString('utf8', 0, KEPT)
      tail = Buffer.concat(parts).subarray(-KEPT).toString()
      parts = []
    }
    tail = (tail + piece.subarray(-KEPT).toString()).slice(-KEPT)
  }

  function end(): void {
    if (head !== undefined) options.oversize(head, tail)
    else if (size > 0) {
      const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, size)
      const bytes = line.at(-1) === 0x0d ? line.subarray(0, -1) : line
      if (bytes.length > 0) options.line(bytes)
    }
    parts = []
    size = 0
    head = undefined
    tail = ''
  }

  return {
    push(chunk) {
      const bytes = Buffer.isBuffer(chunk)
        ? chunk
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      let start = 0
      for (
        let newline = bytes.indexOf(NEWLINE);
        newline !== -1;
        newline = bytes.indexOf(NEWLINE, start)
      ) {
        if (newline > start) add(bytes.subarray(start, newline))
        end()
        start = newline + 1
      }
      if (start < bytes.length) add(bytes.subarray(start))
    },
  }
}
