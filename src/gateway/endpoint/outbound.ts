// How an answer leaves over HTTP: JSON, or an event stream when something has to be said before it or the client wants nothing else.
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { ResultRelay } from '../../upstream/client.ts'
import { joinBatch } from '../../wire/batch.ts'
import type { Answer, RpcId } from '../answer.ts'
import type { Outbound } from '../exchange.ts'
import type { SessionStream } from '../session.ts'
import { keepAlive } from './keep-alive.ts'
import type { Reply } from './reply.ts'

export interface Accepts {
  readonly json: boolean
  readonly stream: boolean
}

/** JSON unless something has to be said before the answer, or the client takes nothing but a stream. */
export class HttpOutbound implements Outbound {
  readonly #reply: Reply
  readonly #accepts: Accepts
  readonly #release: () => void
  readonly #clock: Clock
  #opening: Promise<boolean> | undefined = undefined
  #waiting: Buffer[] | undefined = undefined

  /** `release` lets go of the runtime: a standing request outlives generations. */
  constructor(reply: Reply, accepts: Accepts, clock: Clock, release: () => void) {
    this.#reply = reply
    this.#accepts = accepts
    this.#clock = clock
    this.#release = release
  }

  notify(message: Buffer): boolean {
    if (!this.#accepts.stream || this.#reply.gone) return false
    if (this.#opening && !this.#waiting?.length) return this.#reply.event(message)
    this.#waiting ??= []
    if (this.#waiting.length >= MAX_WAITING) return false
    this.#waiting.push(message)
    void this.#begin()
    return true
  }

  async stand(): Promise<SessionStream | undefined> {
    if (!this.#accepts.stream) throw new AppError('WIRE_NOT_ACCEPTABLE', 'accept text/event-stream')
    if (!(await this.#begin())) return undefined
    this.#release()
    const cancel = keepAlive(this.#clock, this.#reply)
    return { send: (message) => this.#reply.event(message), close: cancel }
  }

  relay(id: RpcId): ResultRelay | undefined {
    return this.#opening || !this.#accepts.json ? undefined : this.#reply.relay(id)
  }

  finish(answer: Answer): void | Promise<void> {
    if (answer.relayed) return this.#reply.end()
    const { json, stream } = this.#accepts
    const mustStream = !json && stream && answer.status === 200
    return this.#opening || mustStream ? this.#stream(answer) : this.#reply.json(answer)
  }

  /** The answers to a batch: one array, or an event each. */
  async finishBatch(answers: readonly Buffer[]): Promise<void> {
    if (!this.#opening && answers.length === 0) return this.#reply.empty(202)
    if (!this.#opening && this.#accepts.json)
      return this.#reply.json({ bytes: joinBatch(answers), status: 200 })
    if (!(await this.#begin())) return
    for (const answer of answers) this.#reply.event(answer)
    this.#reply.end()
  }

  async #stream(answer: Answer): Promise<void> {
    if (!this.#opening && answer.headers) this.#opening = this.#reply.stream(answer.headers)
    if (await this.#begin()) await this.#reply.json(answer)
  }

  #begin(): Promise<boolean> {
    this.#opening ??= this.#reply.stream().then((open) => {
      for (const message of this.#waiting?.splice(0) ?? []) if (open) this.#reply.event(message)
      return open
    })
    return this.#opening
  }
}

/** Messages that wait while policies decide about the response. */
const MAX_WAITING = 256

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
