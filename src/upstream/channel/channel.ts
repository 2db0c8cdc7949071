// Calls and messages over a pipe that carries whole messages both ways, a process's streams or a WebSocket; what the pipe is made of is the transport's affair.
import { AppError, messageOf } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { idAtEnds } from '../../wire/lines.ts'
import { type Message, makeNotification, makeRequest, readMessage } from '../../wire/message.ts'
import { type Call, type Calls, createCalls } from '../calls.ts'
import type { UpstreamLink, UpstreamReply, UpstreamRequest } from '../client.ts'
import type { Hello } from '../handshake.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import type { Connection } from '../lane.ts'
import type { TransportDeps } from '../transport.ts'

export interface Pipe {
  /** False: the other side does not take it, now or any more. `call`: the request that the bytes are. */
  write(bytes: Uint8Array, call?: Call): boolean
  /** The server was greeted: what is written from now on is of this revision. */
  greeted?(revision: string): void
  /** Ends it with bounded waits. Idempotent. */
  close(): Promise<void>
  /** Ends it at once. */
  kill(): void
}

/** What a pipe tells. */
export interface PipeListener {
  /** One whole message, or what came in its place. */
  message(bytes: Buffer): void
  /** A message above limits.response was skipped; `head` and `tail` are its first and last bytes. */
  oversize(head: string, tail: string): void
  /** A message of the gateway was refused: the call has failed, or it has its answer. */
  refused(call: Call, how: AppError | Message): void
  /** It is gone; called once. `code` is what calls under way fail with. */
  end(reason: string, code?: EndCode): void
}

type EndCode = 'UPSTREAM_UNAVAILABLE' | 'UPSTREAM_PROTOCOL' | 'UPSTREAM_TOO_LARGE'

export interface ChannelOptions {
  /** The server's. */
  readonly name: string
  readonly queue: number
  /** What carries one message, for the log. */
  readonly unit: string
}

export class Channel implements PipeListener {
  readonly #options: ChannelOptions
  readonly #deps: TransportDeps
  readonly #calls: Calls
  readonly #inbox: Inbox
  readonly #lost = Promise.withResolvers<string>()
  #pipe: Pipe | undefined
  #link: UpstreamLink | undefined
  #closing: Promise<void> | undefined
  #over: string | undefined
  #garbage = 0
  #heard: number

  constructor(options: ChannelOptions, deps: TransportDeps) {
    this.#options = options
    this.#deps = deps
    this.#heard = deps.clock.now()
    this.#calls = createCalls({
      server: options.name,
      door: deps.door,
      clock: deps.clock,
      wheel: deps.wheel,
      queue: options.queue,
      depth: deps.limits.depth,
      abandoned: (call, reason) => this.#cancel(call, reason),
      ended: deps.events.call,
    })
    this.#inbox = createInbox({
      calls: this.#calls,
      log: deps.log,
      answer: (bytes) => void this.send(bytes),
      notification: (message) => this.#link && deps.events.notification(this.#link, message),
      request: (asked) => this.#link && deps.events.request(this.#link, asked),
    })
  }

  async open(open: (listener: PipeListener) => Promise<Pipe>): Promise<void> {
    this.#pipe = await open(this)
  }

  send(bytes: Uint8Array, call?: Call): boolean {
    return this.#over === undefined && this.#pipe?.write(bytes, call) === true
  }

  greeted(revision: string): void {
    this.#pipe?.greeted?.(revision)
  }

  /** Asks something of the gateway's own. */
  async ask(method: string, params: JsonObject, timeout: number): Promise<Message> {
    const message = makeRequest(method, params)
    return (await this.request({ message, edits: [], timeout })).message
  }

  async request(request: UpstreamRequest): Promise<UpstreamReply> {
    if (this.#over !== undefined) throw this.#deps.door.refusal ?? this.#unavailable(this.#over)
    const call = this.#calls.open(request)
    if (!this.send(call.bytes, call))
      this.#calls.fail(call.id, this.#unavailable('it does not read its input'))
    return call.reply
  }

  /** What the lane gets, once the server was greeted. */
  connection(hello: Hello): Connection {
    const link: UpstreamLink = {
      ...hello,
      request: (request) => this.request(request),
      notify: async (message) => {
        if (!this.send(message.bytes)) throw this.#unavailable(this.#over ?? 'it does not read')
      },
      close: () => this.close(),
    }
    this.#link = link
    return {
      link,
      lost: this.#lost.promise,
      idle: () => (this.#calls.size > 0 ? 0 : this.#deps.clock.now() - this.#heard),
      drop: () => this.#pipe?.kill(),
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    this.#inbox.close()
    this.#over ??= 'it is being stopped'
    this.#calls.failAll(() => this.#deps.door.refusal ?? this.#unavailable('it is being stopped'))
    await this.#pipe?.close()
  }

  message(bytes: Buffer): void {
    this.#heard = this.#deps.clock.now()
    let message: Message
    try {
      message = readMessage(bytes, { depth: this.#deps.limits.depth })
    } catch (error) {
      this.#unreadable(bytes, messageOf(error))
      return
    }
    this.#inbox(message)
  }

  // an answer against the rules fails its call now instead of at its deadline
  #unreadable(bytes: Buffer, reason: string): void {
    const id = idAtEnds(
      bytes.toString('latin1', 0, 256),
      bytes.toString('latin1', bytes.length - 256),
    )
    const what = `server ${this.#options.name} sent what is no message: ${reason}`
    if (id === undefined || !this.#calls.fail(id, new AppError('UPSTREAM_PROTOCOL', what)))
      this.#noise(bytes.length, reason)
  }

  // many servers print a banner; it harms nobody, but a flood of it must not flood the log
  #noise(bytes: number, reason: string): void {
    const count = ++this.#garbage
    if (count <= 3 || count % 1000 === 0)
      this.#deps.log.warn({ bytes, count, reason }, `${this.#options.unit} that is no message`)
  }

  oversize(head: string, tail: string): void {
    const { limits, log } = this.#deps
    const id = idAtEnds(head, tail)
    if (id !== undefined && this.#calls.fail(id, this.#tooLarge())) return
    log.warn({ limit: limits.response }, `${this.#options.unit} above limits.response`)
    if (id !== undefined || STARTS_WITH_METHOD.test(head)) return
    // nobody knows who waits for it, so nobody may wait for ever
    this.#pipe?.kill()
  }

  refused(call: Call, how: AppError | Message): void {
    if (how instanceof AppError) this.#calls.fail(call.id, how)
    else this.#calls.settleAs(call.id, how)
  }

  end(reason: string, code: EndCode = 'UPSTREAM_UNAVAILABLE'): void {
    this.#inbox.close()
    this.#over ??= reason
    this.#calls.failAll(() => this.#unavailable(reason, code))
    this.#lost.resolve(reason)
  }

  #cancel(call: Call, reason: string): void {
    const params = { requestId: call.id, reason }
    this.send(makeNotification('notifications/cancelled', params).bytes)
  }

  #unavailable(reason: string, code: EndCode = 'UPSTREAM_UNAVAILABLE'): AppError {
    return new AppError(code, `server ${this.#options.name} is not available: ${reason}`)
  }

  #tooLarge(): AppError {
    const { response } = this.#deps.limits
    return new AppError(
      'UPSTREAM_TOO_LARGE',
      `server ${this.#options.name} answered with more than ${response} bytes`,
    )
  }
}

const STARTS_WITH_METHOD = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"method"\s*:/
