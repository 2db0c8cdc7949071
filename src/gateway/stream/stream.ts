// One event stream towards a client: its points, the order of its messages, and in the legacy era its life beyond one connection.
import { encodeEvent } from '../../wire/sse.ts'
import type { Answer, RpcId } from '../answer.ts'
import type { Exchange } from '../exchange.ts'
import { Holdback } from './holdback.ts'
import { keepAlive } from './keep-alive.ts'
import type { LoggedStream, Resumption, StreamLog } from './memory.ts'
import { type Refusal, StreamPoints } from './points.ts'
import { failure, insteadOfAnswer, insteadOfStream, tooMuch } from './refusal.ts'
import type { Carrier, Opening, StreamSetup } from './setup.ts'

const RETRY = 1000

export class EventStream implements LoggedStream {
  readonly #setup: StreamSetup
  readonly #points: StreamPoints
  readonly #order: Holdback
  readonly #log: StreamLog | undefined
  #carrier: Carrier | undefined = undefined
  #stopBeating = () => {}
  #state: 'opening' | 'open' | 'answered' | 'closed' = 'opening'
  /** `stream_pre_open` let it pass, so `stream_pre_close` is owed. */
  #passed = false
  /** What ended it while it was being opened. */
  #broken: Refusal | undefined = undefined

  constructor(setup: StreamSetup) {
    const { room, exchange, channel, events } = setup
    this.#setup = setup
    this.#points = new StreamPoints(room, exchange, channel)
    this.#log = events?.stream(this)
    this.#order = new Holdback({
      limit: () => this.#points.runtime.limits.holdback,
      overflow: () => this.#break({ fault: tooMuch() }),
      failed: (cause) => this.#break({ fault: failure(cause) }),
    })
  }

  /** For a client that may come back. */
  get waiting(): boolean {
    return this.#state === 'open' && !this.#carrier
  }

  /** On its first connection. False: it was refused, which has been answered, or the client has gone. */
  open(carrier: Carrier, opening: Opening = {}): boolean | Promise<boolean> {
    let opened: boolean | Promise<boolean> = false
    this.#order.push(0, () => {
      const decided = this.#points.open()
      opened =
        decided instanceof Promise
          ? decided.then((refusal) => this.#begin(carrier, opening, refusal))
          : this.#begin(carrier, opening, decided)
      return opened instanceof Promise ? opened.then(() => {}) : undefined
    })
    return opened
  }

  /** False when nobody can take the message any more. What becomes of it may be decided later: `dropped`. `of`: what it belongs to. */
  send(message: Buffer, dropped?: () => void, of?: Exchange): boolean {
    if (this.#over || this.#broken) return false
    const drop = (end: Refusal) => {
      this.#setup.room.report.dropped('violation' in end ? 'policy' : 'fault')
      dropped?.()
      return undefined
    }
    this.#order.push(message.length, () => this.#pass(message, drop, of))
    return !(this.#over || this.#broken)
  }

  get #over(): boolean {
    return this.#state === 'answered' || this.#state === 'closed'
  }

  /** The answer of its request, the last message. Resolves when it has been sent, or kept for a client that comes back. */
  async answer(id: RpcId | undefined, { bytes }: Answer): Promise<void> {
    await this.respond(this.#setup.exchange, id, bytes)
    this.finish()
  }

  /** The answer of one of several requests. */
  async respond(exchange: Exchange, id: RpcId | undefined, bytes: Buffer): Promise<void> {
    // what is before it has its own bound; the message everybody waits for does not wait behind it
    await this.#order.settled()
    const instead = (end: Refusal) => insteadOfAnswer(exchange, end, id).bytes
    this.#order.push(bytes.length, () => this.#pass(bytes, instead, exchange))
    await this.#order.settled()
  }

  /** Lets go of the connection while the stream goes on: the client comes back for the rest. */
  pause(): void {
    this.#order.push(0, () => this.#detach()?.end())
  }

  /** Goes on after one event on another connection, before which it is judged again. Rejects with STREAM_EVENT_GONE. */
  async resume(resumption: Resumption): Promise<void> {
    let failed: unknown
    this.#order.push(0, () =>
      this.#takeUp(resumption).catch((error: unknown) => {
        failed = error
      }),
    )
    await this.#order.settled()
    if (failed !== undefined) throw failed
  }

  /** The request that opened it is over: from now on each message passes the points of the generation of its time. */
  release(): void {
    const { runtime } = this.#points
    this.#points.follow()
    // swapped between the request and its stream
    if (runtime !== this.#points.runtime) this.reloaded()
  }

  /** Another generation is in force: it is asked before anything else is sent. */
  reloaded(): void {
    this.#points.follow()
    this.#order.push(0, async () => {
      const refusal = await this.#points.update()
      if (refusal) this.#break(refusal)
    })
  }

  /** For good. Nothing holds it open. */
  close(): void {
    if (this.#state === 'closed') return
    const whole = this.#state === 'answered'
    this.#state = 'closed'
    this.#order.clear()
    this.#detach()?.end()
    if (whole) this.#log?.end()
    else this.#log?.forget()
    this.#setup.closed?.(this)
    this.#tellClosed()
  }

  // exactly once for each opening that passed; a veto cannot keep the stream open, but what is kept of it goes
  #tellClosed(): void {
    if (!this.#passed) return
    this.#passed = false
    const decided = this.#points.close()
    const forget = (refusal: Refusal | undefined) => refusal && this.#log?.forget()
    if (decided instanceof Promise) void decided.then(forget)
    else forget(decided)
  }

  #begin(
    carrier: Carrier,
    opening: Opening,
    refusal: Refusal | undefined = this.#broken,
  ): boolean | Promise<boolean> {
    if (refusal) return this.#refuse(carrier, refusal)
    this.#passed = true
    const begun = carrier.stream(opening.headers)
    return begun instanceof Promise
      ? begun.then((open) => this.#begun(carrier, opening, open))
      : this.#begun(carrier, opening, begun)
  }

  #begun(carrier: Carrier, { retry = RETRY }: Opening, open: boolean): boolean {
    if (!open || this.#state === 'closed') {
      if (open) carrier.end()
      this.close()
      this.#tellClosed()
      return false
    }
    this.#state = 'open'
    this.#attach(carrier)
    if (this.#setup.primed && this.#log)
      carrier.write(this.#log.append((id) => encodeEvent({ id, retry, data: '' })))
    if (this.#broken) this.#break(this.#broken)
    return this.#carrier !== undefined
  }

  #refuse(carrier: Carrier, refusal: Refusal): false | Promise<false> {
    const { room, exchange, id, refused } = this.#setup
    const answer = insteadOfStream(exchange, refusal, id)
    this.close()
    // told when it is sent: whoever is told gives the request up, and with it what policies have to say about the response
    const told = (): false => {
      if (refused) refused(answer)
      else room.report.finished(exchange, answer.outcome ?? 'fault', answer.code)
      return false
    }
    const sent = carrier.json(answer)
    return sent instanceof Promise ? sent.then(told) : told()
  }

  /** Ends it before its time: its request, if it answers one, gets a refusal instead of all that was to come. */
  #break(refusal: Refusal): void {
    const { exchange, id, refused } = this.#setup
    if (this.#state === 'opening') this.#broken = refusal
    if (this.#state !== 'open') return
    if (id !== undefined) {
      const answer = insteadOfAnswer(exchange, refusal, id)
      this.#put(answer.bytes)
      this.finish()
      refused?.(answer)
    } else {
      this.close()
      refused?.(insteadOfStream(exchange, refusal, undefined))
    }
  }

  #pass(
    bytes: Buffer,
    instead: (end: Refusal) => Buffer | undefined,
    of: Exchange | undefined,
  ): void | Promise<void> {
    if (this.#state !== 'open') return
    const put = (end: Buffer | Refusal) => this.#put(Buffer.isBuffer(end) ? end : instead(end))
    const decided = this.#points.message(bytes, of)
    return decided instanceof Promise ? decided.then(put) : put(decided)
  }

  #put(data: Buffer | undefined): void {
    if (data === undefined || this.#state !== 'open') return
    const frame = this.#log
      ? this.#log.append((id) => encodeEvent({ id, data }))
      : encodeEvent({ data })
    this.#carrier?.write(frame)
  }

  /** Nothing more will be said on it. Without a client it waits, for as long as its log is kept. */
  finish(): void {
    if (this.#state !== 'open') return
    this.#state = 'answered'
    if (this.#carrier) this.close()
    else {
      this.#points.follow()
      this.#log?.end()
    }
  }

  async #takeUp({ carrier, exchange, log, sequence }: Resumption): Promise<void> {
    const { room } = this.#setup
    const frames = log.since(sequence)
    this.#points.follow()
    const refusal = await this.#points.update()
    if (refusal) {
      this.#break(refusal)
      this.close()
      log.forget()
      room.report.finished(exchange, 'violation' in refusal ? 'denied' : 'fault', undefined)
      return carrier.json(insteadOfStream(exchange, refusal, undefined))
    }
    if (!(await carrier.stream())) return
    this.#detach()?.end()
    for (const frame of frames) carrier.write(frame)
    if (this.#state === 'open') this.#attach(carrier)
    else {
      carrier.end()
      this.close()
    }
  }

  #attach(carrier: Carrier): void {
    const { room } = this.#setup
    this.#carrier = carrier
    this.#stopBeating = keepAlive(room.clock, (frame) => carrier.write(frame))
    room.streams.add(this)
    carrier.onClose(() => {
      if (this.#carrier !== carrier) return
      this.#detach()
      if (!this.#log) this.close()
    })
  }

  #detach(): Carrier | undefined {
    const carrier = this.#carrier
    if (!carrier) return undefined
    this.#carrier = undefined
    this.#stopBeating()
    this.#setup.room.streams.delete(this)
    return carrier
  }
}
