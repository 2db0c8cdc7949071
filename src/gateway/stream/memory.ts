// What the streams of legacy sessions carried, kept for clients that come back; bounded per session and in all, the oldest goes first.
import { AppError } from '../../base/errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Carrier } from './setup.ts'

export interface MemoryLimits {
  /** Bytes one session may keep. */
  readonly replay: number
  /** Bytes all sessions may keep together. */
  readonly replay_total: number
}

interface Kept {
  readonly log: StreamLog
  readonly frame: Buffer
  previous: Kept
  next: Kept
}

/** Each event costs about so much beside its own bytes. */
const OVERHEAD = 256
/** Events one session may keep, however small. */
const MAX_EVENTS = 1000

/** One per gateway. */
export class EventMemory {
  readonly #limits: () => MemoryLimits
  /** All events of all sessions in the order they came. */
  readonly #head: Kept
  #bytes = 0

  constructor(limits: () => MemoryLimits) {
    this.#limits = limits
    const head = {} as Kept
    head.previous = head
    head.next = head
    this.#head = head
  }

  get bytes(): number {
    return this.#bytes
  }

  open(tag: string): SessionEvents {
    return new SessionEvents(this, tag)
  }

  /** For the events of a session only. */
  keep(events: SessionEvents, log: StreamLog, frame: Buffer): void {
    const head = this.#head
    const kept: Kept = { log, frame, previous: head.previous, next: head }
    head.previous.next = kept
    head.previous = kept
    this.#bytes += costOf(frame)
    events.add(kept)
    const { replay, replay_total } = this.#limits()
    events.shrink(replay)
    while (this.#bytes > replay_total) head.next.log.events.forgetOldest()
  }

  /** For the events of a session only. */
  forget(kept: Kept): void {
    kept.previous.next = kept.next
    kept.next.previous = kept.previous
    this.#bytes -= costOf(kept.frame)
  }
}

const costOf = (frame: Buffer) => frame.length + OVERHEAD

/** Where a client left off, and what it is connected by now. */
export interface Resumption {
  readonly carrier: Carrier
  /** Of the request that takes it up. */
  readonly exchange: Exchange
  readonly log: StreamLog
  readonly sequence: number
}

/** Whoever sends a stream, as far as its log knows. */
export interface LoggedStream {
  /** Rejects with STREAM_EVENT_GONE. */
  resume(resumption: Resumption): Promise<void>
  /** For good: its session has ended, or nothing is left to be taken up. */
  close(): void
}

/** The streams of one session. Their events have ids that no other session has. */
export class SessionEvents {
  readonly #memory: EventMemory
  readonly #tag: string
  readonly #logs = new Map<number, StreamLog>()
  #order: Kept[] = []
  #bytes = 0
  #opened = 0
  #cleared = false

  constructor(memory: EventMemory, tag: string) {
    this.#memory = memory
    this.#tag = tag
  }

  get bytes(): number {
    return this.#bytes
  }

  stream(stream: LoggedStream): StreamLog {
    const log = new StreamLog(this, ++this.#opened, stream)
    if (!this.#cleared) this.#logs.set(log.number, log)
    return log
  }

  /** Where a client left off. Throws STREAM_EVENT_UNKNOWN, or STREAM_EVENT_GONE when what came after is no longer there. */
  find(id: string): { log: StreamLog; sequence: number } {
    const [, tag, number, sequence] = ID.exec(id) ?? []
    if (tag !== this.#tag || Number(number) > this.#opened) throw unknownEvent()
    const log = this.#logs.get(Number(number))
    if (!log) throw gone()
    log.since(Number(sequence))
    return { log, sequence: Number(sequence) }
  }

  idOf(log: StreamLog, sequence: number): string {
    return `${this.#tag}.${log.number}.${sequence}`
  }

  keep(log: StreamLog, frame: Buffer): void {
    if (!this.#cleared) this.#memory.keep(this, log, frame)
  }

  add(kept: Kept): void {
    kept.log.frames.push(kept.frame)
    this.#order.push(kept)
    this.#bytes += costOf(kept.frame)
  }

  shrink(bytes: number): void {
    while (this.#bytes > bytes || this.#order.length > MAX_EVENTS) this.forgetOldest()
  }

  forgetOldest(): void {
    const oldest = this.#order.shift()
    if (oldest) this.#drop(oldest)
  }

  /** What a stream has sent can no longer be taken up. */
  forget(log: StreamLog): void {
    const own = this.#order.filter((kept) => kept.log === log)
    this.#order = this.#order.filter((kept) => kept.log !== log)
    this.#logs.delete(log.number)
    for (const kept of own) this.#drop(kept)
  }

  /** The session has ended, and its streams with it. */
  clear(): void {
    this.#cleared = true
    for (const log of [...this.#logs.values()]) {
      this.#logs.delete(log.number)
      log.stream.close()
    }
    for (const kept of this.#order.splice(0)) this.#drop(kept)
  }

  #drop(kept: Kept): void {
    const { log, frame } = kept
    this.#memory.forget(kept)
    this.#bytes -= costOf(frame)
    log.frames.shift()
    log.first++
    if (log.frames.length === 0 && log.complete) this.drop(log)
  }

  /** For a log that nothing is left of. */
  drop(log: StreamLog): void {
    if (this.#logs.delete(log.number)) log.stream.close()
  }
}

/** The events of one stream, as they went out. */
export class StreamLog {
  readonly events: SessionEvents
  readonly number: number
  readonly stream: LoggedStream
  readonly frames: Buffer[] = []
  /** The sequence number of the first frame kept; they are numbered from 1. */
  first = 1
  #complete = false
  #last = 0

  constructor(events: SessionEvents, number: number, stream: LoggedStream) {
    this.events = events
    this.number = number
    this.stream = stream
  }

  get complete(): boolean {
    return this.#complete
  }

  /** Nothing more will be added. */
  end(): void {
    this.#complete = true
    if (this.frames.length === 0) this.events.drop(this)
  }

  /** The frame as it is sent and kept; `encode` is given its id. */
  append(encode: (id: string) => Buffer): Buffer {
    const frame = encode(this.events.idOf(this, ++this.#last))
    this.events.keep(this, frame)
    return frame
  }

  /** All that came after one event. Throws STREAM_EVENT_UNKNOWN or STREAM_EVENT_GONE. */
  since(sequence: number): readonly Buffer[] {
    if (!(sequence >= 1 && sequence <= this.#last)) throw unknownEvent()
    if (sequence + 1 < this.first) throw gone()
    return this.frames.slice(sequence + 1 - this.first)
  }

  forget(): void {
    this.events.forget(this)
  }
}

const ID = /^([\w-]{1,64})\.([1-9]\d{0,14})\.([1-9]\d{0,14})$/

export function unknownEvent(): AppError {
  return new AppError(
    'STREAM_EVENT_UNKNOWN',
    'Last-Event-ID names no event of this session; open a stream without it',
  )
}

function gone(): AppError {
  return new AppError(
    'STREAM_EVENT_GONE',
    'what came after this event is no longer kept, so the stream cannot be taken up without a gap; open one without Last-Event-ID',
  )
}
