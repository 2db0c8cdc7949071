// Audit records as JSON lines in a file: taken at once, written in batches, bounded, loud when they cannot be written.
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { Delivery } from './delivery.ts'
import { type AppendFile, type OpenAppendFile, openAppendFile } from './file.ts'
import { type AuditRecord, lineOf } from './record.ts'
import type { AuditSink } from './sink.ts'

export interface FileSinkOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  /** Force every batch to the disk. */
  readonly fsync?: boolean
  /** Bytes that may wait; 8 MiB. What comes on top is dropped and counted. */
  readonly bound?: number
  readonly open?: OpenAppendFile
}

const DEFAULT_BOUND = 8 * 1024 ** 2
/** Milliseconds a record waits for others. */
const INTERVAL = 200
const RETRY = 1000
export function createFileSink(options: FileSinkOptions): AuditSink {
  return new FileSink(options)
}

class FileSink implements AuditSink {
  readonly name: string
  readonly #options: FileSinkOptions
  readonly #bound: number
  readonly #delivery: Delivery
  #file: AppendFile | undefined
  #waiting: string[] = []
  #waitingBytes = 0
  /** What is left of the batch that is being written. */
  #batch: Uint8Array = EMPTY
  #timer: (() => void) | undefined
  #writing: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: FileSinkOptions) {
    this.name = `file:${options.path}`
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

  async start(): Promise<void> {
    this.#file ??= await this.#open()
  }

  write(record: AuditRecord): void {
    const line = `${lineOf(record)}\n`
    const size = Buffer.byteLength(line)
    if (this.#closed || this.#waitingBytes + this.#batch.length + size > this.#bound) {
      this.#delivery.drop(record)
      return
    }
    this.#markGap()
    this.#wait(line)
    this.#schedule(INTERVAL)
  }

  async flush(): Promise<void> {
    await this.#delivery.within(this.#drain())
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #schedule(ms: number): void {
    this.#timer ??= this.#options.clock.after(ms, () => {
      this.#timer = undefined
      void this.#turn()
    })
  }

  #open(): Promise<AppendFile> {
    return (this.#options.open ?? openAppendFile)(this.#options.path)
  }

  // one write at a time, whoever asks
  #turn(): Promise<void> {
    this.#writing ??= this.#attempt().finally(() => {
      this.#writing = undefined
      if (this.#pending && !this.#closed) this.#schedule(this.#delivery.works ? INTERVAL : RETRY)
    })
    return this.#writing
  }

  get #pending(): boolean {
    return this.#batch.length > 0 || this.#waiting.length > 0
  }

  // until nothing is left or a write fails; a failed one is tried again by the timer
  async #drain(): Promise<void> {
    do await this.#turn()
    while (this.#pending && this.#delivery.works)
  }

  async #attempt(): Promise<void> {
    try {
      this.#file ??= await this.#open()
      if (this.#batch.length === 0) this.#take()
      // a rest stays a rest: a line that was half written is finished, never begun again
      while (this.#batch.length > 0)
        this.#batch = this.#batch.subarray(await this.#file.write(this.#batch))
      if (this.#options.fsync) await this.#file.sync()
      this.#delivery.recovered()
    } catch (error) {
      this.#delivery.failed(messageOf(error))
    }
  }

  #take(): void {
    this.#markGap()
    this.#batch = Buffer.from(this.#waiting.join(''))
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #wait(line: string): void {
    this.#waiting.push(line)
    this.#waitingBytes += Buffer.byteLength(line)
  }

  #markGap(): void {
    const gap = this.#delivery.takeGap()
    if (gap !== undefined) this.#wait(`${lineOf(gap)}\n`)
  }

  async #close(): Promise<void> {
    this.#timer?.()
    this.#timer = undefined
    await this.#delivery.within(this.#drain())
    if (this.#pending) this.#delivery.lost({ bytes: this.#batch.length + this.#waitingBytes })
    if (this.#file) await this.#delivery.within(this.#file.close())
  }
}

const EMPTY = new Uint8Array(0)
