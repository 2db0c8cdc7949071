// Audit records as JSON lines in a file: taken at once, written in batches, bounded, loud when they cannot be written.
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { type AppendFile, type OpenAppendFile, openAppendFile } from './file.ts'
import { type AuditRecord, gapRecord, lineOf } from './record.ts'
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
/** Drops may come by the thousand; the log hears of them this often. */
const LOUD_EVERY = 10_000
/** How long flush and close wait for a disk that does not answer. */
const PATIENCE = 5000

export function createFileSink(options: FileSinkOptions): AuditSink {
  return new FileSink(options)
}

class FileSink implements AuditSink {
  readonly name: string
  readonly #options: FileSinkOptions
  readonly #bound: number
  #file: AppendFile | undefined
  #waiting: string[] = []
  #waitingBytes = 0
  /** What is left of the batch that is being written. */
  #batch: Uint8Array = EMPTY
  #unreported = 0
  #lastDropped = 0
  #loud = Number.NEGATIVE_INFINITY
  #dropped = 0
  #healthy = true
  #timer: (() => void) | undefined
  #writing: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: FileSinkOptions) {
    this.name = `file:${options.path}`
    this.#options = options
    this.#bound = options.bound ?? DEFAULT_BOUND
  }

  get dropped(): number {
    return this.#dropped
  }

  get healthy(): boolean {
    return this.#healthy && this.#unreported === 0
  }

  async start(): Promise<void> {
    this.#file ??= await this.#open()
  }

  write(record: AuditRecord): void {
    const line = `${lineOf(record)}\n`
    const size = Buffer.byteLength(line)
    if (this.#closed || this.#waitingBytes + this.#batch.length + size > this.#bound) {
      this.#drop(record)
      return
    }
    this.#markGap()
    this.#wait(line)
    this.#schedule(INTERVAL)
  }

  async flush(): Promise<void> {
    await this.#within(this.#drain())
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #drop(record: AuditRecord): void {
    this.#dropped++
    const now = this.#options.clock.now()
    if (now - this.#loud >= LOUD_EVERY) {
      this.#loud = now
      const fields = { sink: this.name, dropped: this.#dropped }
      this.#options.log.error(fields, 'audit records are being dropped')
    }
    this.#unreported++
    this.#lastDropped = record.seq
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
      if (this.#pending && !this.#closed) this.#schedule(this.#healthy ? INTERVAL : RETRY)
    })
    return this.#writing
  }

  get #pending(): boolean {
    return this.#batch.length > 0 || this.#waiting.length > 0
  }

  // until nothing is left or a write fails; a failed one is tried again by the timer
  async #drain(): Promise<void> {
    do await this.#turn()
    while (this.#pending && this.#healthy)
  }

  async #attempt(): Promise<void> {
    try {
      this.#file ??= await this.#open()
      if (this.#batch.length === 0) this.#take()
      // a rest stays a rest: a line that was half written is finished, never begun again
      while (this.#batch.length > 0)
        this.#batch = this.#batch.subarray(await this.#file.write(this.#batch))
      if (this.#options.fsync) await this.#file.sync()
      this.#recovered()
    } catch (error) {
      this.#failed(error)
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

  // the hole stands in the file where it is: after what was taken before it, ahead of what comes next
  #markGap(): void {
    if (this.#unreported === 0) return
    const gap = gapRecord(this.#options.clock.wall(), this.#lastDropped, this.#unreported)
    this.#unreported = 0
    this.#wait(`${lineOf(gap)}\n`)
  }

  #failed(error: unknown): void {
    if (this.#healthy) {
      const fields = { sink: this.name, reason: messageOf(error) }
      this.#options.log.error(
        fields,
        'audit records cannot be written; they wait and then are dropped',
      )
    }
    this.#healthy = false
  }

  #recovered(): void {
    if (!this.#healthy)
      this.#options.log.warn(
        { sink: this.name, dropped: this.#dropped },
        'audit records are written again',
      )
    this.#healthy = true
  }

  async #close(): Promise<void> {
    this.#timer?.()
    this.#timer = undefined
    await this.#within(this.#drain())
    if (this.#pending) {
      this.#options.log.error(
        { sink: this.name, bytes: this.#batch.length + this.#waitingBytes },
        'audit records were lost at the end',
      )
    }
    if (this.#file) await this.#within(this.#file.close())
  }

  #within(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const disarm = this.#options.clock.after(PATIENCE, resolve)
      work.then(resolve, reject).finally(disarm)
    })
  }
}

const EMPTY = new Uint8Array(0)
