// One client of HTTP+SSE (2024-11-05): its stream, on which everything for it comes in order, kept alive and bounded.
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import type { Principal, RequestContext } from '../../engine/context.ts'
import { createSequence } from '../notification/sequence.ts'
import type { Session } from '../session.ts'
import type { Reply } from './reply.ts'

/** Comments keep proxies from closing a silent stream. */
const KEEP_ALIVE = 15_000
/** What a client may have unread before answers wait and what nobody waits for is dropped. */
const BEHIND = 1024 * 1024
/** A client that is behind at so many beats in a row is given up. */
const PATIENCE = 2

export class SseConnection {
  readonly id: string
  readonly principal: Principal
  /** Undefined until `initialize` has been answered. */
  session: Session | undefined = undefined
  /** `initialize` is being answered. */
  opening = false
  /** What the client has asked for and not been answered yet. */
  readonly requests = new Set<RequestContext>()
  readonly #reply: Reply
  readonly #response: ServerResponse
  readonly #answers = createSequence(() => this.#response.destroy())

  constructor(id: string, principal: Principal, reply: Reply, response: ServerResponse) {
    this.id = id
    this.principal = principal
    this.#reply = reply
    this.#response = response
  }

  get gone(): boolean {
    return this.#response.destroyed || this.#response.writableEnded
  }

  /** Tells the client where to post. */
  welcome(url: string): void {
    this.#reply.event(url, 'endpoint')
  }

  /** What nobody waits for; false when the client is gone or too far behind. */
  notify(message: Buffer | string): boolean {
    return !this.#isBehind() && this.#reply.event(message)
  }

  /** An answer waits for a client that is behind. Resolves when it is written or the client is gone. */
  answer(message: Buffer): Promise<void> {
    // as many as there are requests, which are bounded
    this.#answers.push(async () => {
      await this.#caughtUp()
      this.#reply.event(message)
    })
    return this.#answers.settled()
  }

  /** Resolves when the stream has ended; `wanted` is asked at each beat whether it may go on. */
  async last(clock: Clock, wanted: () => boolean): Promise<void> {
    let late = 0
    const beat = () => {
      late = this.#isBehind() ? late + 1 : 0
      if (!wanted()) this.end()
      else if (late >= PATIENCE) this.#response.destroy()
      else if (late === 0) this.#reply.comment('keep-alive')
      cancel = clock.after(KEEP_ALIVE, beat)
    }
    let cancel = clock.after(KEEP_ALIVE, beat)
    await this.#closed()
    cancel()
  }

  end(): void {
    this.#reply.end()
  }

  #isBehind(): boolean {
    return this.#response.writableLength > BEHIND
  }

  #closed(): Promise<void> {
    return new Promise((resolve) => {
      this.#response.once('close', resolve)
      if (this.gone) resolve()
    })
  }

  async #caughtUp(): Promise<void> {
    while (this.#isBehind() && !this.gone) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#response.off('drain', done).off('close', done)
          resolve()
        }
        this.#response.on('drain', done).on('close', done)
      })
    }
  }
}
