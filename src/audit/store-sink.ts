// Audit records into the store: a push on the request's path, batches behind it, bounded, loud; it knows no database.
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { Delivery, PATIENCE } from './delivery.ts'
import type { AuditRecord } from './record.ts'
import type { AuditSink } from './sink.ts'

/** Where the records end up. */
export interface RecordTable {
  /** Rejects with what is wrong and the next step. */
  open(): Promise<void>
  /** All or nothing, in order. Repeating a batch after a failure writes no record twice. */
  append(records: readonly AuditRecord[]): Promise<void>
  close(): Promise<void>
}

export interface StoreSinkOptions {
  readonly table: RecordTable
  readonly clock: Clock
  readonly log: Logger
  /** Bytes that may wait, as `weightOf` counts them; 16 MiB. What comes on top is dropped and counted. */
  readonly bound?: number
}

const DEFAULT_BOUND = 16 * 1024 ** 2
/** Milliseconds a record waits for others. With the write after it: durable in 250. */
const INTERVAL = 100
/** Records of one transaction, and of one turn of the loop: about half a millisecond. */
export const BATCH = 200
const RETRY = 1000
export function createStoreSink(options: StoreSinkOptions): AuditSink {
  return new StoreSink(options)
}

class StoreSink implements AuditSink {
  readonly name = 'store'
  readonly #options: StoreSinkOptions
  readonly #bound: number
  readonly #delivery: Delivery
  /** Taken and not yet committed: the batch that is being written, then what waits. */
  #batch: readonly AuditRecord[] = []
  #waiting: AuditRecord[] = []
  #weight = 0
  /** How many were taken, and how many of them are where they belong; a gap counts as a record. */
  #taken = 0
  #kept = 0
  #timer: (() => void) | undefined
  /** The timer that is armed is for a full batch. */
  #soon = false
  #writing: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: StoreSinkOptions) {
    this.#options = options
    this.#delivery = new Delivery(this.name, options)
    this.#bound = options.bound ?? DEFAULT_BOUND
  }

  get dropped(): number {
    return this.#delivery.dropped
  }

  get healthy(): boolean {
    return this.#delivery.healthy
  }

  start(): Promise<void> {
    return this.#options.table.open()
  }

  write(record: AuditRecord): void {
    const weight = weightOf(record)
    if (this.#closed !== undefined || this.#weight + weight > this.#bound) {
      this.#delivery.drop(record)
      return
    }
    this.#markGap()
    this.#wait(record)
    if (this.#timer === undefined || (this.#waiting.length >= BATCH && !this.#soon))
      this.#schedule()
  }

  async flush(): Promise<void> {
    await this.#delivery.within(this.#drain())
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #markGap(): void {
    const gap = this.#delivery.takeGap()
    if (gap !== undefined) this.#wait(gap)
  }

  #wait(record: AuditRecord): void {
    this.#waiting.push(record)
    this.#weight += weightOf(record)
    this.#taken++
  }

  /** Arms the one timer: at once for a full batch, and never earlier than the next attempt after a failure. */
  #schedule(): void {
    if (this.#writing !== undefined || this.#closed !== undefined) return
    if (!this.#delivery.works && this.#timer !== undefined) return
    this.#timer?.()
    this.#soon = this.#delivery.works && this.#waiting.length >= BATCH
    const ms = this.#soon ? 0 : this.#delivery.works ? INTERVAL : RETRY
    this.#timer = this.#options.clock.after(ms, () => void this.#turn())
  }

  // one batch at a time, whoever asks
  #turn(): Promise<void> {
    this.#disarm()
    this.#writing ??= this.#attempt().finally(() => {
      this.#writing = undefined
      if (this.#pending) this.#schedule()
    })
    return this.#writing
  }

  get #pending(): boolean {
    return this.#batch.length > 0 || this.#waiting.length > 0 || this.#delivery.hasGap
  }

  // until what was taken before is written or a write fails; a failed one is tried again by the timer
  async #drain(): Promise<void> {
    this.#markGap()
    const last = this.#taken
    while (this.#kept < last) {
      await this.#turn()
      if (!this.#delivery.works) return
    }
  }

  async #attempt(): Promise<void> {
    if (this.#batch.length === 0) this.#take()
    const batch = this.#batch
    if (batch.length === 0) return
    const { clock, table } = this.#options
    const disarm = clock.after(PATIENCE, () => this.#delivery.failed('the store does not answer'))
    try {
      await table.append(batch)
      this.#batch = []
      this.#kept += batch.length
      for (const record of batch) this.#weight -= weightOf(record)
      this.#delivery.recovered()
    } catch (error) {
      this.#delivery.failed(messageOf(error))
    } finally {
      disarm()
    }
  }

  #take(): void {
    this.#markGap()
    this.#batch = this.#waiting.splice(0, BATCH)
  }

  #disarm(): void {
    this.#timer?.()
    this.#timer = undefined
    this.#soon = false
  }

  async #close(): Promise<void> {
    await this.#delivery.within(this.#drain())
    this.#disarm()
    const lost = this.#batch.length + this.#waiting.length
    if (lost > 0) {
      this.#delivery.dropped += lost
      this.#delivery.lost({ lost })
    }
    await this.#delivery.within(this.#options.table.close())
  }
}

/** Bytes a record may take while it waits, from above: only what a plugin or a caller wrote can be long. */
function weightOf(record: AuditRecord): number {
  const { reason, description, target, details, arguments: given } = record
  const texts = (reason?.length ?? 0) + (description?.length ?? 0) + (target?.length ?? 0)
  const free = (details === undefined ? 0 : MOST_DETAILS) + (given === undefined ? 0 : MOST_DETAILS)
  return 512 + texts + free
}

/** What the redactor lets through of a plugin's details, and of arguments. */
const MOST_DETAILS = 8192
