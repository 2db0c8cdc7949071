// The GET stream of a legacy session: what servers say on their own account, kept alive, bounded, without resumption.
import type { ServerResponse } from 'node:http'
import { AppError } from '../../base/errors.ts'
import type { Room } from '../exchange.ts'
import type { Session, SessionStream } from '../session.ts'
import { keepAlive } from './keep-alive.ts'
import type { Reply } from './reply.ts'

export interface OpenStream {
  readonly reply: Reply
  readonly response: ServerResponse
  /** Told when the stream is open: from then on each message passes the points of the generation of its time. */
  readonly opened: () => void
}

/** Resolves when the stream has ended. */
export async function openStream(
  room: Room,
  max: number,
  session: Session,
  { reply, response, opened }: OpenStream,
): Promise<void> {
  if (session.streams.size >= max)
    throw new AppError('SESSION_STREAM_LIMIT', `the session has ${max} streams open already`)
  const stream: SessionStream = {
    send: (message) => reply.event(message),
    close: () => reply.end(),
  }
  // reserved before anything is awaited, so that two requests cannot take the last place
  session.streams.add(stream)
  let cancel = () => {}
  try {
    if (!(await reply.stream())) return
    opened()
    cancel = keepAlive(room.clock, reply)
    reply.comment('open')
    await new Promise<void>((resolve) => {
      response.once('close', resolve)
      if (response.destroyed || response.writableEnded) resolve()
    })
  } finally {
    cancel()
    session.streams.delete(stream)
    session.lastUsed = room.clock.now()
  }
}
