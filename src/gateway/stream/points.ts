// The points of one stream towards a client: what they are shown, in which generation, and what their verdicts are to the stream.
import type { AppError } from '../../base/errors.ts'
import type { StampedViolation } from '../../engine/verdict.ts'
import type { Points } from '../../points/table.ts'
import { type Message, readMessage } from '../../wire/message.ts'
import { derivedRequest, type Exchange, presentRuntime, type Room } from '../exchange.ts'
import type { Runtime } from '../runtime.ts'

/** What carries messages: the answer to a POST, the stream of a session that a GET opens, or a subscription of the modern era. */
export type Channel = 'post' | 'get' | 'listen'

type StreamPoint = 'stream_pre_open' | 'stream_pre_update' | 'stream_message' | 'stream_pre_close'
type Payload = Points[StreamPoint]['payload']

/** Not a pass. */
export type Refusal = { readonly violation: StampedViolation } | { readonly fault: AppError }
type Decided = Payload | Refusal

export class StreamPoints {
  readonly #room: Room
  readonly #exchange: Exchange
  readonly #channel: Channel
  #follows = false

  constructor(room: Room, exchange: Exchange, channel: Channel) {
    this.#room = room
    this.#exchange = exchange
    this.#channel = channel
  }

  /** That of the request that opened it, until the stream is on its own or has been told of another. */
  get runtime(): Runtime {
    if (!this.#follows) return this.#exchange.runtime
    try {
      return presentRuntime(this.#room, this.#exchange.identity.virtualServer)
    } catch {
      // the gateway has stopped: what is left to say passes the points that were there
      return this.#exchange.runtime
    }
  }

  /** From now on what happens on the stream happens in the generation of its time. */
  follow(): void {
    this.#follows = true
  }

  open(): Refusal | undefined | Promise<Refusal | undefined> {
    return this.#ask('stream_pre_open')
  }

  update(): Refusal | undefined | Promise<Refusal | undefined> {
    return this.#ask('stream_pre_update')
  }

  close(): Refusal | undefined | Promise<Refusal | undefined> {
    return this.#ask('stream_pre_close')
  }

  /** The message as it may go on; `of` is what it belongs to, where the stream carries the messages of several. */
  message(bytes: Buffer, of = this.#exchange): Buffer | Refusal | Promise<Buffer | Refusal> {
    if (!this.runtime.generation.runner('stream_message')) return bytes
    const message = readMessage(bytes)
    const shown = envelopeOf(message)
    const settle = (end: Decided | undefined) => {
      if (end && ('violation' in end || 'fault' in end)) return end
      const after = end?.message
      return after === undefined || (after === shown && !hasStrays(message))
        ? bytes
        : Buffer.from(JSON.stringify(after))
    }
    const decided = this.#dispatch('stream_message', of, {
      message: shown,
      method: message.method,
      bytes: bytes.length,
    })
    return decided instanceof Promise ? decided.then(settle) : settle(decided)
  }

  #ask(point: StreamPoint): Refusal | undefined | Promise<Refusal | undefined> {
    const decided = this.#dispatch(point, this.#exchange)
    return decided instanceof Promise ? decided.then(refusalOf) : refusalOf(decided)
  }

  /** Undefined: nobody is there to decide. */
  #dispatch(
    point: StreamPoint,
    of: Exchange,
    said?: {
      readonly message: object
      readonly method: string | undefined
      readonly bytes: number
    },
  ): Decided | undefined | Promise<Decided> {
    const { runtime } = this
    const runner = runtime.generation.runner(point)
    if (!runner) return undefined
    const identity = { ...of.identity, generation: runtime.generation.id }
    const own = derivedRequest({ ...of, identity }, said?.method ?? identity.method, undefined)
    const payload: Payload = {
      channel: this.#channel,
      principal: identity.principal,
      ...(said ? { message: said.message } : {}),
    }
    const release = runtime.pin()
    const settle = (end: Awaited<typeof outcome>): Decided => {
      release()
      if (end.kind === 'pass') return end.payload
      if (end.kind === 'deny') return { violation: end.violation }
      const { fault } = end as { fault: AppError }
      this.#room.report.raised(of, fault, point)
      return { fault }
    }
    const outcome = runner.dispatch(payload, own, said ? { bytes: said.bytes } : {})
    return outcome instanceof Promise ? outcome.then(settle) : settle(outcome)
  }
}

function refusalOf(end: Decided | undefined): Refusal | undefined {
  return end && ('violation' in end || 'fault' in end) ? end : undefined
}

const KNOWN: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

function envelopeOf({ id, method, params, result, error, kind }: Message): object {
  return {
    jsonrpc: '2.0',
    ...(id === undefined ? {} : { id }),
    ...(method === undefined ? {} : { method }),
    ...(params === undefined ? {} : { params }),
    ...(kind === 'result' ? { result } : {}),
    ...(error === undefined ? {} : { error }),
  }
}

// no policy is shown them, so they do not cross where policies look
function hasStrays({ scan }: Message): boolean {
  return [...scan.members.values()].some(({ name }) => !KNOWN.has(name))
}
