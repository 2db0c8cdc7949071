// One HTTP response: its headers pass http_post_request exactly once, then it is JSON, an event stream, or empty.
import type { ServerResponse } from 'node:http'
import { isAppError } from '../../base/errors.ts'
import type { Runner } from '../../engine/engine.ts'
import type { Points } from '../../points/table.ts'
import type { ResultRelay } from '../../upstream/client.ts'
import { encodeEvent } from '../../wire/sse.ts'
import { type Answer, denialAnswer, type RpcId, refusalAnswer } from '../answer.ts'
import type { Exchange, Room } from '../exchange.ts'
import { type HttpRequestPayload, sendable } from './http-point.ts'

type Headers = Record<string, string>

/** A client that has this much unread is too slow to be kept. */
const MAX_UNREAD = 4 * 1024 * 1024
/** Up to this size headers and body leave as one string, which node writes in one piece without gathering. */
const ONE_PIECE = 8 * 1024

export class Reply {
  readonly #room: Room
  readonly #exchange: Exchange
  readonly #response: ServerResponse
  /** What http points see of the request; undefined when this generation has none. */
  readonly #request: HttpRequestPayload | undefined
  #state: 'unsent' | 'deciding' | 'stream' | 'relay' | 'ended' = 'unsent'

  constructor(
    room: Room,
    exchange: Exchange,
    request: HttpRequestPayload | undefined,
    response: ServerResponse,
  ) {
    this.#room = room
    this.#exchange = exchange
    this.#request = request
    this.#response = response
  }

  get begun(): boolean {
    return this.#state !== 'unsent'
  }

  /** The client has gone away. */
  get gone(): boolean {
    return this.#response.destroyed
  }

  /** Sends one JSON document, or as the last event when a stream was begun. */
  json(answer: Answer): void | Promise<void> {
    if (this.#state === 'stream') {
      this.write(encodeEvent({ data: answer.bytes }))
      return this.end()
    }
    // half of a result has been sent, and it cannot be taken back
    if (this.#state === 'relay') return void this.#response.destroy()
    return this.#decideAndSend(answer.status, this.#jsonHeaders(), answer.headers, answer.bytes)
  }

  #jsonHeaders(): Headers {
    return {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': this.#exchange.identity.requestId,
      'content-type': 'application/json',
    }
  }

  /** Sends a status without a body. */
  empty(status: number, extra?: Readonly<Headers>): void | Promise<void> {
    const headers = { ...COMMON, 'x-request-id': this.#exchange.identity.requestId }
    return this.#decideAndSend(status, headers, extra, undefined)
  }

  /** A result in pieces, where no policy decides about the response. */
  relay(id: RpcId): ResultRelay | undefined {
    if (this.#exchange.runtime.generation.runner('http_post_request')) return undefined
    const response = this.#response
    return {
      id: JSON.stringify(id),
      begin: (bytes) => {
        if (this.#state !== 'unsent' || response.destroyed) return false
        this.#state = 'relay'
        response.writeHead(200, { ...this.#jsonHeaders(), 'content-length': String(bytes) })
        return true
      },
      write(bytes, more) {
        // a client that has gone takes everything
        if (response.destroyed || response.write(bytes)) return true
        const again = () => {
          response.off('drain', again).off('close', again)
          more()
        }
        response.on('drain', again).on('close', again)
        return false
      },
    }
  }

  /** Begins an event stream; false when a policy refused the response, which has been answered then, or the client has gone. */
  stream(extra?: Readonly<Headers>): boolean | Promise<boolean> {
    // an answer is on its way already
    if (this.#state !== 'unsent') return false
    const id = { 'x-request-id': this.#exchange.identity.requestId }
    const proposed = { ...COMMON, ...id, ...STREAM, ...extra }
    const runner = this.#decides()
    return runner
      ? this.#decide(runner, 200, proposed).then((headers) => this.#begin(headers))
      : this.#begin(proposed)
  }

  #begin(headers: Headers | null): boolean {
    if (!headers || this.#response.destroyed) return false
    // ended while policies were deciding, by the end of its session: nobody would close it later
    if (this.#isEnded()) {
      this.#response.destroy()
      return false
    }
    try {
      this.#response.writeHead(200, headers)
      this.#response.flushHeaders()
    } catch (error) {
      this.#unwritable(error)
      return false
    }
    this.#state = 'stream'
    return true
  }

  /** Runs once, when nothing can be written any more. */
  onClose(run: () => void): void {
    this.#response.once('close', run)
  }

  end(): void {
    if (this.#state === 'stream' || this.#state === 'relay') this.#response.end()
    this.#state = 'ended'
  }

  #isEnded(): boolean {
    return this.#state === 'ended'
  }

  // without a policy nothing is waited for
  #decideAndSend(
    status: number,
    headers: Headers,
    extra: Readonly<Headers> | undefined,
    body: Buffer | undefined,
  ): void | Promise<void> {
    const proposed = extra ? { ...headers, ...extra } : headers
    const runner = this.#decides()
    if (!runner) return this.#send(status, proposed, body)
    return this.#decide(runner, status, proposed).then((decided) => {
      if (decided) this.#send(status, decided, body)
    })
  }

  #decides(): PostRunner | null {
    this.#state = 'deciding'
    return this.#exchange.runtime.generation.runner('http_post_request')
  }

  /** The headers as policies leave them; null when they refused the response and it has been answered. */
  async #decide(runner: PostRunner, status: number, headers: Headers): Promise<Headers | null> {
    const { identity, request } = this.#exchange
    const payload = { ...(this.#request as HttpRequestPayload), status, headers }
    const outcome = await runner.dispatch(payload, request, {})
    if (outcome.kind === 'pass') return sendable(outcome.payload.headers)
    if (outcome.kind === 'fault')
      this.#room.report.raised(this.#exchange, outcome.fault, 'http_post_request')
    const { requestId, era } = identity
    const answer =
      outcome.kind === 'deny'
        ? denialAnswer('http', outcome.violation, { id: undefined, requestId, era })
        : refusalAnswer(
            undefined,
            (outcome as { fault: Parameters<typeof refusalAnswer>[1] }).fault,
            requestId,
          )
    this.#send(
      answer.status,
      { ...COMMON, 'content-type': 'application/json', ...answer.headers },
      answer.bytes,
    )
    return null
  }

  #send(status: number, headers: Headers, body: Buffer | undefined): void {
    const response = this.#response
    this.#state = 'ended'
    if (response.headersSent || response.destroyed) return
    try {
      headers['content-length'] = String(body?.length ?? 0)
      response.writeHead(status, headers)
      if (body === undefined || body.length > ONE_PIECE) response.end(body)
      // every byte is one character of Latin-1 and comes out as itself
      else response.end(body.toString('latin1'), 'latin1')
    } catch (error) {
      this.#unwritable(error)
    }
  }

  #unwritable(error: unknown): void {
    const { requestId } = this.#exchange.identity
    const fields = { error: isAppError(error) ? error.code : 'WRITE', requestId }
    this.#room.log.error(fields, 'a response could not be written')
    this.#response.destroy()
  }

  /** Part of an event stream; false when the client is gone or too far behind. */
  write(frame: Buffer): boolean {
    const response = this.#response
    if (this.#state !== 'stream' || response.destroyed) return false
    if (response.writableLength > MAX_UNREAD) {
      response.destroy()
      return false
    }
    response.write(frame)
    return true
  }
}

type PostRunner = Runner<
  Points['http_post_request']['payload'],
  Points['http_post_request']['answer']
>

const COMMON = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
// proxies must neither buffer nor rewrite an event stream
const STREAM = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
