// HTTP to the gateway as promises: one request, the messages of its answer as they come, and how it ended; a client that does not read holds it up.
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { AppError } from '../base/errors.ts'
import { createHttpClient, type Exchange, type HttpRequest } from '../upstream/http/exchange.ts'
import { type Refusal, ReplySink, type Resume } from '../upstream/http/reply.ts'
import type { Message } from '../wire/message.ts'

export type Headers = Readonly<Record<string, string>>

export type Outcome =
  | { readonly kind: 'ended'; readonly resume: Resume }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'failed'; readonly fault: AppError; readonly resume: Resume }
  | { readonly kind: 'aborted' }

export interface Transfer {
  readonly outcome: Promise<Outcome>
  abort(): void
}

export interface Listener {
  head?(headers: IncomingHttpHeaders): void
  message(message: Message): void
}

export interface Transfers {
  post(body: Uint8Array, headers: Headers, listener: Listener): Transfer
  /** An event stream. */
  get(headers: Headers, listener: Listener): Transfer
  delete(headers: Headers): Transfer
  /** The client has read what was unread. */
  room(): void
  close(): Promise<void>
}

export interface TransferOptions {
  readonly url: string
  /** Sent with every request. */
  readonly headers: Headers
  readonly clock: Clock
  /** The client has as much unread as may be. */
  isFull(): boolean
}

/** As many as there may be lines in work, and what else runs beside them. */
const CONNECTIONS = 256 + 8
const CONNECT_MS = 10_000
/** The gateway has deadlines of its own, for calls and for people, and keeps streams alive; after this it is taken for dead. */
const SILENCE = 10 * 60_000
/** What the gateway lets through may be larger than usual: its limits are its own. */
const LIMITS = { limit: 64 * 1024 * 1024, depth: 1000 } as const

const POST: Headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

/** Rejects when the url is none. */
export async function createTransfers(options: TransferOptions): Promise<Transfers> {
  const { url, headers: configured, clock, isFull } = options
  const limits = { connections: CONNECTIONS, connectTimeout: CONNECT_MS }
  const client = await createHttpClient(url, limits)
  // in errors: without path and query, which may say more than a client has to know
  const server = `gateway at ${new URL(url).origin}`
  const paused = new Set<Exchange>()

  function start(request: HttpRequest, listener: Listener): Transfer {
    const end = Promise.withResolvers<Outcome>()
    // a request that cannot be begun fails while it is being sent
    let exchange: Exchange | undefined
    let heardAt = clock.now()
    let cancel = clock.after(SILENCE, watch)
    const settle = (outcome: Outcome): void => {
      cancel()
      if (exchange) paused.delete(exchange)
      end.resolve(outcome)
    }
    // of a connection that is dead nobody says so, least of all to a machine that was asleep
    function watch(): void {
      if (exchange && paused.has(exchange)) heardAt = clock.now()
      const left = heardAt + SILENCE - clock.now()
      if (left > 0) cancel = clock.after(left, watch)
      else sink.fail(new Error('nothing was heard of it for too long'))
    }
    const sink = new ReplySink(
      { ...LIMITS, server, heard() {} },
      {
        head: (headers) => listener.head?.(headers),
        message(message) {
          listener.message(message)
          if (!exchange || !isFull()) return
          exchange.pause()
          paused.add(exchange)
        },
        end: (resume) => settle({ kind: 'ended', resume }),
        refused: (refusal) => settle({ kind: 'refused', refusal }),
        failed: (fault, resume) => settle({ kind: 'failed', fault, resume }),
      },
    )
    exchange = client.send(request, {
      start(status, head) {
        heardAt = clock.now()
        sink.start(status, head)
      },
      data(chunk) {
        heardAt = clock.now()
        sink.data(chunk)
      },
      end: () => sink.end(),
      fail: (error) => sink.fail(error),
    })
    sink.exchange = exchange
    return {
      outcome: end.promise,
      abort() {
        exchange?.abort()
        settle({ kind: 'aborted' })
      },
    }
  }

  return {
    post: (body, headers, listener) =>
      start({ method: 'POST', body, headers: { ...POST, ...headers, ...configured } }, listener),
    get: (headers, listener) =>
      start(
        { method: 'GET', headers: { accept: 'text/event-stream', ...headers, ...configured } },
        listener,
      ),
    delete: (headers) =>
      start({ method: 'DELETE', headers: { ...headers, ...configured } }, { message() {} }),
    room() {
      for (const exchange of paused) exchange.resume()
      paused.clear()
    },
    close: () => client.close(),
  }
}
