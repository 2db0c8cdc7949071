// How clients of the legacy era take a stream up again: which of them can, where their events are kept, who takes a message of the session.
import type { Room } from '../exchange.ts'
import type { Session } from '../session.ts'
import { type SessionEvents, unknownEvent } from './memory.ts'

/** An empty first event with an id is understood since 2025-11-25 (transports#sending-messages-to-the-server, SEP-1699). */
export function primes(revision: string): boolean {
  return revision >= '2025-11-25'
}

/** Made with the first stream; undefined when the session has ended. */
export function eventsOf(room: Room, session: Session): SessionEvents | undefined {
  if (session.ended) return undefined
  session.events ??= room.memory.open(room.createId())
  return session.events
}

/** Throws STREAM_EVENT_UNKNOWN or STREAM_EVENT_GONE. */
export function findEvent({ events }: Session, id: string): ReturnType<SessionEvents['find']> {
  // without any stream there is no event to know
  if (!events) throw unknownEvent()
  return events.find(id)
}

/** To one stream only: one that a client holds open, else one that a client may come back for. */
export function sendToSession(
  { streams }: Pick<Session, 'streams'>,
  message: Buffer,
  dropped?: () => void,
): boolean {
  const all = streams.values()
  return (
    all.some((stream) => !stream.waiting && stream.send(message, dropped)) ||
    all.some((stream) => stream.waiting && stream.send(message, dropped))
  )
}
