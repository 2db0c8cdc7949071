// The request to a server that an operation becomes, and what the server says before its answer.
import type { Caller } from '../../base/caller.ts'
import { AppError } from '../../base/errors.ts'
import type {
  ResultRelay,
  ServerRequest,
  Upstream,
  UpstreamRequest,
} from '../../upstream/client.ts'
import { type Message, readMessage } from '../../wire/message.ts'
import { type Edit, splice } from '../../wire/splice.ts'
import type { Permit } from '../access/permit.ts'
import type { Call } from '../exchange.ts'
import { createForwarder, type Forwarder } from '../notification/notifications.ts'

export class Outgoing implements UpstreamRequest {
  readonly message: Message
  caller: Caller
  readonly timeout: number
  readonly edits: readonly Edit[]
  readonly target: string
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly relay: ResultRelay | undefined
  /** Who answers what the server asks; undefined: nobody. */
  answers: ((asked: ServerRequest) => Promise<Uint8Array>) | undefined = undefined
  #call: Call
  readonly #upstream: Upstream
  /** Made when there is something to forward: most calls have no messages of their own. */
  #forwarder: Forwarder | undefined = undefined
  #moved = false

  constructor(
    call: Call,
    upstream: Upstream,
    what: Pick<Outgoing, 'edits' | 'target' | 'headers' | 'relay'> & { readonly permit: Permit },
  ) {
    // nothing of a caller goes upstream that it was not permitted
    if (what.permit.server !== upstream.name)
      throw new AppError('INTERNAL', `a permit for ${what.permit.server} led to ${upstream.name}`)
    const { message, exchange } = call
    this.message = message
    this.caller = exchange.request
    this.timeout = exchange.runtime.limits.request_timeout
    this.edits = what.edits
    this.target = what.target
    this.headers = what.headers
    this.relay = what.relay
    this.#call = call
    this.#upstream = upstream
  }

  onNotification(given: Message): void {
    const notification = this.#moved ? withToken(given, this.#call.message) : given
    if (!notification) return
    this.#forwarder ??= createForwarder(this.#call, this.#upstream)
    this.#forwarder.push(notification)
  }

  onRequest(asked: ServerRequest): Promise<Uint8Array> | undefined {
    return this.answers?.(asked)
  }

  /** What the server says from now on goes to another request of the same client. */
  moveTo(call: Call): void {
    this.#call = call
    this.#moved = true
    this.#forwarder = undefined
  }

  onPause(retry: number | undefined): void {
    this.#call.outbound.pause?.(retry)
  }

  /** What was sent before the answer reaches the client before it; undefined: nothing was. */
  get forwarded(): Promise<void> | undefined {
    return this.#forwarder?.settled()
  }
}

/** Progress is told to the request that is under way now, under its own token; undefined: it asked for none. */
function withToken(notification: Message, request: Message): Message | undefined {
  if (notification.method !== 'notifications/progress') return notification
  const span = notification.scan.inner.get('progressToken')
  const own = request.scan.meta.get('progressToken')
  if (!span || !own) return undefined
  const text = request.bytes.toString('utf8', own.start, own.end)
  return readMessage(splice(notification.bytes, [{ span, text }]))
}
