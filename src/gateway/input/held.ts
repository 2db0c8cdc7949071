// Calls held open at a server of the legacy era while a client of the modern era finds answers to what the server asks; it sends nothing.
import { Cancellation } from '../../base/caller.ts'
import type { Deadline, DeadlineWheel } from '../../base/deadline.ts'
import { AppError } from '../../base/errors.ts'
import type { ServerRequest, UpstreamReply } from '../../upstream/client.ts'
import type { Message } from '../../wire/message.ts'

/** What the server did next: it answered, or it asks. */
export type HeldEvent =
  | { readonly reply: UpstreamReply }
  | { readonly questions: ReadonlyMap<string, Message> }

export interface HeldCall {
  readonly id: string
  /** Whose going away gives the call up: not one request of the client, for the call outlives it. */
  readonly caller: Cancellation
  /** A request of the server; resolves to the whole answer with its id. */
  ask(asked: ServerRequest): Promise<Uint8Array>
  /** The server's answer, or the questions nobody has answered. */
  next(reply: Promise<UpstreamReply>): Promise<HeldEvent>
  /** False: nobody asks this (any more). */
  answer(key: string, bytes: Uint8Array): boolean
  /** The id of the server's question. */
  idOf(key: string): string | number | undefined
  end(): void
}

export interface HeldCalls {
  /** `key` names the connection, which belongs to one client. */
  open(key: string): HeldCall
  /** Waits for the client to come back; given up when it does not. Throws CLIENT_UNREACHABLE when too many wait. */
  park(held: HeldCall, more: unknown, ttl: number): void
  /** The call a client comes back to, once; undefined: it was given up. */
  take<T>(id: string): { readonly held: HeldCall; readonly more: T } | undefined
  /** The only call on a connection: what a server asks there can be about no other. */
  only(key: string): HeldCall | undefined
  close(): void
}

const MAX_PARKED = 1000

interface Parked {
  readonly held: HeldCall
  readonly more: unknown
  readonly deadline: Deadline
}

export function createHeldCalls(deps: {
  readonly wheel: DeadlineWheel
  readonly createId: () => string
}): HeldCalls {
  const { wheel, createId } = deps
  const parked = new Map<string, Parked>()
  const byKey = new Map<string, Set<HeldCall>>()

  function open(key: string): HeldCall {
    const calls = byKey.get(key) ?? new Set<HeldCall>()
    byKey.set(key, calls)
    const held = new Held(createId(), () => {
      calls.delete(held)
      if (calls.size === 0 && byKey.get(key) === calls) byKey.delete(key)
    })
    calls.add(held)
    return held
  }

  return {
    open,
    park(held, more, ttl) {
      if (parked.size >= MAX_PARKED)
        throw new AppError('CLIENT_UNREACHABLE', `${MAX_PARKED} calls wait for input already`)
      const deadline = wheel.arm(ttl, () => {
        parked.delete(held.id)
        held.end()
      })
      parked.set(held.id, { held, more, deadline })
    },
    take<T>(id: string) {
      const found = parked.get(id)
      if (!found) return undefined
      parked.delete(id)
      wheel.disarm(found.deadline)
      return found as { held: HeldCall; more: T }
    },
    only(key) {
      const calls = byKey.get(key)
      return calls?.size === 1 ? [...calls][0] : undefined
    },
    close() {
      for (const { held, deadline } of parked.values()) {
        wheel.disarm(deadline)
        held.end()
      }
      parked.clear()
    },
  }
}

interface Open {
  readonly message: Message
  readonly resolve: (bytes: Uint8Array) => void
  readonly withdraw: () => void
}

class Held implements HeldCall {
  readonly id: string
  readonly caller = new Cancellation()
  readonly #forget: () => void
  readonly #open = new Map<string, Open>()
  #asked = 0
  #wake: (() => void) | undefined = undefined

  constructor(id: string, forget: () => void) {
    this.id = id
    this.#forget = forget
  }

  ask({ message, caller }: ServerRequest): Promise<Uint8Array> {
    const key = `question_${++this.#asked}`
    return new Promise((resolve, reject) => {
      const withdraw = () => {
        this.#open.delete(key)
        caller.leave(gone)
        reject(new AppError('DISPATCH_ABORTED', 'the question was withdrawn'))
      }
      const gone = { interrupt: withdraw }
      caller.enter(gone)
      this.#open.set(key, {
        message,
        withdraw,
        resolve: (bytes) => {
          caller.leave(gone)
          resolve(bytes)
        },
      })
      this.#wake?.()
    })
  }

  async next(reply: Promise<UpstreamReply>): Promise<HeldEvent> {
    const ended = reply.then((found) => ({ reply: found }))
    ended.catch(() => {})
    const asks = new Promise<undefined>((resolve) => {
      this.#wake = () => resolve(undefined)
      if (this.#open.size > 0) resolve(undefined)
    })
    const first = await Promise.race([ended, asks])
    if (first) {
      this.end()
      return first
    }
    // what the server asks in one breath is asked together, and not at all when it has answered after all
    await new Promise(setImmediate)
    const late = await Promise.race([ended, undefined])
    if (late) {
      this.end()
      return late
    }
    return { questions: new Map([...this.#open].map(([key, { message }]) => [key, message])) }
  }

  answer(key: string, bytes: Uint8Array): boolean {
    const question = this.#open.get(key)
    this.#open.delete(key)
    question?.resolve(bytes)
    return question !== undefined
  }

  idOf(key: string): string | number | undefined {
    return this.#open.get(key)?.message.id
  }

  end(): void {
    this.#forget()
    // a server may forget to take back what it asked for a call that is given up
    for (const { withdraw } of [...this.#open.values()]) withdraw()
    this.caller.abort()
  }
}
