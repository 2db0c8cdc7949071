// Server-sent events as bytes, both ways, with a bound on one event; whose stream it is and what is in it is decided elsewhere.
import { Buffer } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'
import { createParser, type EventSourceParser } from 'eventsource-parser'
import { AppError } from '../base/errors.ts'

export interface SseEvent {
  readonly id?: string | undefined
  /** `message` when absent. */
  readonly event?: string | undefined
  readonly data: string
}

export interface SseDecoder {
  /** Ignored once an event was too large. */
  push(chunk: Uint8Array): void
}

export interface SseDecoderOptions {
  /** Most bytes of the data of one event. */
  readonly limit: number
  event(event: SseEvent): void
  retry?(ms: number): void
  /** An event is above the limit and the stream is given up; without it `push` throws UPSTREAM_TOO_LARGE. */
  oversize?(): void
}

/** Room for what a partial line holds besides data, such as its field name. */
const LINE_OVERHEAD = 16

/**
 * An event without data is reported too when it has an id: the first event of a resumable stream carries nothing else
 * (2025-11-25 transports#resumability-and-redelivery, SEP-1699).
 */
export function createSseDecoder(options: SseDecoderOptions): SseDecoder {
  const text = new StringDecoder('utf8')
  let over = false

  function oversize(): void {
    if (over) return
    over = true
    if (options.oversize) options.oversize()
    else throw tooLarge(options.limit)
  }

  const parser: EventSourceParser = createParser({
    maxBufferSize: options.limit + LINE_OVERHEAD,
    onEvent({ id, event, data }) {
      if (over) return
      if (data.length > options.limit || Buffer.byteLength(data) > options.limit) oversize()
      else options.event({ id, event, data })
    },
    onRetry: (ms) => {
      if (!over) options.retry?.(ms)
    },
    onError(error) {
      // unknown fields and bad retry values are ignored, as the standard says
      if (error.type === 'max-buffer-size-exceeded') oversize()
    },
  })

  return {
    push(chunk) {
      if (!over)
        parser.feed(text.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)))
    },
  }
}

function tooLarge(limit: number): AppError {
  return new AppError('UPSTREAM_TOO_LARGE', `an event of the stream is larger than ${limit} bytes`)
}

export interface SseFrame {
  readonly id?: string
  readonly event?: string
  /** Milliseconds before the client comes back. */
  readonly retry?: number
  readonly data: string | Uint8Array
}

/** One event. Data of several lines is sent as several `data` fields. */
export function encodeEvent({ id, event, retry, data }: SseFrame): Buffer {
  let head = `event: ${oneLine(event ?? 'message')}\n`
  if (id !== undefined) head += `id: ${oneLine(id)}\n`
  if (retry !== undefined) head += `retry: ${Math.max(0, Math.round(retry))}\n`
  if (typeof data === 'string') return Buffer.from(`${head}${dataLines(data)}\n`)
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (bytes.includes(0x0a) || bytes.includes(0x0d))
    return Buffer.from(`${head}${dataLines(bytes.toString('utf8'))}\n`)
  return Buffer.concat([Buffer.from(`${head}data: `), bytes, END])
}

const END = Buffer.from('\n\n')

/** A comment: keeps a stream alive and is heard by nobody. */
export function encodeComment(text: string): Buffer {
  return Buffer.from(`: ${oneLine(text)}\n\n`)
}

function dataLines(data: string): string {
  return data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')
}

// a line end in a field would start a field, or an event, of somebody else's making
function oneLine(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new AppError('INTERNAL', 'a field of an event holds a line end')
  return value
}
