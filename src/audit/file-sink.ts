// Audit records as JSON lines of a chain in a file: taken at once, written in batches, bounded, loud when they cannot be written.
import { CHECKPOINT, type ChainDetails, type Signer } from '../base/chain.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { Delivery } from './delivery.ts'
import { type OpenAppendFile, openAppendFile } from './file.ts'
import { LineChain, TAIL } from './line.ts'
import { type AuditRecord, lineOf } from './record.ts'
import { type Doomed, RotatedFile, type Rotation } from './rotated-file.ts'
import type { AuditSink } from './sink.ts'

export interface FileSinkOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  /** Of its chain. */
  readonly id: string
  readonly signer?: Signer | undefined
  readonly rotation?: Rotation
  /** Force every batch to the disk. */
  readonly fsync?: boolean
  /** Bytes that may wait; 8 MiB. What comes on top is dropped and counted. */
  readonly bound?: number
  readonly open?: OpenAppendFile
  /** `file:` and the path. */
  readonly name?: string
}

const DEFAULT_BOUND = 8 * 1024 ** 2
/** Milliseconds a record waits for others. */
const INTERVAL = 200
const RETRY = 1000
export function createFileSink(options: FileSinkOptions): AuditSink {
  return new FileSink(options)
}

interface Waiting {
  readonly text: string
  readonly seq: number
  readonly size: number
}

class FileSink implements AuditSink {
  readonly name: string
  readonly #options: FileSinkOptions
  readonly #bound: number
  readonly #delivery: Delivery
  readonly #file: RotatedFile
  readonly #chain: LineChain
  /** What was there before this chain. */
  #before: ChainDetails | undefined
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** How many were taken, and how many of them are where they belong; a gap counts as a record. */
  #taken = 0
  #kept = 0
  /** What is left of the batch that is being written. */
  #batch: Uint8Array = EMPTY
  /** Files that go when it has been written. */
  #doomed: Doomed | undefined
  #timer: (() => void) | undefined
  #signing: (() => void) | undefined
  /** It is time to sign what is not signed. */
  #due = false
  #writing: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: FileSinkOptions) {
    const { path, id, signer, rotation = {}, open = openAppendFile } = options
    const { wall } = options.clock
    this.name = options.name ?? `file:${path}`
    this.#options = options
    this.#delivery = new Delivery(this.name, options)
    this.#bound = options.bound ?? DEFAULT_BOUND
    this.#file = new RotatedFile({ path, rotation, open, wall })
    this.#chain = new LineChain({ id, signer, wall })
  }

  get dropped(): number {
    return this.#delivery.dropped
  }

  get healthy(): boolean {
    return this.#delivery.healthy
  }

  start(): Promise<void> {
    return this.#open()
  }

  write(record: AuditRecord): void {
    const text = lineOf(record)
    const size = Buffer.byteLength(text) + TAIL
    if (this.#closed || this.#waitingBytes + this.#batch.length + size > this.#bound) {
      this.#delivery.drop(record)
      return
    }
    this.#markGap()
    this.#wait({ text, seq: record.seq, size })
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

  async #open(): Promise<void> {
    const found = await this.#file.open()
    this.#before ??= await this.#file.before(found)
  }

  // one write at a time, whoever asks
  #turn(): Promise<void> {
    this.#writing ??= this.#attempt().finally(() => {
      this.#writing = undefined
      if (this.#closed) return
      if (this.#pending) this.#schedule(this.#delivery.works ? INTERVAL : RETRY)
      else if (this.#chain.unsigned) this.#signLater()
    })
    return this.#writing
  }

  #signLater(): void {
    this.#signing ??= this.#options.clock.after(CHECKPOINT.ms, () => {
      this.#signing = undefined
      this.#due = true
      void this.#turn()
    })
  }

  get #pending(): boolean {
    const toSign = this.#due && this.#chain.unsigned
    return this.#batch.length > 0 || this.#waiting.length > 0 || toSign
  }

  // until what was taken before is written or a write fails; a failed one is tried again by the timer
  async #drain(): Promise<void> {
    const last = this.#taken
    do await this.#turn()
    while ((this.#kept < last || (this.#closed && this.#pending)) && this.#delivery.works)
  }

  async #attempt(): Promise<void> {
    try {
      await this.#open()
      if (this.#batch.length === 0) await this.#take()
      // a rest stays a rest: a line that was half written is finished, never begun again
      while (this.#batch.length > 0)
        this.#batch = this.#batch.subarray(await this.#file.write(this.#batch))
      if (this.#options.fsync) await this.#file.sync()
      this.#kept = this.#taken - this.#waiting.length
      await this.#remove()
      this.#delivery.recovered()
    } catch (error) {
      this.#delivery.failed(messageOf(error))
    }
  }

  async #take(): Promise<void> {
    this.#markGap()
    if (!this.#pending) return
    if (this.#file.isOver(this.#waiting[0]?.size ?? 0)) this.#doomed = await this.#file.rotate()
    let text = this.#chain.begun ? '' : this.#chain.begin(this.#before ?? NOTHING_BEFORE)
    if (this.#doomed) text += this.#chain.pruned({ anchors: this.#doomed.anchors })
    text += this.#lines(this.#file.room - text.length)
    if (this.#due) text += this.#chain.checkpoint()
    this.#due = false
    this.#batch = Buffer.from(text)
  }

  /** As many as there is room for, and one at least. */
  #lines(room: number): string {
    let text = ''
    let taken = 0
    let bytes = 0
    for (const { text: line, seq, size } of this.#waiting) {
      if (taken > 0 && bytes + size > room) break
      text += this.#chain.line(line, seq)
      bytes += size
      taken++
    }
    this.#waiting = taken === this.#waiting.length ? [] : this.#waiting.slice(taken)
    this.#waitingBytes -= bytes
    return text
  }

  async #remove(): Promise<void> {
    if (this.#doomed === undefined) return
    await this.#file.remove(this.#doomed)
    this.#doomed = undefined
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#waitingBytes += waiting.size
    this.#taken++
  }

  #markGap(): void {
    const gap = this.#delivery.takeGap()
    if (gap === undefined) return
    const text = lineOf(gap)
    this.#wait({ text, seq: gap.seq, size: Buffer.byteLength(text) + TAIL })
  }

  async #close(): Promise<void> {
    this.#timer?.()
    this.#signing?.()
    this.#timer = undefined
    this.#due = true
    await this.#delivery.within(this.#drain())
    if (this.#pending) this.#delivery.lost({ bytes: this.#batch.length + this.#waitingBytes })
    await this.#delivery.within(this.#file.close())
  }
}

const EMPTY = new Uint8Array(0)
const NOTHING_BEFORE: ChainDetails = { previous: [] }
