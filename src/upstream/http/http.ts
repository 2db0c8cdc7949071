// What both eras share over Streamable HTTP: one POST per message, its reply, its cancellation; sessions and `_meta` are the eras' own.
import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '../../base/errors.ts'
import { type Message, readMessage } from '../../wire/message.ts'
import { type Call, type Calls, createCalls } from '../calls.ts'
import type { UpstreamLink } from '../client.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { type HttpOptions, isReservedHeader } from '../options.ts'
import type { TransportDeps } from '../transport.ts'
import { createHttpClient, type Exchange, type HttpClient, type HttpRequest } from './exchange.ts'
import {
  isAnswer,
  type Refusal,
  type ReplyListener,
  ReplySink,
  type Resume,
  refusalFault,
} from './reply.ts'

export type Headers = Readonly<Record<string, string>>

/** What an era does where the two differ. */
export interface EraRules {
  abandoned(call: Call, reason: string): void
  /** Answers to requests of the server; undefined: this era has no such requests. */
  answer?(bytes: Uint8Array): void
}

export interface HttpCore {
  readonly calls: Calls
  readonly inbox: Inbox
  readonly lost: Promise<string>
  link: UpstreamLink | undefined
  /** Sends the call's bytes; its messages go through the inbox, its end settles the call. */
  post(call: Call, headers: Headers, hooks?: PostHooks): void
  /** Fails a call whose answer ended too early. */
  unanswered(call: Call): void
  /** The exchange that now carries the call's answer: dropped when the call is given up. */
  track(call: Call, exchange: Exchange): void
  /** Any other exchange: notifications, GET streams, DELETE. */
  send(request: HttpRequest, listener: ReplyListener): Exchange
  /** The headers every request carries, the configured ones last so that nobody overrides them. */
  headers(request: Headers | undefined, own: Headers): Headers
  idle(): number
  drop(reason: string): void
  /** Calls under way fail, and what carries them is dropped. */
  giveUp(): void
  close(): Promise<void>
}

export interface PostHooks {
  head?(headers: IncomingHttpHeaders): void
  /** True: taken care of. */
  refused?(refusal: Refusal): boolean
  /** The stream ended before the answer. True: it is being resumed. */
  unanswered?(resume: Resume): boolean
}

const POST_HEADERS: Headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}
// a server that answered may hold its stream open; the connection is wanted back
const LINGER_MS = 1000
const CONNECT_MS = 10_000
/** Streams besides the calls: notifications, a GET stream, a DELETE. */
const SPARE_CONNECTIONS = 4

/** A client with connections for all calls that may be in flight. */
export function clientOf(options: HttpOptions, deps: TransportDeps): Promise<HttpClient> {
  return createHttpClient(options.url, {
    connections: options.queue + SPARE_CONNECTIONS,
    connectTimeout: Math.min(CONNECT_MS, deps.limits.requestTimeout),
    // no call takes longer than the drain; what is left then is a stream, which is taken up again
    checked: { peer: deps.peer, clock: deps.clock, drain: deps.limits.requestTimeout },
  })
}

export async function createHttpCore(
  options: HttpOptions,
  deps: TransportDeps,
  rules: EraRules,
): Promise<HttpCore> {
  return new HttpEndpoint(options, deps, rules, await clientOf(options, deps))
}

class HttpEndpoint implements HttpCore {
  readonly calls: Calls
  readonly inbox: Inbox
  readonly lost: Promise<string>
  link: UpstreamLink | undefined
  readonly #options: HttpOptions
  readonly #deps: TransportDeps
  readonly #client: HttpClient
  readonly #configured: Headers
  readonly #lost = Promise.withResolvers<string>()
  /** What every POST carries, whatever its message. */
  readonly #base: Headers
  #built: { own: Headers; headers: Headers } | undefined
  #heard: number
  readonly #onHeard = (): void => {
    this.#heard = this.#deps.clock.now()
  }

  constructor(options: HttpOptions, deps: TransportDeps, rules: EraRules, client: HttpClient) {
    this.#options = options
    this.#deps = deps
    this.#client = client
    this.#heard = deps.clock.now()
    this.#configured = lowerCase(options.headers)
    this.#base = { ...POST_HEADERS, ...this.#configured }
    this.lost = this.#lost.promise
    this.calls = createCalls({
      server: options.name,
      door: deps.door,
      clock: deps.clock,
      wheel: deps.wheel,
      queue: options.queue,
      depth: deps.limits.depth,
      abandoned: (call, reason) => {
        rules.abandoned(call, reason)
        call.exchange?.abort()
        call.exchange = undefined
      },
      ended: deps.events.call,
    })
    this.inbox = createInbox({
      calls: this.calls,
      log: deps.log,
      answer: (bytes) => rules.answer?.(bytes),
      notification: (message) => this.link && deps.events.notification(this.link, message),
      request: (asked) => this.link && deps.events.request(this.link, asked),
    })
  }

  post(call: Call, headers: Headers, hooks: PostHooks = NO_HOOKS): void {
    const request = {
      method: 'POST',
      headers: this.headers(call.request.headers, headers),
      body: call.bytes,
    } as const
    this.track(call, this.send(request, new PostListener(this, call, hooks)))
  }

  unanswered(call: Call): void {
    this.calls.fail(call.id, this.#error('ended its answer before it was complete'))
  }

  track(call: Call, exchange: Exchange): void {
    if (!call.over) call.exchange = exchange
  }

  send(request: HttpRequest, listener: ReplyListener): Exchange {
    const { response, depth } = this.#deps.limits
    const sink = new ReplySink(
      { server: this.#options.name, limit: response, depth, heard: this.#onHeard },
      listener,
    )
    sink.exchange = this.#client.send(request, sink)
    return sink.exchange
  }

  headers(request: Headers | undefined, own: Headers): Headers {
    if (request === undefined) return this.#withoutRequest(own)
    return mergeHeaders(request, this.#configured, own)
  }

  // a session's headers are the same for every call
  #withoutRequest(own: Headers): Headers {
    if (this.#built?.own !== own) this.#built = { own, headers: { ...this.#base, ...own } }
    return this.#built.headers
  }

  idle(): number {
    return this.calls.size > 0 ? 0 : this.#deps.clock.now() - this.#heard
  }

  drop(reason: string): void {
    this.#lost.resolve(reason)
  }

  giveUp(): void {
    this.inbox.close()
    const exchanges = this.calls.all().map(({ exchange }) => exchange)
    const stopped = () => this.#error('is being stopped', 'UPSTREAM_UNAVAILABLE')
    this.calls.failAll(() => this.#deps.door.refusal ?? stopped())
    for (const exchange of exchanges) exchange?.abort()
  }

  async close(): Promise<void> {
    this.giveUp()
    await this.#client.close()
  }

  /** Settled: a stream that is held open gets a moment to end by itself. */
  linger(call: Call): void {
    const { exchange } = call
    call.exchange = undefined
    if (exchange) this.#deps.clock.after(LINGER_MS, () => exchange.abort())
  }

  refused(call: Call, { status, message }: Refusal): void {
    if (message && isAnswer(status)) this.calls.settleAs(call.id, message)
    else this.calls.fail(call.id, refusalFault(this.#options.name, status))
  }

  #error(
    what: string,
    code: 'UPSTREAM_PROTOCOL' | 'UPSTREAM_UNAVAILABLE' = 'UPSTREAM_PROTOCOL',
  ): AppError {
    return new AppError(code, `server ${this.#options.name} ${what}`)
  }
}

/** The headers of one POST: the configured ones win over a request's, and what the link itself says over both. */
export function mergeHeaders(
  request: Headers | undefined,
  configured: Headers,
  own: Headers,
): Headers {
  const headers: Record<string, string> = { ...POST_HEADERS }
  for (const name in request) {
    const lower = name.toLowerCase()
    if (!isReservedHeader(lower)) headers[lower] = request[name] ?? ''
  }
  return Object.assign(headers, configured, own)
}

const NO_HOOKS: PostHooks = {}
/** Stands for a result that has been sent. */
const RELAYED = readMessage(Buffer.from('{"jsonrpc":"2.0","id":0,"result":{}}'))

/** What becomes of the reply to one call. */
class PostListener implements ReplyListener {
  readonly relay: ReplyListener['relay']
  readonly #endpoint: HttpEndpoint
  readonly #call: Call
  readonly #hooks: PostHooks

  constructor(endpoint: HttpEndpoint, call: Call, hooks: PostHooks) {
    this.#endpoint = endpoint
    this.#call = call
    this.#hooks = hooks
    const to = call.request.relay
    this.relay = to && { to, expected: String(call.id) }
  }

  relayed(): void {
    this.#endpoint.calls.settleAs(this.#call.id, RELAYED, true)
  }

  head(headers: IncomingHttpHeaders): void {
    this.#hooks.head?.(headers)
  }

  message(message: Message, streamed: boolean): void {
    const call = this.#call
    this.#endpoint.inbox(message, call)
    if (streamed && call.over) this.#endpoint.linger(call)
  }

  end(resume: Resume): void {
    const call = this.#call
    call.exchange = undefined
    if (!call.over && !this.#hooks.unanswered?.(resume)) this.#endpoint.unanswered(call)
  }

  refused(refusal: Refusal): void {
    this.#call.exchange = undefined
    if (!this.#hooks.refused?.(refusal)) this.#endpoint.refused(this.#call, refusal)
  }

  failed(error: AppError, resume: Resume): void {
    const call = this.#call
    call.exchange = undefined
    if (!call.over && this.#hooks.unanswered?.(resume)) return
    this.#endpoint.calls.fail(call.id, error)
    if (error.data?.unreachable) this.#endpoint.drop(error.message)
  }
}

export function lowerCase(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}
