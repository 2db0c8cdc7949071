// Turns the body of one HTTP response into messages, JSON or event stream, bounded; what they mean is decided elsewhere.
import type { IncomingHttpHeaders } from 'node:http'
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import { type Message, readMessage } from '../../wire/message.ts'
import { createSseDecoder, type SseEvent } from '../../wire/sse.ts'
import type { ResultRelay } from '../client.ts'
import { type Body, JsonBody, NO_RESUME, type Resume, tooLarge, unreadable } from './body.ts'
import type { Exchange, HttpSink } from './exchange.ts'
import { RELAYED_FROM, RelayBody } from './relay.ts'

export type { Resume } from './body.ts'
export { NO_RESUME } from './body.ts'

/** An answer that is not a success. */
export interface Refusal {
  readonly status: number
  /** The JSON-RPC error in the body, if it is one. */
  readonly message: Message | undefined
}

/** `message` any number of times, then exactly one of the others. */
export interface ReplyListener {
  head?(headers: IncomingHttpHeaders): void
  /** Takes a large result in pieces; `expected` is the id it must have. */
  readonly relay?: { readonly to: ResultRelay; readonly expected: string } | undefined
  /** All of it has been taken. */
  relayed?(): void
  /** Takes the events of a stream as they are, instead of the messages in them. */
  event?(event: SseEvent): void
  /** Only whether it was taken is of interest: the body of a success is not read. */
  readonly statusOnly?: true
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
  if (status === 202 || status === 204 || sink.listener.statusOnly)
    return { data() {}, end: () => sink.listener.end(NO_RESUME) }
  const type = mediaType(headers['content-type'])
  if (type === 'text/event-stream') return streamBody(sink)
  if (type === 'application/json') return bodyOf(headers, sink)
  return broke(`answered with content type ${type.slice(0, 40) || 'none'}`)
}

function bodyOf(headers: IncomingHttpHeaders, sink: ReplySink): Body {
  const { relay } = sink.listener
  const length = Number(headers['content-length'] ?? 0)
  return relay && length >= RELAYED_FROM && length <= sink.options.limit
    ? new RelayBody(length, headers, sink)
    : new JsonBody(headers, sink)
}

function mediaType(header: string | undefined): string {
  if (header === 'application/json') return header
  return (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function streamBody(sink: ReplySink): Body {
  const { options, listener } = sink
  let lastEventId: string | undefined
  let retry: number | undefined
  const decoder = createSseDecoder({
    limit: options.limit,
    event(event) {
      if (listener.event) return listener.event(event)
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

/** Whether a JSON-RPC error in the body is what the server says, not what stands before it. */
export function isAnswer(status: number): boolean {
  return status !== 401 && status !== 403 && status !== 429 && status < 500
}

/** What an HTTP status that is no success means. */
export function refusalFault(server: string, status: number): AppError {
  const refused = status === 401 || status === 403
  const what = refused
    ? `refused the gateway with ${status}; check the headers configured for it`
    : `answered with ${status}`
  const code = isAnswer(status) ? 'UPSTREAM_PROTOCOL' : 'UPSTREAM_UNAVAILABLE'
  const data = { status }
  return new AppError(refused ? 'UPSTREAM_REFUSED' : code, `server ${server} ${what}`, { data })
}

// codes of node and undici that say: nothing listens there (any more)
const UNREACHABLE = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_NOT_YET_VALID', 'CERT_SIGNATURE_FAILURE', 'INVALID_CA', 'PATH_LENGTH_EXCEEDED',
]) // biome-ignore format: a table reads better in rows

function transportError(server: string, cause: Error): AppError {
  // the connection was refused by ourselves
  if (isAppError(cause)) return cause
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  return new AppError(
    'UPSTREAM_UNAVAILABLE',
    `server ${server} could not be reached: ${code ?? messageOf(cause)}`,
    { cause, data: { unreachable: code !== undefined && UNREACHABLE.has(code) } },
  )
}
