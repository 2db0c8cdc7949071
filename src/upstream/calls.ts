// The requests in flight on one link: own ids and progress tokens, deadlines, cancellation, who a message belongs to; it sends nothing.
import type { Interruptible } from '../base/caller.ts'
import type { Clock } from '../base/clock.ts'
import type { Deadline, DeadlineWheel } from '../base/deadline.ts'
import { AppError, isAppError } from '../base/errors.ts'
import { Slots } from '../base/slots.ts'
import type { Message } from '../wire/message.ts'
import type { Doorway } from './admission/door.ts'
import type { CallOutcome, UpstreamReply, UpstreamRequest } from './client.ts'
import { progressTokenOf, restoreToken, rewrite } from './rewrite.ts'

/** One request under way. */
export interface Call {
  /** The id on the wire towards the server; also its progress token there. */
  readonly id: number
  readonly request: UpstreamRequest
  /** What goes to the server. */
  readonly bytes: Uint8Array
  readonly reply: Promise<UpstreamReply>
  /** Nobody waits for it any more. */
  readonly over: boolean
  /** Over HTTP: what now carries the answer, to be dropped when the call is given up. */
  exchange: { abort(): void } | undefined
}

export interface CallsOptions {
  readonly server: string
  /** Every request of every transport passes here, so here it is asked. */
  readonly door: Doorway
  readonly clock: Clock
  readonly wheel: DeadlineWheel
  /** Most requests in flight. */
  readonly queue: number
  readonly depth: number
  /** The caller no longer waits, by abort or time-out, while the server still may work. */
  abandoned(call: Call, reason: string): void
  /** One call has ended. */
  ended(method: string, ms: number, outcome: CallOutcome): void
}

export interface Calls {
  /** Requests under way, without standing ones. */
  readonly size: number
  /** Throws UPSTREAM_QUARANTINED, DISPATCH_ABORTED for a caller that has gone, UPSTREAM_UNAVAILABLE when too many are in flight. */
  open(request: UpstreamRequest): Call
  /** Gives a reply to its caller; false: nobody waits for it (any more). */
  settle(message: Message): boolean
  /** The same for an answer whose id is not the call's, such as the error of an HTTP status. */
  settleAs(id: number, message: Message, relayed?: boolean): boolean
  /** Gives a progress notification to the caller it belongs to; false: nobody's. */
  progress(message: Message): boolean
  find(id: number): Call | undefined
  /** All that are under way, standing ones too. */
  all(): readonly Call[]
  /**
   * The server waits for somebody else now, so the time of the call, or of all calls, stands still until the returned
   * function is called.
   */
  hold(id: number | undefined): () => void
  fail(id: number, error: AppError): boolean
  failAll(make: () => AppError): void
}

export function createCalls(options: CallsOptions): Calls {
  return new CallTable(options)
}

/** One call with all that its end has to undo. */
class Pending implements Call, Interruptible {
  readonly id: number
  readonly request: UpstreamRequest
  readonly bytes: Uint8Array
  readonly started: number
  /** The client's own progress token as JSON text; undefined: it wants no progress. */
  readonly token: string | undefined
  /** Undefined for a standing request, such as a subscription: it has no deadline, is not metered and not counted. */
  deadline: Deadline | undefined = undefined
  /** For how many its time stands still, and how much of it is left. */
  holds = 0
  left = 0
  over = false
  exchange: { abort(): void } | undefined = undefined
  readonly reply: Promise<UpstreamReply>
  resolve!: (reply: UpstreamReply) => void
  reject!: (error: AppError) => void
  readonly #table: CallTable

  constructor(table: CallTable, id: number, request: UpstreamRequest, started: number) {
    const { bytes, token } = rewrite(request, id, table.options)
    this.#table = table
    this.id = id
    this.request = request
    this.bytes = bytes
    this.token = token
    this.started = started
    this.reply = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /** The caller has gone. */
  interrupt(): void {
    this.#table.abandon(this, aborted(this.#table.options.server))
  }
}

class CallTable implements Calls {
  readonly options: CallsOptions
  readonly #pending = new Slots<Pending>()
  #standing = 0

  constructor(options: CallsOptions) {
    this.options = options
  }

  get size(): number {
    return this.#pending.size - this.#standing
  }

  open(request: UpstreamRequest): Call {
    const { server, queue, clock, wheel, door } = this.options
    const { caller, timeout } = request
    const { refusal } = door
    if (refusal) throw refusal
    if (caller?.aborted) throw aborted(server)
    const stands = timeout === Number.POSITIVE_INFINITY
    if (!stands && this.size >= queue) {
      const message = `server ${server} has ${queue} requests in flight already`
      throw new AppError('UPSTREAM_UNAVAILABLE', message)
    }
    const now = clock.now()
    const call = this.#pending.add((id) => new Pending(this, id, request, now))
    if (stands) this.#standing++
    else call.deadline = wheel.armAt(now + timeout, () => this.abandon(call, this.#late(call)))
    caller?.enter(call)
    return call
  }

  abandon(call: Pending, error: AppError): void {
    if (!this.#close(call.id, outcomeOf(error))) return
    call.reject(error)
    // an initialize that is given up must not be cancelled (basic/utilities/cancellation)
    if (call.request.message.method !== 'initialize') this.options.abandoned(call, error.message)
  }

  settle(message: Message): boolean {
    return typeof message.id === 'number' && this.settleAs(message.id, message)
  }

  settleAs(id: number, message: Message, relayed = false): boolean {
    const call = this.#close(id, message.kind === 'error' ? 'error' : 'ok')
    call?.resolve(relayed ? { message, relayed } : { message })
    return call !== undefined
  }

  progress(message: Message): boolean {
    const owner = this.#pending.get(progressTokenOf(message))
    if (!owner || owner.token === undefined) return false
    const { request } = owner
    if (request.onNotification)
      request.onNotification(restoreToken(message, owner.token, this.options.depth))
    return true
  }

  find(id: number): Call | undefined {
    return this.#pending.get(id)
  }

  all(): readonly Call[] {
    return this.#pending.values()
  }

  hold(id: number | undefined): () => void {
    const one = id === undefined ? undefined : this.#pending.get(id)
    const held = (one ? [one] : this.#pending.values()).filter(({ deadline }) => deadline)
    for (const call of held) this.#stop(call)
    return () => {
      for (const call of held) this.#goOn(call)
    }
  }

  #stop(call: Pending): void {
    if (call.holds++ > 0 || !call.deadline) return
    const { wheel, clock } = this.options
    call.left = call.deadline.at - clock.now()
    wheel.disarm(call.deadline)
  }

  #goOn(call: Pending): void {
    if (--call.holds > 0 || call.over) return
    call.deadline = this.options.wheel.arm(Math.max(call.left, 1), () =>
      this.abandon(call, this.#late(call)),
    )
  }

  fail(id: number, error: AppError): boolean {
    const call = this.#close(id, outcomeOf(error))
    call?.reject(error)
    return call !== undefined
  }

  failAll(make: () => AppError): void {
    for (const { id } of this.#pending.values()) this.fail(id, make())
  }

  #late({ request }: Pending): AppError {
    const message = `server ${this.options.server} did not answer ${request.message.method} within ${request.timeout} ms`
    return new AppError('UPSTREAM_TIMEOUT', message)
  }

  #close(id: number, outcome: CallOutcome): Pending | undefined {
    const call = this.#pending.get(id)
    if (call === undefined) return undefined
    this.#pending.delete(id)
    call.over = true
    const { request, deadline, started } = call
    request.caller?.leave(call)
    if (deadline === undefined) this.#standing--
    else {
      const { wheel, clock, ended } = this.options
      wheel.disarm(deadline)
      ended(request.message.method ?? '', clock.now() - started, outcome)
    }
    return call
  }
}

function aborted(server: string): AppError {
  return new AppError('DISPATCH_ABORTED', `the call to server ${server} was cancelled`)
}

function outcomeOf(error: AppError): CallOutcome {
  if (isAppError(error, 'DISPATCH_ABORTED')) return 'aborted'
  if (isAppError(error, 'UPSTREAM_TIMEOUT')) return 'timeout'
  if (isAppError(error, 'UPSTREAM_PROTOCOL') || isAppError(error, 'UPSTREAM_TOO_LARGE'))
    return 'protocol'
  return 'unavailable'
}
