// Newline framing on the way out: whole lines in the order of their sending, and a bound on what the reader has not taken; it does not look inside a message.
import type { Buffer } from 'node:buffer'
import { frameLine } from './lines.ts'

/** Where bytes go; `done` once they have been taken, or cannot be any more. */
export interface LineSink {
  write(bytes: Buffer, done: (error?: Error | null) => void): void
}

export interface LineWriter {
  /** For what somebody waits for: never refused. Whoever makes such messages stops when `full`. */
  send(message: Uint8Array): void
  /** False, and nothing is sent, when the reader is too far behind. */
  offer(message: Uint8Array): boolean
  /** As much is unread as may be. */
  readonly full: boolean
  /** The reader has gone: what is sent is lost. */
  readonly broken: boolean
  /** Resolves when all that was sent has been taken, or the reader has gone. */
  flushed(): Promise<void>
}

export interface LineWriterOptions {
  readonly sink: LineSink
  /** Bytes that may be unread. */
  readonly limit: number
  /** It is no longer full. */
  room(): void
  /** The reader has gone; called once. */
  broke(): void
}

export function createLineWriter({ sink, limit, room, broke }: LineWriterOptions): LineWriter {
  let unread = 0
  let broken = false
  let waiting: (() => void)[] = []

  function taken(bytes: number, error: Error | null | undefined): void {
    const wasFull = unread >= limit
    unread -= bytes
    if (error && !broken) {
      broken = true
      broke()
    }
    if (wasFull && unread < limit) room()
    if (unread > 0 && !broken) return
    for (const wake of waiting) wake()
    waiting = []
  }

  function send(message: Uint8Array): void {
    if (broken) return
    const line = frameLine(message)
    unread += line.length
    sink.write(line, (error) => taken(line.length, error))
  }

  return {
    send,
    offer(message) {
      if (broken || unread >= limit) return false
      send(message)
      return true
    },
    get full() {
      return unread >= limit
    },
    get broken() {
      return broken
    },
    flushed: () =>
      unread === 0 || broken ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
  }
}
