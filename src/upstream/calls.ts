// The requests in flight on one link: own ids and progress tokens, deadlines, cancellation, who a message belongs to; it sends nothing.
import type { Clock } from '../base/clock.ts'
import type { Deadline, DeadlineWheel } from '../base/deadline.ts'
import { AppError, isAppError } from '../base/errors.ts'
import type { Message } from '../wire/message.ts'
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
}

interface Entry {
  call: Call
  started: number
  /** Undefined for a standing request, such as a subscription: it has no deadline, is not metered and not counted. */
  deadline: Deadline | undefined
  /** The client's own progress token as JSON text; undefined: it wants no progress. */
  token: string | undefined
  abort: (() => void) | undefined
  resolve(reply: UpstreamReply): void
  reject(error: AppError): void
}

export interface CallsOptions {
  readonly server: string
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
  /** Throws DISPATCH_ABORTED for a caller that has gone, UPSTREAM_UNAVAILABLE when too many are in flight. */
  open(request: UpstreamRequest): Call
  /** Gives a reply to its caller; false: nobody waits for it (any more). */
  settle(message: Message): boolean
  /** The same for an answer whose id is not the call's, such as the error of an HTTP status. */
  settleAs(id: number, message: Message): boolean
  /** Gives a progress notification to the caller it belongs to; false: nobody's. */
  progress(message: Message): boolean
  find(id: number): Call | undefined
  fail(id: number, error: AppError): boolean
  failAll(make: () => AppError): void
}

export function createCalls(options: CallsOptions): Calls {
  const entries = new Map<number, Entry>()
  let lastId = 0
  let standing = 0

  function open(request: UpstreamRequest): Call {
    if (request.signal?.aborted) throw aborted(options.server)
    const stands = request.timeout === Number.POSITIVE_INFINITY
    if (!stands && entries.size - standing >= options.queue) {
      const message = `server ${options.server} has ${options.queue} requests in flight already`
      throw new AppError('UPSTREAM_UNAVAILABLE', message)
    }
    const id = ++lastId
    const { bytes, token } = rewrite(request, id, options)
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamReply>()
    const call: Call = { id, request, bytes, reply: promise }
    const abort = request.signal && (() => abandon(id, aborted(options.server)))
    const started = options.clock.now()
    if (stands) standing++
    const deadline = stands
      ? undefined
      : options.wheel.arm(request.timeout, () => abandon(id, late(call)))
    if (abort) request.signal?.addEventListener('abort', abort, { once: true })
    entries.set(id, { call, started, deadline, token, abort, resolve, reject })
    return call
  }

  function abandon(id: number, error: AppError): void {
    const entry = close(id, outcomeOf(error))
    if (!entry) return
    entry.reject(error)
    // an initialize that is given up must not be cancelled (basic/utilities/cancellation)
    if (entry.call.request.message.method !== 'initialize')
      options.abandoned(entry.call, error.message)
  }

  function late(call: Call): AppError {
    const { method } = call.request.message
    const message = `server ${options.server} did not answer ${method} within ${call.request.timeout} ms`
    return new AppError('UPSTREAM_TIMEOUT', message)
  }

  function close(id: number, outcome: CallOutcome): Entry | undefined {
    const entry = entries.get(id)
    if (!entry) return undefined
    entries.delete(id)
    const { request } = entry.call
    if (entry.abort) request.signal?.removeEventListener('abort', entry.abort)
    if (entry.deadline) {
      options.wheel.disarm(entry.deadline)
      options.ended(request.message.method ?? '', options.clock.now() - entry.started, outcome)
    } else standing--
    return entry
  }

  function fail(id: number, error: AppError): boolean {
    const entry = close(id, outcomeOf(error))
    entry?.reject(error)
    return entry !== undefined
  }

  function settleAs(id: number, message: Message): boolean {
    const entry = close(id, message.kind === 'error' ? 'error' : 'ok')
    entry?.resolve({ message })
    return entry !== undefined
  }

  return {
    get size() {
      return entries.size - standing
    },
    open,
    settle: (message) => typeof message.id === 'number' && settleAs(message.id, message),
    settleAs,
    progress(message) {
      const owner = entries.get(progressTokenOf(message))
      if (!owner || owner.token === undefined) return false
      const { request } = owner.call
      if (request.onNotification)
        request.onNotification(restoreToken(message, owner.token, options.depth))
      return true
    },
    find: (id) => entries.get(id)?.call,
    fail,
    failAll(make) {
      for (const id of [...entries.keys()]) fail(id, make())
    },
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
