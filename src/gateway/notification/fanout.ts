// What servers say without being asked: list changes to everybody, updates to who follows the resource, logs to the only session they can belong to.
import { isObject } from '../../base/json.ts'
import type { Era, Upstream } from '../../upstream/client.ts'
import { type Message, makeNotification, readMessage } from '../../wire/message.ts'
import { META } from '../../wire/revision.ts'
import { editMember, splice, valueEdit } from '../../wire/splice.ts'
import { mayFollow } from '../access/permit.ts'
import { LISTS, type ListKind } from '../catalog/listing.ts'
import { type Room, sessionExchange } from '../exchange.ts'
import { instanceOf } from '../links.ts'
import type { Session } from '../session.ts'
import { sendToSession } from '../stream/resumption.ts'
import { type Receiver, wantsChange } from '../subscription/receiver.ts'
import { ownName, sharedName } from '../subscription/source.ts'
import { type Passed, passNotification, reaches } from './notifications.ts'
import { createSequence, type Sequence } from './sequence.ts'

// a map, because the method is the server's own word: an object has members nobody put there
const KINDS_OF: ReadonlyMap<string, readonly ListKind[]> = new Map([
  [LISTS.tools.changed, ['tools']],
  [LISTS.prompts.changed, ['prompts']],
  [LISTS.resources.changed, ['resources', 'templates']],
])
const UPDATED = 'notifications/resources/updated'

export interface Fanout {
  /** A notification of a server that belongs to no request, on a connection of this era. */
  notification(upstream: Upstream, era: Era, message: Message): void
  /** An update on a connection that some clients have to themselves, kept under this key. */
  ofInstance(upstream: Upstream, key: string, message: Message): void
  /** The same on a connection that one session has to itself. */
  toSession(session: Session, upstream: Upstream, message: Message): void
  /** A server came, went or changed: what it offered has to be listed again. None: what is shown of them changed. */
  changed(server?: string): void
  /** What lists were answered without has come. */
  arrived(kind: ListKind): void
}

export function createFanout(room: Room): Fanout {
  const sequences = new WeakMap<Receiver, Sequence>()
  /** Changes that wait to be told: a server that announces one a thousand times tells nothing new. */
  const untold = new WeakMap<Receiver, Set<string>>()

  // whoever sends does not wait, and what goes wrong with one client is no other's business
  function deliver(
    receiver: Receiver,
    upstream: Upstream | undefined,
    message: Message,
    begun: () => void = () => {},
    exposed?: string,
  ): void {
    if (receiver.streams.size === 0) return
    let sequence = sequences.get(receiver)
    if (!sequence) {
      sequence = createSequence(() => room.report.dropped('failed'))
      sequences.set(receiver, sequence)
    }
    const work = async () => {
      begun()
      await sendTo(room, receiver, upstream, message, exposed)
    }
    if (sequence.push(work)) return
    begun()
    room.report.dropped('too many waiting')
  }

  function announce(
    receiver: Receiver,
    upstream: Upstream | undefined,
    message: Message,
    exposed?: string,
  ): void {
    if (receiver.streams.size === 0 || !concerns(receiver, message.method, exposed)) return
    const change = `${upstream?.name ?? ''} ${message.method} ${exposed ?? ''}`
    const waiting = untold.get(receiver) ?? new Set()
    if (waiting.has(change)) return
    untold.set(receiver, waiting.add(change))
    deliver(receiver, upstream, message, () => void waiting.delete(change), exposed)
  }

  function broadcast(upstream: Upstream | undefined, message: Message): void {
    for (const session of room.sessions.all()) announce(session, upstream, message)
    for (const listener of room.listens.all())
      if (wantsChange(listener, message.method ?? '')) announce(listener, upstream, message)
  }

  function updated(upstream: Upstream, source: string, message: Message): void {
    const tell = (receiver: Receiver, exposed: string) =>
      announce(receiver, upstream, message, exposed)
    const uri = message.params?.uri
    if (typeof uri === 'string') room.subscriptions.updated(source, uri, tell)
    else room.report.dropped('not carried')
  }

  // a client is told nothing of what its virtual server does not show, or shows no more
  function concerns(
    { virtualServer }: Receiver,
    method: string | undefined,
    exposed: string | undefined,
  ): boolean {
    if (virtualServer === undefined) return true
    const selection = room.current().virtualServers.get(virtualServer)?.virtualServer
    if (selection === undefined) return false
    if (exposed !== undefined) return selection.selects('resources', exposed)
    const kinds = KINDS_OF.get(method ?? '') ?? []
    return kinds.some((kind) => selection.mayOffer(kind))
  }

  return {
    notification(upstream, era, heard) {
      const message = withoutSubscription(heard)
      const kinds = KINDS_OF.get(message.method ?? '')
      if (kinds) {
        const { catalogs } = room.current()
        for (const kind of kinds) {
          catalogs.legacy.invalidate(upstream.name, kind)
          catalogs.modern.invalidate(upstream.name, kind)
        }
        return broadcast(upstream, message)
      }
      if (message.method === UPDATED)
        return updated(upstream, sharedName(upstream.name, era), message)
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
    ofInstance(upstream, key, message) {
      if (message.method === UPDATED) updated(upstream, ownName(upstream.name, key), message)
      else room.report.dropped('not carried')
    },
    toSession(session, upstream, message) {
      if (KINDS_OF.has(message.method ?? '')) return announce(session, upstream, message)
      // on a connection of its own this session is the one that was asked (2025-11-25 client/elicitation)
      if (message.method === 'notifications/elicitation/complete')
        return deliver(session, upstream, message)
      if (message.method !== 'notifications/message')
        return this.ofInstance(upstream, instanceOf(session), message)
      if (session.logLevel === undefined || reaches(message, session.logLevel))
        deliver(session, upstream, message)
    },
    changed(server) {
      const { catalogs, upstreams } = room.current()
      if (server !== undefined) {
        const upstream = upstreams.get(server)
        if (upstream) room.subscriptions.renew(upstream)
        catalogs.legacy.invalidate(server)
        catalogs.modern.invalidate(server)
      }
      for (const { changed } of [LISTS.tools, LISTS.prompts, LISTS.resources])
        broadcast(undefined, makeNotification(changed))
    },
    arrived: (kind) => broadcast(undefined, makeNotification(LISTS[kind].changed)),
  }
}

/**
 * One message to one receiver: it passes its point in the generation of its time, with the names of the server, and goes out with
 * those of the client. False when a policy dropped it or the client cannot take it.
 */
export async function sendTo(
  room: Room,
  receiver: Receiver,
  upstream: Upstream | undefined,
  message: Message,
  exposed?: string,
): Promise<boolean> {
  const exchange = sessionExchange(room, receiver, message.method ?? '', upstream)
  const release = exchange.runtime.pin()
  try {
    const own = message.params?.uri
    // what follows a resource was permitted to when it began; it may not be any more
    if (exposed !== undefined && upstream && typeof own === 'string') {
      const about = { server: upstream.name, name: own }
      if (!(await mayFollow(room, exchange, about))) {
        room.report.dropped('not permitted any more')
        return false
      }
    }
    const passed = await passNotification(
      room,
      exchange,
      exchange.request,
      message,
      'server_to_client',
    )
    if (passed === null) return false
    const sent = sendToSession(receiver, addressed(passed, receiver, { own, exposed }))
    if (!sent) room.report.dropped('client cannot take it')
    return sent
  } finally {
    release()
  }
}

interface Renaming {
  readonly own: unknown
  readonly exposed: string | undefined
}

/** The URI as the client knows it, and the subscription it belongs to: whatever policies made of the rest. */
function addressed({ bytes }: Passed, { listen }: Receiver, { own, exposed }: Renaming): Buffer {
  const isRenamed = exposed !== undefined && exposed !== own
  if (!listen && !isRenamed) return bytes
  const message = readMessage(bytes)
  const uri = message.scan.inner.get('uri')
  return splice(bytes, [
    ...(isRenamed && uri && message.params?.uri === own ? [valueEdit(uri, exposed)] : []),
    ...(listen ? editMember(message, ['params', '_meta', META.subscriptionId], listen.id) : []),
  ])
}

/** The subscription a server names is the gateway's own with it, and no client's. */
function withoutSubscription(message: Message): Message {
  const meta = message.params?._meta
  if (!isObject(meta) || !(META.subscriptionId in meta)) return message
  const edits = editMember(message, ['params', '_meta', META.subscriptionId], undefined)
  return readMessage(splice(message.bytes, edits))
}
