// A client on stdin and stdout: lines come in and go out, bounded in length, number and what is unread; what a line means is the conversation's.
import type { Readable } from 'node:stream'
import { AppError } from '../../base/errors.ts'
import { createLineWriter, type LineSink } from '../../wire/line-writer.ts'
import { createLineReader, idAtEnds } from '../../wire/lines.ts'
import type { Room } from '../exchange.ts'
import { createConversation } from './conversation.ts'

export interface StdioPipes {
  readonly input: Readable
  readonly output: LineSink
}

export interface StdioConnection {
  /** Resolves when the client has closed its side, or takes nothing any more. */
  readonly over: Promise<void>
  /** Resolves when it takes nothing any more: nobody waits for an answer. */
  readonly gone: Promise<void>
  /** Reads no more. */
  stop(): void
  /** Resolves when everything that was read is answered. */
  idle(): Promise<void>
  /** Ends the session, and what is still being worked on. */
  end(): void
  /** Resolves when the client has taken everything. */
  flushed(): Promise<void>
}

/** Requests of one client that are worked on at one time; more are read when some are done. */
const MAX_BUSY = 256
/** A client that has this much unread gets no more notifications, and is read again when it has read. */
const MAX_UNREAD = 4 * 1024 * 1024

export function serveStdio(room: Room, { input, output }: StdioPipes): StdioConnection {
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
    room: () => pump(),
    broke() {
      gone.resolve()
      over.resolve()
    },
  })
  const conversation = createConversation(room, writer)
  const { body } = room.current().limits
  const reader = createLineReader({
    limit: body,
    line: (bytes) => void waiting.push(bytes),
    oversize(head, tail) {
      const fault = new AppError('WIRE_TOO_LARGE', `a line is longer than ${body} bytes`)
      conversation.refuse(fault, idAtEnds(head, tail))
    },
  })

  function pump(): void {
    while (waiting.length > 0 && busy < MAX_BUSY && !writer.full) {
      busy++
      void conversation.take(waiting.shift() as Buffer).then(() => {
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
    },
    idle: () =>
      busy === 0 && waiting.length === 0
        ? Promise.resolve()
        : new Promise((resolve) => idlers.push(resolve)),
    end() {
      waiting.length = 0
      conversation.end()
    },
    flushed: () => writer.flushed(),
  }
}

const LINE_END = Buffer.from('\n')
