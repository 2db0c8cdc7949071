// Server-sent events: written one by one, read from any chunking, with a bound on one event (HTML standard, section 9.2).
import { createParser } from 'eventsource-parser'
import { AppError } from '../base/errors.ts'

export interface SseEvent {
  readonly data: string
  readonly id?: string | undefined
  readonly event?: string | undefined
}

export function encodeEvent({ data, id, event }: SseEvent): string {
  const head = `${id === undefined ? '' : `id: ${id}\n`}event: ${event ?? 'message'}\n`
  return `${head}${data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`
}

/** Seen by nobody; keeps a connection alive. */
export function encodeComment(text: string): string {
  return `: ${text.replace(/[\r\n]/g, ' ')}\n\n`
}

export interface SseDecoderOptions {
  /** Bytes of one event. */
  readonly limit: number
  event(event: SseEvent): void
  retry?(ms: number): void
  /** An event beyond the limit; thrown as UPSTREAM_TOO_LARGE when nobody wants to be told. */
  oversize?(): void
  /** An event beyond the limit; nothing more is read. Thrown as UPSTREAM_TOO_LARGE when nobody is told. */
  oversize?(): void
}

export interface SseDecoder {
  /** Throws UPSTREAM_TOO_LARGE. */
  push(chunk: Uint8Array): void
}

export function createSseDecoder(options: SseDecoderOptions): SseDecoder {
  const text = new TextDecoder()
  let pending = 0
  const parser = createParser({
    onEvent: (event) => {
      pending = 0
      options.event(event)
    },
    onRetry: (ms) => options.retry?.(ms),
    onComment: () => {
      pending = 0
    },
  })
  return {
    push(chunk) {
      // counted over what came since the last event: an event of exactly the limit may share its chunk with others
      for (let at = 0; at < chunk.length; at += SLICE) {
        const part = chunk.subarray(at, at + SLICE)
        pending += part.length
        if (pending > options.limit + SLICE && options.oversize) return options.oversize()
        if (pending > options.limit + SLICE)
          throw new AppError(
            'UPSTREAM_TOO_LARGE',
            `one event is larger than ${options.limit} bytes`,
          )
        parser.feed(text.decode(part, { stream: true }))
      }
    },
  }
}

const SLICE = 16 * 1024
