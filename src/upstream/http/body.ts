// A response body that is one JSON message, collected within its limit; and what all bodies are to the reply they belong to.
import type { IncomingHttpHeaders } from 'node:http'
import { AppError, messageOf } from '../../base/errors.ts'
import { readMessage } from '../../wire/message.ts'
import type { ReplySink } from './reply.ts'

/** Where a stream that ended early can be taken up again (2025-11-25 transports#resumability-and-redelivery). */
export interface Resume {
  readonly lastEventId: string | undefined
  readonly retry: number | undefined
}

export const NO_RESUME: Resume = { lastEventId: undefined, retry: undefined }

/** What becomes of the body, chosen from status and headers. */
export interface Body {
  data(chunk: Buffer): void
  end(): void
  resume?(): Resume
}

export class JsonBody implements Body {
  readonly #sink: ReplySink
  readonly #limit: number
  #first: Buffer | undefined = undefined
  /** Most answers come in one piece. */
  #rest: Buffer[] | undefined = undefined
  #size = 0

  constructor(headers: IncomingHttpHeaders, sink: ReplySink) {
    this.#sink = sink
    this.#limit = sink.options.limit
    if (Number(headers['content-length'] ?? 0) > this.#limit) sink.refuse(tooLarge(sink.options))
  }

  data(chunk: Buffer): void {
    this.#size += chunk.byteLength
    if (this.#size > this.#limit) this.#sink.refuse(tooLarge(this.#sink.options))
    else if (this.#first === undefined) this.#first = chunk
    else {
      this.#rest ??= [this.#first]
      this.#rest.push(chunk)
    }
  }

  end(): void {
    const { options, listener } = this.#sink
    const bytes = this.#rest ? Buffer.concat(this.#rest, this.#size) : (this.#first ?? EMPTY)
    try {
      listener.message(readMessage(bytes, options), false)
      listener.end(NO_RESUME)
    } catch (error) {
      this.#sink.refuse(unreadable(options, error))
    }
  }
}

const EMPTY = Buffer.alloc(0)

export function tooLarge(options: { readonly server: string; readonly limit: number }): AppError {
  return new AppError(
    'UPSTREAM_TOO_LARGE',
    `server ${options.server} answered with more than ${options.limit} bytes`,
  )
}

export function unreadable(options: { readonly server: string }, cause: unknown): AppError {
  return new AppError(
    'UPSTREAM_PROTOCOL',
    `server ${options.server} sent what is no message: ${messageOf(cause)}`,
    { cause },
  )
}
