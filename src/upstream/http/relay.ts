// The body of a large result that nobody has to see whole: passed on chunk by chunk, as fast as the client takes it.
import type { IncomingHttpHeaders } from 'node:http'
import { isAppError, messageOf } from '../../base/errors.ts'
import { Skim } from '../../wire/skim.ts'
import type { ResultRelay } from '../client.ts'
import { type Body, JsonBody, NO_RESUME, unreadable } from './body.ts'
import type { ReplySink } from './reply.ts'

/** Below this size collecting costs less than passing on. */
export const RELAYED_FROM = 16 * 1024

export class RelayBody implements Body {
  readonly #length: number
  readonly #headers: IncomingHttpHeaders
  readonly #sink: ReplySink
  readonly #relay: ResultRelay
  readonly #skim: Skim
  readonly #resume: () => void
  #size = 0
  #state: 'outline' | 'passing' | 'whole' = 'outline'
  /** As they came, until it is known whether they are passed on. */
  #chunks: Buffer[] = []
  #ready: Buffer[] = []
  #whole: JsonBody | undefined = undefined

  constructor(length: number, headers: IncomingHttpHeaders, sink: ReplySink) {
    const { to, expected } = sink.listener.relay as NonNullable<typeof sink.listener.relay>
    this.#length = length + Buffer.byteLength(to.id) - expected.length
    this.#headers = headers
    this.#sink = sink
    this.#relay = to
    this.#skim = new Skim({ expected, id: to.id, depth: sink.options.depth })
    this.#resume = () => sink.exchange?.resume()
  }

  data(chunk: Buffer): void {
    if (this.#whole) this.#whole.data(chunk)
    else this.#take(chunk)
  }

  #take(chunk: Buffer): void {
    try {
      const ready = this.#skim.push(chunk)
      if (this.#state === 'passing') this.#send(ready)
      else this.#decide(chunk, ready)
    } catch (error) {
      // nothing has been sent: the reader of whole messages says what is wrong with it
      if (this.#state === 'outline') this.#giveWhole(chunk)
      else this.#fail(error)
    }
  }

  end(): void {
    if (this.#state === 'outline') this.#giveWhole()
    if (this.#whole) this.#whole.end()
    else this.#complete()
  }

  #complete(): void {
    const { listener } = this.#sink
    try {
      this.#skim.end()
      if (this.#size !== this.#length) throw new Error('its length is not what it said')
      listener.relayed?.()
      listener.end(NO_RESUME)
    } catch (error) {
      this.#fail(error)
    }
  }

  #decide(chunk: Buffer, ready: readonly Buffer[]): void {
    const { outline } = this.#skim
    if (outline === 'unknown') {
      this.#chunks.push(chunk)
      this.#ready.push(...ready)
    } else if (outline === 'result' && this.#relay.begin(this.#length)) {
      this.#state = 'passing'
      this.#chunks = []
      this.#send([...this.#ready.splice(0), ...ready])
    } else this.#giveWhole(chunk)
  }

  #giveWhole(last?: Buffer): void {
    this.#state = 'whole'
    this.#whole = new JsonBody(this.#headers, this.#sink)
    for (const chunk of this.#chunks.splice(0)) this.#whole.data(chunk)
    if (last) this.#whole.data(last)
  }

  #send(ready: readonly Buffer[]): void {
    let flows = true
    for (const bytes of ready) {
      this.#size += bytes.length
      if (bytes.length > 0) flows = this.#relay.write(bytes, this.#resume) && flows
    }
    if (!flows) this.#sink.exchange?.pause()
  }

  #fail(error: unknown): void {
    const cause = isAppError(error) ? error : new Error(messageOf(error))
    this.#sink.refuse(unreadable(this.#sink.options, cause))
  }
}
