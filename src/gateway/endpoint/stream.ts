// The GET streams of a legacy session: the one for what servers say on their own account, and the taking up of any that broke off.
import { AppError } from '../../base/errors.ts'
import { encodeComment } from '../../wire/sse.ts'
import type { Room } from '../exchange.ts'
import type { Session } from '../session.ts'
import { eventsOf, findEvent, primes } from '../stream/resumption.ts'
import { EventStream } from '../stream/stream.ts'
import type { Visit } from './visit.ts'

/** Resolves when the stream is open, or has been refused. */
export async function openStream(
  room: Room,
  session: Session,
  { exchange, reply, release }: Visit,
): Promise<void> {
  makePlace(session, exchange.runtime.limits.streams_per_session)
  const primed = primes(session.revision)
  const stream = new EventStream({
    room,
    exchange,
    channel: 'get',
    events: eventsOf(room, session),
    primed,
    closed: (closed) => session.streams.delete(closed),
  })
  // reserved before anything is awaited, so that two requests cannot take the last place
  session.streams.add(stream)
  if (!(await stream.open(reply))) return
  stream.release()
  release()
  if (!primed) reply.write(OPEN)
  reply.onClose(() => {
    room.sessions.use(session)
  })
}

const OPEN = encodeComment('open')

// a client that did not come back for a stream has no claim to its place
function makePlace({ streams }: Session, max: number): void {
  if (streams.size < max) return
  const left = streams.values().find(({ waiting }) => waiting)
  if (!left)
    throw new AppError(
      'SESSION_STREAM_LIMIT',
      `no more streams than ${max} are open in one session; close one`,
    )
  left.close()
}

/**
 * Goes on after the event a client has last seen, on the stream of that event and no other, whether a GET or a POST had
 * opened it. Rejects with STREAM_EVENT_UNKNOWN or STREAM_EVENT_GONE.
 */
export async function resumeStream(
  room: Room,
  session: Session,
  { exchange, reply }: Visit,
  lastEventId: string,
): Promise<void> {
  const { log, sequence } = findEvent(session, lastEventId)
  reply.onClose(() => {
    room.sessions.use(session)
  })
  await log.stream.resume({ carrier: reply, exchange, log, sequence })
}
