// What a stream is made of and what carries it; types only.
import type { Answer, RpcId } from '../answer.ts'
import type { Exchange, Room } from '../exchange.ts'
import type { SessionEvents } from './memory.ts'
import type { Channel } from './points.ts'
import type { EventStream } from './stream.ts'

/** What carries a stream for a while: one HTTP response. */
export interface Carrier {
  /** Sends the headers; false: the response was refused, which has been answered, or the client has gone. */
  stream(headers?: Readonly<Record<string, string>>): boolean | Promise<boolean>
  /** Sends one document instead of a stream. */
  json(answer: Answer): void | Promise<void>
  /** False when the client is gone or too far behind. */
  write(frame: Buffer): boolean
  end(): void
  /** Runs once, when nothing can be written any more. */
  onClose(run: () => void): void
}

export interface StreamSetup {
  readonly room: Room
  readonly exchange: Exchange
  readonly channel: Channel
  /** The request that this stream answers. */
  readonly id?: RpcId | undefined
  /** Legacy era: events get ids and are kept for a client that comes back. */
  readonly events?: SessionEvents | undefined
  /** Its first event is an empty one with an id. */
  readonly primed?: boolean
  /** Told once, when the stream has ended for good. */
  readonly closed?: (stream: EventStream) => void
  /** Told when its request gets this and nothing else: there is nothing left to work for. */
  readonly refused?: (answer: Answer) => void
}

export interface Opening {
  readonly headers?: Answer['headers'] | undefined
  /** Milliseconds before a client that lost its connection comes back. */
  readonly retry?: number | undefined
}
