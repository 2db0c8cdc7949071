// How an answer leaves over HTTP: JSON, or an event stream when something has to be said before it or the client wants nothing else.
import { AppError } from '../../base/errors.ts'
import type { ResultRelay } from '../../upstream/client.ts'
import { joinBatch } from '../../wire/batch.ts'
import { readMessage } from '../../wire/message.ts'
import type { Answer, RpcId } from '../answer.ts'
import type { ElementAnswer } from '../batch.ts'
import type { Exchange, Outbound, Room } from '../exchange.ts'
import type { Session, SessionStream } from '../session.ts'
import type { Channel } from '../stream/points.ts'
import { eventsOf, primes } from '../stream/resumption.ts'
import type { Opening } from '../stream/setup.ts'
import { EventStream } from '../stream/stream.ts'
import type { Reply } from './reply.ts'

export interface Accepts {
  readonly json: boolean
  readonly stream: boolean
}

/** Whose answer it is. */
export interface Asker {
  readonly room: Room
  readonly exchange: Exchange
  /** Undefined: several are answered. */
  readonly id: RpcId | undefined
  readonly revision: string
  readonly session: Session | undefined
  /** Lets go of the runtime: a standing request outlives generations. */
  readonly release: () => void
}

/** JSON unless something has to be said before the answer, or the client takes nothing but a stream. */
export class HttpOutbound implements Outbound {
  readonly #reply: Reply
  readonly #accepts: Accepts
  readonly #asker: Asker
  #stream: EventStream | undefined = undefined
  #opening: boolean | Promise<boolean> = false
  refusal: Answer | undefined = undefined

  constructor(reply: Reply, accepts: Accepts, asker: Asker) {
    this.#reply = reply
    this.#accepts = accepts
    this.#asker = asker
  }

  notify(message: Buffer, dropped?: () => void, of?: Exchange): boolean {
    return this.#streamed()?.send(message, dropped, of) ?? false
  }

  /** A client that can come back is told to: the server has sent the gateway away, too. */
  pause(retry: number | undefined): void {
    const { session, revision } = this.#asker
    if (session && primes(revision)) this.#streamed({ retry })?.pause()
  }

  async stand(): Promise<SessionStream | undefined> {
    if (!this.#accepts.stream)
      throw new AppError(
        'WIRE_NOT_ACCEPTABLE',
        'an event stream is all that is offered here; send Accept: text/event-stream',
      )
    const stream = this.#streamed({}, 'listen')
    if (!stream || !(await this.#opening)) return undefined
    stream.release()
    this.#asker.release()
    // the answer to come is what ends it
    return { waiting: false, send: (message, dropped) => stream.send(message, dropped), close() {} }
  }

  relay(id: RpcId): ResultRelay | undefined {
    return this.#stream || this.#wantsStream() ? undefined : this.#reply.relay(id)
  }

  finish(answer: Answer): void | Promise<void> {
    if (answer.relayed) return this.#reply.end()
    if (answer.status === 200 && this.#wantsStream()) this.#streamed({ headers: answer.headers })
    return this.#stream ? this.#last(this.#stream, answer) : this.#reply.json(answer)
  }

  #wantsStream(): boolean {
    const { json, stream } = this.#accepts
    return stream && (!json || this.#asker.exchange.runtime.listen.answers === 'stream')
  }

  /** The answers to a batch: one array, or an event each. */
  async finishBatch(answers: readonly ElementAnswer[]): Promise<void> {
    if (!this.#stream && answers.length === 0) return this.#reply.empty(202)
    if (!this.#stream && this.#accepts.json)
      return this.#reply.json({ bytes: joinBatch(answers.map(({ bytes }) => bytes)), status: 200 })
    const stream = this.#streamed()
    if (!stream || !(await this.#opening)) return
    for (const { exchange, bytes } of answers)
      await stream.respond(exchange, readMessage(bytes).id, bytes)
    stream.finish()
  }

  async #last(stream: EventStream, answer: Answer): Promise<void> {
    await this.#opening
    await stream.answer(this.#asker.id, answer)
  }

  #streamed(opening?: Opening, channel: Channel = 'post'): EventStream | undefined {
    if (this.#stream) return this.#stream
    // an answer that is on its way already leaves no response for what comes late
    if (!this.#accepts.stream || this.#reply.gone || this.#reply.begun) return undefined
    const { room, exchange, id, session, revision } = this.#asker
    this.#stream = new EventStream({
      room,
      exchange,
      channel,
      id,
      events: session && eventsOf(room, session),
      primed: primes(revision),
      refused: (answer) => {
        this.refusal = answer
        exchange.request.abort()
      },
    })
    this.#opening = this.#stream.open(this.#reply, opening)
    return this.#stream
  }
}

const BOTH: Accepts = { json: true, stream: true }

export function acceptedBy(accept: string | undefined): Accepts {
  // what the transport asks clients to send, letter by letter
  if (accept === 'application/json, text/event-stream') return BOTH
  const types = (accept ?? '*/*')
    .split(',')
    .map((part) => part.split(';', 1)[0]?.trim().toLowerCase())
  const any = types.includes('*/*')
  return {
    json: any || types.includes('application/json') || types.includes('application/*'),
    stream: any || types.includes('text/event-stream') || types.includes('text/*'),
  }
}

export function isMediaType(header: string | undefined, type: string): boolean {
  return header === type || header?.split(';', 1)[0]?.trim().toLowerCase() === type
}
