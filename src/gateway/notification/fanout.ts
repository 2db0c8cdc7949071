// What servers say without being asked: list changes to every session, logs to the only session they can belong to.
import type { Era, Upstream } from '../../upstream/client.ts'
import { type Message, makeNotification } from '../../wire/message.ts'
import { LISTS, type ListKind } from '../catalog/listing.ts'
import { type Room, sessionExchange } from '../exchange.ts'
import type { Session } from '../session.ts'
import { sendToSession } from '../stream/resumption.ts'
import { passNotification, reaches } from './notifications.ts'
import { createSequence, type Sequence } from './sequence.ts'

// a map, because the method is the server's own word: an object has members nobody put there
const KINDS_OF: ReadonlyMap<string, readonly ListKind[]> = new Map([
  [LISTS.tools.changed, ['tools']],
  [LISTS.prompts.changed, ['prompts']],
  [LISTS.resources.changed, ['resources', 'templates']],
])

export interface Fanout {
  /** A notification of a server that belongs to no request, on a connection of this era. */
  notification(upstream: Upstream, era: Era, message: Message): void
  /** The same on a connection that one session has to itself. */
  toSession(session: Session, upstream: Upstream, message: Message): void
  /** A server came, went or changed: what it offered has to be listed again. */
  changed(server: string): void
}

export function createFanout(room: Room): Fanout {
  const sequences = new WeakMap<Session, Sequence>()
  /** Changes that wait to be told: a server that announces one a thousand times tells nothing new. */
  const untold = new WeakMap<Session, Set<string>>()

  async function send(
    session: Session,
    upstream: Upstream | undefined,
    message: Message,
  ): Promise<void> {
    const exchange = sessionExchange(room, session, message.method ?? '', upstream)
    const release = exchange.runtime.pin()
    try {
      const passed = await passNotification(
        room,
        exchange,
        exchange.request,
        message,
        'server_to_client',
      )
      if (passed === null) return
      if (!sendToSession(session, passed.bytes)) room.report.dropped('client cannot take it')
    } finally {
      release()
    }
  }

  // whoever sends does not wait, and what goes wrong with one client is no other's business
  function deliver(
    session: Session,
    upstream: Upstream | undefined,
    message: Message,
    begun: () => void = () => {},
  ): void {
    if (session.streams.size === 0) return
    let sequence = sequences.get(session)
    if (!sequence) {
      sequence = createSequence(() => room.report.dropped('failed'))
      sequences.set(session, sequence)
    }
    const work = () => {
      begun()
      return send(session, upstream, message)
    }
    if (sequence.push(work)) return
    begun()
    room.report.dropped('too many waiting')
  }

  function announce(session: Session, upstream: Upstream | undefined, message: Message): void {
    if (session.streams.size === 0) return
    const change = `${upstream?.name ?? ''} ${message.method}`
    const waiting = untold.get(session) ?? new Set()
    if (waiting.has(change)) return
    untold.set(session, waiting.add(change))
    deliver(session, upstream, message, () => void waiting.delete(change))
  }

  function broadcast(upstream: Upstream | undefined, message: Message): void {
    for (const session of room.sessions.all()) announce(session, upstream, message)
  }

  return {
    notification(upstream, era, message) {
      const kinds = KINDS_OF.get(message.method ?? '')
      if (kinds) {
        const { catalogs } = room.current()
        for (const kind of kinds) {
          catalogs.legacy.invalidate(upstream.name, kind)
          catalogs.modern.invalidate(upstream.name, kind)
        }
        return broadcast(upstream, message)
      }
      if (message.method !== 'notifications/message') return room.report.dropped('not carried')
      // sessions call over the connection of their own era: a log on the other is about somebody else
      if (era !== 'legacy') return room.report.dropped('log without an owner')
      // a log on a shared connection has no link to the call that caused it: with two sessions it could be either's
      const users = [...room.sessions.all()].filter((session) => session.servers.has(upstream.name))
      const [only] = users
      if (!only || users.length > 1 || room.sessions.leftBehind(upstream.name))
        return room.report.dropped('log without an owner')
      if (only.logLevel === undefined || reaches(message, only.logLevel))
        deliver(only, upstream, message)
    },
    toSession(session, upstream, message) {
      if (KINDS_OF.has(message.method ?? '')) return announce(session, upstream, message)
      if (message.method !== 'notifications/message') return room.report.dropped('not carried')
      if (session.logLevel === undefined || reaches(message, session.logLevel))
        deliver(session, upstream, message)
    },
    changed(server) {
      const { catalogs } = room.current()
      catalogs.legacy.invalidate(server)
      catalogs.modern.invalidate(server)
      for (const { changed } of [LISTS.tools, LISTS.prompts, LISTS.resources])
        broadcast(undefined, makeNotification(changed))
    },
  }
}
