// How the delivery of records stands: what was dropped, and whether writing works; said in the log, known to the sinks, which write.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { type AuditRecord, gapRecord } from './record.ts'

/** Drops may come by the thousand; the log hears of them this often. Milliseconds. */
const LOUD_EVERY = 10_000
/** How long flush and close wait for what does not answer. Milliseconds. */
export const PATIENCE = 5000

export interface DeliveryOptions {
  readonly clock: Clock
  readonly log: Logger
}

export class Delivery {
  /** Records taken but lost. */
  dropped = 0
  /** The last write worked. */
  works = true
  readonly #sink: string
  readonly #options: DeliveryOptions
  /** Dropped since the last gap record. */
  #unreported = 0
  #lastDropped = 0
  #loud = Number.NEGATIVE_INFINITY

  constructor(sink: string, options: DeliveryOptions) {
    this.#sink = sink
    this.#options = options
  }

  get healthy(): boolean {
    return this.works && this.#unreported === 0
  }

  get hasGap(): boolean {
    return this.#unreported > 0
  }

  drop(record: AuditRecord): void {
    this.dropped++
    this.#unreported++
    this.#lastDropped = record.seq
    const now = this.#options.clock.now()
    if (now - this.#loud < LOUD_EVERY) return
    this.#loud = now
    const fields = { sink: this.#sink, dropped: this.dropped }
    this.#options.log.error(fields, 'audit records are being dropped')
  }

  /** The hole stands where it is: after what was taken before it, ahead of what comes next. Undefined: there is none. */
  takeGap(): AuditRecord | undefined {
    if (this.#unreported === 0) return undefined
    const gap = gapRecord(this.#options.clock.wall(), this.#lastDropped, this.#unreported)
    this.#unreported = 0
    return gap
  }

  failed(reason: string): void {
    if (this.works)
      this.#options.log.error(
        { sink: this.#sink, reason },
        'audit records cannot be written; they wait and then are dropped',
      )
    this.works = false
  }

  recovered(): void {
    if (!this.works)
      this.#options.log.warn(
        { sink: this.#sink, dropped: this.dropped },
        'audit records are written again',
      )
    this.works = true
  }

  lost(what: Readonly<Record<string, number>>): void {
    this.#options.log.error({ sink: this.#sink, ...what }, 'audit records were lost at the end')
  }

  /** The work, or the end of the patience with it. */
  within(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const disarm = this.#options.clock.after(PATIENCE, resolve)
      work.then(resolve, reject).finally(disarm)
    })
  }
}
