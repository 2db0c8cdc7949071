// One HTTP request and its response as callbacks, over an undici pool; it knows neither MCP nor JSON.
import type { IncomingHttpHeaders } from 'node:http'
import { createRequire } from 'node:module'
import type { Dispatcher, Pool } from 'undici'
import type { Clock } from '../../base/clock.ts'
import { createConnector } from '../tls/connector.ts'
import type { Peer } from '../tls/peer.ts'

export interface HttpRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** Path and query, on the same origin; those of the client's url when absent. */
  readonly path?: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** Exactly one of `end` and `fail` is called, last; neither after `abort`. */
export interface HttpSink {
  start(status: number, headers: IncomingHttpHeaders): void
  data(chunk: Buffer): void
  end(): void
  fail(error: Error): void
}

export interface Exchange {
  /** Drops the connection if the response has not ended; the sink hears nothing more. */
  abort(): void
  /** No more of the body until `resume`. */
  pause(): void
  resume(): void
}

export interface HttpClient {
  send(request: HttpRequest, sink: HttpSink): Exchange
  /** Ends all connections, also those in use. */
  close(): Promise<void>
}

export interface HttpClientOptions {
  readonly connections: number
  readonly connectTimeout: number
  readonly checked?: CheckedPeer
}

/** Who the other end has to be. When that is decided anew, no request takes a connection from before. */
export interface CheckedPeer {
  readonly peer: Peer
  readonly clock: Clock
  /** Milliseconds that exchanges on connections from before may still take. */
  readonly drain: number
}

const require = createRequire(import.meta.url)

const ABORTED = new Error('the exchange was dropped')
const MAX_HEADER_BYTES = 16 * 1024

/**
 * Deadlines are the caller's: the pool's own timers are off but for connecting. Redirects are not followed, certificates
 * are verified, and the Host header is the URL's. HTTP/1.1 only: a stream that is dropped must not disturb others.
 */
export async function createHttpClient(
  url: string,
  options: HttpClientOptions,
): Promise<HttpClient> {
  // a gateway with stdio servers only never pays for it; and the pool alone is a fifth of undici's modules, which as a whole
  // take longer to load than everything else of a start
  const Pool = require('undici/lib/dispatcher/pool.js') as typeof import('undici').Pool
  const { origin, pathname, search } = new URL(url)
  const own = pathname + search
  const { connections, connectTimeout, checked } = options
  const open = () =>
    new Pool(origin, {
      connections,
      ...(checked
        ? { connect: createConnector(checked.peer, connectTimeout) }
        : { connectTimeout }),
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      maxHeaderSize: MAX_HEADER_BYTES,
    })
  let pool = open()
  const retired = new Set<() => Promise<void>>()
  const forget = checked?.peer.onReplaced(() => {
    retired.add(retire(pool, checked, (end) => retired.delete(end)))
    pool = open()
  })
  return {
    send(request, sink) {
      const handler = new ResponseHandler(sink)
      const { method, path = own, headers, body = null } = request
      pool.dispatch({ method, path, headers: headers as Record<string, string>, body }, handler)
      return handler
    },
    async close() {
      forget?.()
      await Promise.all([pool.destroy(), ...[...retired].map((end) => end())])
    },
  }
}

/** Idle connections end now, the others with what they carry or when the time is over. The returned function ends them at once. */
function retire(
  pool: Pool,
  { clock, drain }: CheckedPeer,
  ended: (end: () => Promise<void>) => void,
): () => Promise<void> {
  const end = () => pool.destroy()
  const cancel = clock.after(drain, () => void end())
  void pool
    .close()
    .catch(() => {})
    .finally(() => {
      cancel()
      ended(end)
    })
  return end
}

class ResponseHandler implements Dispatcher.DispatchHandler, Exchange {
  readonly #sink: HttpSink
  #controller: Dispatcher.DispatchController | undefined
  #over = false

  constructor(sink: HttpSink) {
    this.#sink = sink
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#controller?.abort(ABORTED)
  }

  pause(): void {
    if (!this.#over) this.#controller?.pause()
  }

  resume(): void {
    if (!this.#over) this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(ABORTED)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // 1xx is not the answer
    if (!this.#over && status >= 200) this.#sink.start(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#sink.data(chunk)
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#over = true
    this.#sink.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#sink.fail(error)
  }
}
