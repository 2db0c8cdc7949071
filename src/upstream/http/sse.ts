// HTTP+SSE of 2024-11-05: everything from the server on one event stream, every message to it a POST to the URL that the stream names.
import { AppError } from '../../base/errors.ts'
import type { SseEvent } from '../../wire/sse.ts'
import type { Call } from '../calls.ts'
import type { Pipe, PipeListener } from '../channel/channel.ts'
import { connectChannel } from '../channel/greeting.ts'
import type { Connection } from '../lane.ts'
import type { HttpOptions } from '../options.ts'
import type { TransportDeps } from '../transport.ts'
import type { Exchange, HttpClient, HttpRequest } from './exchange.ts'
import { clientOf, type Headers, lowerCase, mergeHeaders } from './http.ts'
import { type Refusal, type ReplyListener, ReplySink, refusalFault } from './reply.ts'

/** Legacy only: the transport is older than the modern era. */
export function connectSse(
  options: HttpOptions,
  deps: TransportDeps,
  signal: AbortSignal,
): Promise<Connection> {
  const open = async (listener: PipeListener) => {
    const client = await clientOf(options, deps)
    return new SsePipe(options, deps, listener, client).open(signal)
  }
  return connectChannel({ ...options, unit: 'an event', open }, deps, 'legacy', signal)
}

/** Messages besides the calls, answers and notifications, that may be on their way. */
const SPARE_POSTS = 64
const MOST_PATH = 4096
/** How long the first event may take. */
const NAMED_MS = 10_000

class SsePipe implements Pipe {
  readonly #options: HttpOptions
  readonly #deps: TransportDeps
  readonly #listener: PipeListener
  readonly #client: HttpClient
  readonly #configured: Headers
  readonly #endpoint = Promise.withResolvers<string>()
  #path = ''
  #own: Headers = {}
  #stream: Exchange | undefined
  #posts = 0
  #over = false

  constructor(
    options: HttpOptions,
    deps: TransportDeps,
    listener: PipeListener,
    client: HttpClient,
  ) {
    this.#options = options
    this.#deps = deps
    this.#listener = listener
    this.#client = client
    this.#configured = lowerCase(options.headers)
  }

  /** Resolves when the server has said where messages go. */
  async open(signal: AbortSignal): Promise<Pipe> {
    const { clock, limits } = this.#deps
    const { name } = this.#options
    const stop = () =>
      this.#endpoint.reject(new AppError('DISPATCH_ABORTED', `server ${name} was given up`))
    const cancel = clock.after(Math.min(NAMED_MS, limits.requestTimeout), () => {
      const what = `server ${name} did not say in time where messages go`
      this.#endpoint.reject(new AppError('UPSTREAM_TIMEOUT', what, { data: { unnamed: true } }))
    })
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    this.#listen()
    try {
      this.#path = await this.#endpoint.promise
      return this
    } catch (error) {
      await this.close()
      throw error
    } finally {
      cancel()
      signal.removeEventListener('abort', stop)
    }
  }

  greeted(revision: string): void {
    this.#own = { 'mcp-protocol-version': revision }
  }

  write(bytes: Uint8Array, call?: Call): boolean {
    if (this.#over || this.#posts >= this.#options.queue + SPARE_POSTS) return false
    this.#posts++
    let cancel: (() => void) | undefined
    let open = true
    const done = (): void => {
      if (open) this.#posts--
      open = false
      cancel?.()
    }
    const exchange = this.#send(this.#post(bytes, call), this.#poster(call, done))
    const late = () => {
      done()
      exchange.abort()
    }
    if (open) cancel = this.#deps.clock.after(this.#patience(call), late)
    return true
  }

  #post(body: Uint8Array, call: Call | undefined): HttpRequest {
    const headers = mergeHeaders(call?.request.headers, this.#configured, this.#own)
    return { method: 'POST', path: this.#path, headers, body }
  }

  #poster(call: Call | undefined, done: () => void): ReplyListener {
    return {
      statusOnly: true,
      message() {},
      end: done,
      refused: (refusal) => {
        done()
        this.#refused(call, refusal)
      },
      failed: (error) => {
        done()
        if (call) this.#listener.refused(call, error)
        if (error.data?.unreachable) this.#lose('it could not be reached')
      },
    }
  }

  // a server may hold its answer to a POST back until it has worked; that a call is late its own deadline tells
  #patience(call: Call | undefined): number {
    const { requestTimeout } = this.#deps.limits
    const timeout = call?.request.timeout ?? requestTimeout
    return Number.isFinite(timeout) ? timeout : requestTimeout
  }

  close(): Promise<void> {
    this.kill()
    return this.#client.close()
  }

  kill(): void {
    this.#stream?.abort()
    this.#end('it was given up')
  }

  #listen(): void {
    const { name } = this.#options
    const gone = (error: AppError) => {
      this.#endpoint.reject(error)
      const reason = error.message.replace(`server ${name} `, 'it ')
      this.#end(reason, error.code === 'UPSTREAM_TOO_LARGE' ? error.code : undefined)
    }
    const { 'content-type': _, ...headers } = mergeHeaders(undefined, this.#configured, {
      accept: 'text/event-stream',
    })
    this.#stream = this.#send(
      { method: 'GET', headers },
      {
        event: (event) => this.#event(event),
        message() {},
        end: () => gone(new AppError('UPSTREAM_UNAVAILABLE', `server ${name} ended its stream`)),
        refused: ({ status }) => gone(refusalFault(name, status)),
        failed: gone,
      },
    )
  }

  #event({ event = 'message', data }: SseEvent): void {
    if (event === 'endpoint') this.#named(data)
    // other names are not for us, and an event without data is only a sign of life
    else if (event === 'message' && data.length > 0) this.#listener.message(Buffer.from(data))
  }

  // what is posted there carries credentials, so it must not lead elsewhere
  #named(data: string): void {
    const path = samePlace(data, this.#options.url)
    if (path !== undefined) this.#endpoint.resolve(path)
    else {
      const what = `server ${this.#options.name} named a URL for messages that is not of its origin`
      this.#endpoint.reject(new AppError('UPSTREAM_PROTOCOL', what))
    }
  }

  #refused(call: Call | undefined, { status, message }: Refusal): void {
    // the session it belongs to is gone, whatever the stream does
    const gone = status === 404 || status === 410
    const fault = refusalFault(this.#options.name, status)
    if (gone) this.#lose('it does not know the session')
    else if (call) {
      const answered = message !== undefined && fault.code === 'UPSTREAM_PROTOCOL'
      this.#listener.refused(call, answered ? message : fault)
    } else this.#deps.log.debug({ status }, 'a message to the server was not taken')
  }

  #lose(reason: string): void {
    this.#stream?.abort()
    this.#end(reason)
  }

  #end(reason: string, code?: 'UPSTREAM_TOO_LARGE'): void {
    if (this.#over) return
    this.#over = true
    this.#listener.end(reason, code)
  }

  #send(request: HttpRequest, listener: ReplyListener): Exchange {
    const { response, depth } = this.#deps.limits
    const sink = new ReplySink(
      { server: this.#options.name, limit: response, depth, heard() {} },
      listener,
    )
    sink.exchange = this.#client.send(request, sink)
    return sink.exchange
  }
}

/** Path and query of what the server named; undefined: it is of another origin, or no URL. */
function samePlace(text: string, url: string): string | undefined {
  if (text.length > MOST_PATH || !URL.canParse(text, url)) return undefined
  const named = new URL(text, url)
  if (named.origin !== new URL(url).origin || named.username !== '' || named.password !== '')
    return undefined
  return named.pathname + named.search
}
