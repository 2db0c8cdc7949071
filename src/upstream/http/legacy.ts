// Streamable HTTP with a session (2025-03-26 to 2025-11-25): initialize, session id, GET stream, resumption, renewal of a lost session.
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { isObject } from '../../base/json.ts'
import { makeNotification, makeRequest } from '../../wire/message.ts'
import type { Call } from '../calls.ts'
import type { UpstreamLink, UpstreamReply, UpstreamRequest } from '../client.ts'
import { type Hello, initializeParams, readInitialize } from '../handshake.ts'
import type { Connection } from '../lane.ts'
import type { HttpOptions } from '../options.ts'
import type { TransportDeps } from '../transport.ts'
import { createHttpCore, type Headers, type HttpCore } from './http.ts'
import { sendQuietly } from './quiet.ts'
import type { Refusal, Resume } from './reply.ts'
import { keepStream, resumeCall } from './streams.ts'

const DELETE_MS = 1000
/** Answers that may be on their way besides one cancellation per call. */
const SPARE_MESSAGES = 64
/** A visible-ASCII session id, no longer than any header may be. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/

export async function connectHttpLegacy(
  options: HttpOptions,
  deps: TransportDeps,
  signal: AbortSignal,
): Promise<Connection> {
  const link = new LegacyHttpLink(options, deps)
  const stop = () => void link.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await link.open()
  } catch (error) {
    await link.close()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

class LegacyHttpLink implements UpstreamLink {
  readonly era = 'legacy'
  readonly #options: HttpOptions
  readonly #deps: TransportDeps
  #core!: HttpCore
  #hello!: Hello
  #session: Headers = {}
  #renewing: Promise<void> | undefined
  #endStream = () => {}
  /** Answers and cancellations on their way. */
  #quiet = 0
  #closed = false
  #closing: Promise<void> | undefined

  constructor(options: HttpOptions, deps: TransportDeps) {
    this.#options = options
    this.#deps = deps
  }

  get revision(): string {
    return this.#hello.revision
  }

  get capabilities(): JsonObject {
    return this.#hello.capabilities
  }

  get serverInfo(): JsonObject | undefined {
    return this.#hello.serverInfo
  }

  get instructions(): string | undefined {
    return this.#hello.instructions
  }

  async open(): Promise<Connection> {
    this.#core = await createHttpCore(this.#options, this.#deps, {
      abandoned: (call, reason) => this.#cancel(call, reason),
      answer: (bytes) => this.#quietly(bytes),
    })
    this.#core.link = this
    if (this.#closed) throw this.#stopped()
    await this.#initialize()
    const { lost } = this.#core
    return {
      link: this,
      lost,
      idle: () => this.#core.idle(),
      drop: (reason) => this.#core.drop(reason),
    }
  }

  async request(request: UpstreamRequest): Promise<UpstreamReply> {
    if (this.#closed) throw this.#stopped()
    const call = this.#core.calls.open(request)
    if (this.#renewing) this.#postAfter(this.#renewing, call)
    else this.#post(call, true)
    return call.reply
  }

  async notify(message: { readonly bytes: Uint8Array }): Promise<void> {
    if (this.#closed) throw this.#stopped()
    await sendQuietly(this.#core, this.#deps, message.bytes, this.#session)
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  #post(call: Call, mayRenew: boolean): void {
    const session = this.#session
    this.#core.post(call, session, {
      refused: (refusal) => {
        if (!mayRenew || !this.#isSessionLoss(refusal, session)) return false
        // the server did not know the session, so it did not process the call
        this.#postAfter(this.#renew(session), call)
        return true
      },
      unanswered: (resume) => !this.#closed && this.#resume(call, resume),
    })
  }

  // its deadline and its caller's patience run on meanwhile
  #postAfter(renewal: Promise<void>, call: Call): void {
    renewal.then(
      () => this.#core.calls.find(call.id) && this.#post(call, false),
      (error: unknown) => this.#core.calls.fail(call.id, this.#asFault(error)),
    )
  }

  #resume(call: Call, resume: Resume): boolean {
    return resumeCall(
      { core: this.#core, deps: this.#deps, session: () => this.#session },
      call,
      resume,
    )
  }

  async #initialize(): Promise<void> {
    let session: string | undefined
    let status: number | undefined
    const { requestTimeout } = this.#deps.limits
    const message = makeRequest(
      'initialize',
      initializeParams(this.#deps.clientInfo, this.#deps.capabilities),
    )
    const call = this.#core.calls.open({ message, edits: [], timeout: requestTimeout })
    this.#core.post(
      call,
      {},
      {
        head(headers) {
          session = headers['mcp-session-id']?.toString()
        },
        refused(refusal) {
          status = refusal.status
          return false
        },
      },
    )
    this.#hello = readInitialize(this.#options.name, await initializeReply(call), status)
    if (session !== undefined && !SESSION_ID.test(session))
      throw new AppError('UPSTREAM_PROTOCOL', `server ${this.#options.name} sent a bad session id`)
    this.#session = {
      'mcp-protocol-version': this.#hello.revision,
      ...(session !== undefined && { 'mcp-session-id': session }),
    }
    await sendQuietly(
      this.#core,
      this.#deps,
      makeNotification('notifications/initialized').bytes,
      this.#session,
    )
    this.#stand(this.#session)
  }

  #stand(session: Headers): void {
    const { restart } = this.#options.health
    this.#endStream = keepStream({
      core: this.#core,
      deps: this.#deps,
      restart,
      session,
      refused: (refusal) => {
        if (this.#isSessionLoss(refusal, session)) this.#renew(session).catch(() => {})
      },
    })
  }

  /** One renewal at a time; `lost` is the session the caller met, which may have been renewed since. */
  #renew(lost: Headers): Promise<void> {
    if (this.#session !== lost) return this.#renewing ?? Promise.resolve()
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #renewOnce(): Promise<void> {
    this.#deps.log.info({}, 'the server does not know the session; a new one is opened')
    this.#endStream()
    try {
      await this.#initialize()
    } catch (error) {
      this.#core.drop(messageOf(error))
      throw error
    }
    this.#deps.events.renewed(this)
  }

  // 404 by the specification; well-known servers say 400 and name the session in the message
  #isSessionLoss({ status, message }: Refusal, session: Headers): boolean {
    if (this.#closed || session['mcp-session-id'] === undefined) return false
    if (status === 404) return true
    const error = message?.error
    const text = isObject(error) && typeof error.message === 'string' ? error.message : ''
    return status === 400 && /session/i.test(text)
  }

  #cancel(call: Call, reason: string): void {
    const params = { requestId: call.id, reason }
    this.#quietly(makeNotification('notifications/cancelled', params).bytes)
  }

  #quietly(bytes: Uint8Array): void {
    // a server that asks faster than it takes answers gets no more of them
    if (this.#closed || this.#quiet >= this.#options.queue + SPARE_MESSAGES) return
    this.#quiet++
    sendQuietly(this.#core, this.#deps, bytes, this.#session)
      .catch((error: unknown) =>
        this.#deps.log.debug({ reason: messageOf(error) }, 'a message to the server was not taken'),
      )
      .finally(() => this.#quiet--)
  }

  async #end(): Promise<void> {
    this.#closed = true
    if (!this.#core) return
    this.#endStream()
    this.#core.giveUp()
    // one that is quarantined is told nothing more
    const told = this.#session['mcp-session-id'] !== undefined && !this.#deps.door.refusal
    if (told) await this.#deleteSession()
    await this.#core.close()
  }

  #deleteSession(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(DELETE_MS, resolve)
      const done = () => {
        cancel()
        resolve()
      }
      const { 'content-type': _, ...headers } = this.#core.headers(undefined, this.#session)
      // servers that do not let clients end sessions answer 405
      const listener = { message() {}, end: done, refused: done, failed: done }
      this.#core.send({ method: 'DELETE', headers }, listener)
    })
  }

  #stopped(): AppError {
    const stopped = () =>
      new AppError('UPSTREAM_UNAVAILABLE', `server ${this.#options.name} is being stopped`)
    return this.#deps.door.refusal ?? stopped()
  }

  #asFault(error: unknown): AppError {
    if (isAppError(error)) return error
    return new AppError('UPSTREAM_UNAVAILABLE', messageOf(error), { cause: error })
  }
}

async function initializeReply(call: Call) {
  return (await call.reply).message
}
