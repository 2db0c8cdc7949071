// Turns the body of one HTTP response into messages, JSON or event stream, bounded; what they mean is decided elsewhere.
import type { IncomingHttpHeaders } from 'node:http'
import { AppError, messageOf } from '../../base/errors.ts'
import { type Message, readMessage } from '../../wire/message.ts'
import { createSseDecoder } from '../../wire/sse.ts'
import type { Exchange, HttpSink } from './exchange.ts'

/** An answer that is not a success. */
export interface Refusal {
  readonly status: number
  /** The JSON-RPC error in the body, if it is one. */
  readonly message: Message | undefined
}

/** Where a stream that ended early can be taken up again (2025-11-25 transports#resumability-and-redelivery). */
export interface Resume {
  readonly lastEventId: string | undefined
  readonly retry: number | undefined
}

/** `message` any number of times, then exactly one of the others. */
export interface ReplyListener {
  head?(headers: IncomingHttpHeaders): void
  /** `streamed`: more may follow, and the stream may be held open. */
  message(message: Message, streamed: boolean): void
  end(resume: Resume): void
  refused(refusal: Refusal): void
  /** `resume` says where a stream broke off; a body that was refused cannot be resumed. */
  failed(error: AppError, resume: Resume): void
}

export interface ReplyOptions {
  readonly server: string
  readonly limit: number
  readonly depth: number
  /** Told when the server begins to answer. */
  heard(): void
}

// an error page is read no further than what a JSON-RPC error needs
const REFUSAL_BYTES = 64 * 1024

/** What becomes of the body, chosen from status and headers. */
interface Body {
  data(chunk: Buffer): void
  end(): void
  resume?(): Resume
}

export class ReplySink implements HttpSink {
  readonly options: ReplyOptions
  readonly listener: ReplyListener
  /** The exchange this sink belongs to, to drop it. */
  exchange: Exchange | undefined = undefined
  #body: Body | undefined = undefined
  #over = false

  constructor(options: ReplyOptions, listener: ReplyListener) {
    this.options = options
    this.listener = listener
  }

  start(status: number, headers: IncomingHttpHeaders): void {
    this.options.heard()
    this.listener.head?.(headers)
    this.#body = chooseBody(status, headers, this)
  }

  data(chunk: Buffer): void {
    if (!this.#over) this.#body?.data(chunk)
  }

  end(): void {
    if (!this.#over) this.#body?.end()
    this.#over = true
  }

  fail(error: Error): void {
    this.refuse(transportError(this.options.server, error), this.#body?.resume?.())
  }

  /** The body cannot be read on. */
  refuse(error: AppError, resume = NO_RESUME): void {
    if (this.#over) return
    this.#over = true
    this.exchange?.abort()
    this.listener.failed(error, resume)
  }
}

function chooseBody(status: number, headers: IncomingHttpHeaders, sink: ReplySink): Body {
  const { server } = sink.options
  const broke = (what: string): Body => {
    sink.refuse(new AppError('UPSTREAM_PROTOCOL', `server ${server} ${what}`, { data: { status } }))
    return { data() {}, end() {} }
  }
  if (status >= 300 && status < 400)
    return broke(`redirected with ${status}; redirects are not followed, configure the final url`)
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    return broke('compressed its answer unasked')
  if (status >= 400) return refusalBody(status, sink)
  if (status === 202 || status === 204)
    return { data() {}, end: () => sink.listener.end(NO_RESUME) }
  const type = mediaType(headers['content-type'])
  if (type === 'text/event-stream') return streamBody(sink)
  if (type === 'application/json') return new JsonBody(headers, sink)
  return broke(`answered with content type ${type.slice(0, 40) || 'none'}`)
}

function mediaType(header: string | undefined): string {
  if (header === 'application/json') return header
  return (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export const NO_RESUME: Resume = { lastEventId: undefined, retry: undefined }

class JsonBody implements Body {
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

function streamBody(sink: ReplySink): Body {
  const { options, listener } = sink
  let lastEventId: string | undefined
  let retry: number | undefined
  const decoder = createSseDecoder({
    limit: options.limit,
    event(event) {
      if (event.id !== undefined) lastEventId = event.id
      // the first event of a resumable stream is empty on purpose
      if (event.data.length === 0) return
      try {
        listener.message(readMessage(Buffer.from(event.data), { depth: options.depth }), true)
      } catch (error) {
        sink.refuse(unreadable(options, error))
      }
    },
    retry(ms) {
      retry = ms
    },
    oversize: () => sink.refuse(tooLarge(options)),
  })
  return {
    data: (chunk) => decoder.push(chunk),
    end: () => listener.end({ lastEventId, retry }),
    resume: () => ({ lastEventId, retry }),
  }
}

function refusalBody(status: number, sink: ReplySink): Body {
  const { options, listener } = sink
  const chunks: Buffer[] = []
  let size = 0
  let told = false
  const tell = () => {
    if (told) return
    told = true
    listener.refused({ status, message: errorIn(Buffer.concat(chunks), options.depth) })
  }
  return {
    data(chunk) {
      size += chunk.byteLength
      if (size <= REFUSAL_BYTES) chunks.push(chunk)
      else {
        sink.exchange?.abort()
        tell()
      }
    },
    end: tell,
  }
}

function errorIn(body: Buffer, depth: number): Message | undefined {
  try {
    const message = readMessage(body, { depth })
    return message.kind === 'error' ? message : undefined
  } catch {
    return undefined
  }
}

function tooLarge(options: ReplyOptions): AppError {
  return new AppError(
    'UPSTREAM_TOO_LARGE',
    `server ${options.server} answered with more than ${options.limit} bytes`,
  )
}

function unreadable(options: ReplyOptions, cause: unknown): AppError {
  return new AppError(
    'UPSTREAM_PROTOCOL',
    `server ${options.server} sent what is no message: ${messageOf(cause)}`,
    { cause },
  )
}

// codes of node and undici that say: nothing listens there (any more)
const UNREACHABLE = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]) // biome-ignore format: a table reads better in rows

function transportError(server: string, cause: Error): AppError {
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  return new AppError(
    'UPSTREAM_UNAVAILABLE',
    `server ${server} could not be reached: ${code ?? messageOf(cause)}`,
    { cause, data: { unreachable: code !== undefined && UNREACHABLE.has(code) } },
  )
}
