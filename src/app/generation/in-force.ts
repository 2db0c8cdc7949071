// The one moment of a reload: what was built takes the place of what runs; it builds nothing and lets nothing go.
import { messageOf } from '../../base/errors.ts'
import type { ConfigDiff } from '../../config/diff.ts'
import type { Room } from '../../gateway/exchange.ts'
import { judgesAlike } from '../../registry/catalogue/kinds.ts'
import { type Current, type Rooms, runningOf } from '../rooms.ts'
import type { Assembly } from './assemble.ts'

/** Sections that decide what is in whose lists. */
const CHANGE_LISTS = ['virtual_servers', 'namespacing', 'identity']

/** Requests that come after it find the new assembly. Gives back the old one. */
export function putInForce(
  current: Current,
  next: Assembly,
  { servers, sections }: ConfigDiff,
  {
    fanout,
    room,
    catalogue,
    attestation,
  }: Pick<Rooms, 'fanout' | 'room' | 'catalogue' | 'attestation'>,
): Assembly {
  const old = runningOf(current)
  current.assembly = next
  attestation.inForce(next)
  // before anything else is sent on them
  for (const stream of [...room.streams]) stream.reloaded()
  endGone(room, next)
  const isOther = CHANGE_LISTS.some((section) => sections.includes(section))
  // others judge what is listed: it may be other things from now on
  if (isOther || !judgesAlike(old.runtime.generation, next.runtime.generation)) fanout.changed()
  for (const server of servers.removed)
    catalogue.forget(server).catch((error) => {
      const fields = { server, error: messageOf(error) }
      room.log.warn(fields, 'what was known of a server that is gone could not be forgotten')
    })
  for (const server of new Set([...servers.added, ...servers.changed, ...servers.removed]))
    fanout.changed(server)
  return old
}

/** What was opened on a virtual server ends with it. */
function endGone({ sessions, listens }: Room, { runtime }: Assembly): void {
  const isGone = (name: string | undefined) =>
    name !== undefined && !runtime.virtualServers.has(name)
  for (const session of [...sessions.all()])
    if (isGone(session.virtualServer)) sessions.end(session, 'virtual server removed')
  for (const { virtualServer, streams } of listens.all())
    if (isGone(virtualServer)) for (const stream of streams.values()) stream.close()
}
