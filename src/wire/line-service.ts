// A peer on a pair of pipes: lines come in and go out, bounded in length, number and what is unread; what a line means is the peer's.
import type { Readable } from 'node:stream'
import { AppError } from '../base/errors.ts'
import { createLineWriter, type LineSink, type LineWriter } from './line-writer.ts'
import { createLineReader, idAtEnds } from './lines.ts'

export interface Pipes {
  readonly input: Readable
  readonly output: LineSink
}

/** Whoever understands the lines. */
export interface LinePeer {
  /** One line. Resolves when it needs no more work; never rejects. */
  take(bytes: Buffer): Promise<void>
  /** A line that could not be read. */
  refuse(fault: AppError, id: number | undefined): void
  /** What was unread has been read. */
  room?(): void
  /** Nothing the other side says is heard any more, though it may still listen. */
  silent?(): void
  /** Gives up what is still being worked on. */
  end(): void
}

export interface LineService {
  /** Resolves when the other side has closed its end, or takes nothing any more. */
  readonly over: Promise<void>
  /** Resolves when it takes nothing any more: nobody waits for an answer. */
  readonly gone: Promise<void>
  /** Reads no more. */
  stop(): void
  /** Resolves when everything that was read is done. */
  idle(): Promise<void>
  /** Gives up what is still being worked on. */
  end(): void
  /** Resolves when everything that was written has been taken. */
  flushed(): Promise<void>
}

/** Lines that are worked on at one time; more are read when some are done. */
const MAX_BUSY = 256
/** Whoever has this much unread gets no more notifications, and is read again when it has read. */
const MAX_UNREAD = 4 * 1024 * 1024

/** `limit`: most bytes of one line. */
export function serveLines(
  { input, output }: Pipes,
  limit: number,
  createPeer: (writer: LineWriter) => LinePeer,
): LineService {
  const over = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  // no more than one chunk of input: nothing is read while anything waits
  const waiting: Buffer[] = []
  let busy = 0
  let stopped = false
  let idlers: (() => void)[] = []

  const writer = createLineWriter({
    sink: output,
    limit: MAX_UNREAD,
    room() {
      peer.room?.()
      pump()
    },
    broke() {
      gone.resolve()
      over.resolve()
    },
  })
  const peer = createPeer(writer)
  const reader = createLineReader({
    limit,
    line: (bytes) => void waiting.push(bytes),
    oversize(head, tail) {
      const fault = new AppError('WIRE_TOO_LARGE', `a line is longer than ${limit} bytes`)
      peer.refuse(fault, idAtEnds(head, tail))
    },
  })

  function pump(): void {
    while (waiting.length > 0 && busy < MAX_BUSY && !writer.full) {
      busy++
      void peer.take(waiting.shift() as Buffer).then(() => {
        busy--
        pump()
      })
    }
    if (busy === 0 && waiting.length === 0) {
      for (const wake of idlers) wake()
      idlers = []
    }
    if (stopped) return
    if (waiting.length > 0 || busy >= MAX_BUSY || writer.full) input.pause()
    else input.resume()
  }

  function read(chunk: Buffer): void {
    if (stopped) return
    reader.push(chunk)
    pump()
  }

  function ended(): void {
    // a last message may come without a line end
    read(LINE_END)
    peer.silent?.()
    over.resolve()
  }

  input.on('data', read)
  input.once('end', ended)
  input.once('close', ended)
  input.on('error', () => over.resolve())

  return {
    over: over.promise,
    gone: gone.promise,
    stop() {
      stopped = true
      input.off('data', read).pause()
      peer.silent?.()
    },
    idle: () =>
      busy === 0 && waiting.length === 0
        ? Promise.resolve()
        : new Promise((resolve) => idlers.push(resolve)),
    end() {
      waiting.length = 0
      peer.end()
    },
    flushed: () => writer.flushed(),
  }
}

const LINE_END = Buffer.from('\n')
