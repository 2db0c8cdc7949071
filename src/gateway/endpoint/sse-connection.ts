// One client of HTTP+SSE (2024-11-05): its stream, on which everything for it comes in order, kept alive and bounded.
import type { ServerResponse } from 'node:http'
import type { Principal, RequestContext } from '../../engine/context.ts'
import { encodeEvent } from '../../wire/sse.ts'
import type { Answer, RpcId } from '../answer.ts'
import type { Exchange, Room } from '../exchange.ts'
import { createSequence } from '../notification/sequence.ts'
import type { Session } from '../session.ts'
import type { Carrier } from '../stream/setup.ts'
import { EventStream } from '../stream/stream.ts'
import type { Reply } from './reply.ts'

/** What a client may have unread before answers wait and what nobody waits for is dropped. */
const BEHIND = 1024 * 1024
/** A client that is behind at so many beats in a row is given up. */
const PATIENCE = 2

export interface SseSetup {
  readonly id: string
  readonly room: Room
  /** Of the request that opens the stream. */
  readonly exchange: Exchange
  readonly reply: Reply
  readonly response: ServerResponse
  /** Where the client posts its messages. */
  readonly url: string
  /** Whether the stream may go on; asked now and then. */
  readonly wanted: () => boolean
}

export class SseConnection {
  readonly id: string
  readonly principal: Principal
  /** `initialize` is being answered. */
  opening = false
  /** What the client has asked for and not been answered yet. */
  readonly requests = new Set<RequestContext>()
  readonly #setup: SseSetup
  readonly #stream: EventStream
  readonly #answers = createSequence(() => this.#setup.response.destroy())
  #session: Session | undefined = undefined
  #late = 0

  constructor(setup: SseSetup) {
    const { id, room, exchange } = setup
    this.id = id
    this.principal = exchange.identity.principal
    this.#setup = setup
    this.#stream = new EventStream({ room, exchange, channel: 'get' })
  }

  /** Undefined until `initialize` has been answered. */
  get session(): Session | undefined {
    return this.#session
  }

  get gone(): boolean {
    const { destroyed, writableEnded } = this.#setup.response
    return destroyed || writableEnded
  }

  /** False: the stream was refused, which has been answered, or the client has gone. */
  async open(): Promise<boolean> {
    if (!(await this.#stream.open(this.#carrier()))) return false
    this.#stream.release()
    return true
  }

  /** The session that was opened on it. */
  enter(session: Session): void {
    this.#session = session
    const { identity } = this.#setup.exchange
    identity.session = session.id
    identity.sessionLabels = session.labels
    identity.client = session.client
    session.streams.add({
      waiting: false,
      send: (message, dropped) => this.notify(message, dropped),
      close: () => this.end(),
    })
  }

  /** What nobody waits for; false when the client is gone or too far behind. */
  notify(message: Buffer, dropped?: () => void, of?: Exchange): boolean {
    return !this.#isBehind() && this.#stream.send(message, dropped, of)
  }

  /** An answer waits for a client that is behind. Resolves when it is written or the client is gone. */
  answer(exchange: Exchange, id: RpcId, answer: Answer): Promise<void> {
    // as many as there are requests, which are bounded
    this.#answers.push(async () => {
      await this.#caughtUp()
      await this.#stream.respond(exchange, id, answer.bytes)
    })
    return this.#answers.settled()
  }

  closed(): Promise<void> {
    return new Promise((resolve) => {
      this.#setup.response.once('close', resolve)
      if (this.gone) resolve()
    })
  }

  end(): void {
    this.#stream.close()
  }

  #carrier(): Carrier {
    const { reply, url } = this.#setup
    return {
      async stream(headers) {
        return (
          (await reply.stream(headers)) &&
          reply.write(encodeEvent({ event: 'endpoint', data: url }))
        )
      },
      json: (answer) => reply.json(answer),
      write: (frame) => (frame[0] === COMMENT ? this.#beat(frame) : reply.write(frame)),
      end: () => reply.end(),
      onClose: (run) => reply.onClose(run),
    }
  }

  /** False: there will be no other. */
  #beat(comment: Buffer): boolean {
    const { reply, response, wanted } = this.#setup
    this.#late = this.#isBehind() ? this.#late + 1 : 0
    if (!wanted()) this.end()
    else if (this.#late >= PATIENCE) response.destroy()
    else if (this.#late === 0) return reply.write(comment)
    return !this.gone
  }

  #isBehind(): boolean {
    return this.#setup.response.writableLength > BEHIND
  }

  async #caughtUp(): Promise<void> {
    const { response } = this.#setup
    while (this.#isBehind() && !this.gone) {
      await new Promise<void>((resolve) => {
        const done = () => {
          response.off('drain', done).off('close', done)
          resolve()
        }
        response.on('drain', done).on('close', done)
      })
    }
  }
}

/** What a comment begins with. */
const COMMENT = 0x3a
