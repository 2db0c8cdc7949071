// POST of a batch: only in a session of the revision that has batches; answered as one array, or as an event for each answer.
import { checkBatchAllowed, dispatchBatch } from '../batch.ts'
import type { Exchange, Outbound, Room } from '../exchange.ts'
import type { Session } from '../session.ts'
import { type Accepts, HttpOutbound } from './outbound.ts'
import type { Visit } from './visit.ts'

export interface BatchPost {
  readonly room: Room
  readonly visit: Visit
  readonly accepts: Accepts
  sessionOf(room: Room, visit: Visit): Session
}

/** Rejects with what `refuse` answers. */
export async function postBatch(
  { room, visit, accepts, sessionOf }: BatchPost,
  bytes: Buffer,
): Promise<void> {
  const { exchange, headers, reply } = visit
  const { identity, runtime } = exchange
  const claimed = headers['mcp-protocol-version']
  // without a session no revision was agreed on; with one, the header may be missing, and then the revision is assumed
  if (claimed !== undefined || headers['mcp-session-id'] === undefined) checkBatchAllowed(claimed)
  const session = sessionOf(room, visit)
  checkBatchAllowed(session.revision)
  identity.session = session.id
  identity.sessionLabels = session.labels
  identity.client = session.client
  const { release } = visit
  const asker = { room, exchange, id: undefined, revision: session.revision, session, release }
  const outbound = new HttpOutbound(reply, accepts, asker)
  // no relay: a large result is one answer of several, and must not become the whole response
  const outboundOf = (element: Exchange): Outbound => ({
    notify: (message, dropped) => outbound.notify(message, dropped, element),
    stand: () => outbound.stand(),
  })
  const batch = { exchange, session, outboundOf, headers, room }
  await outbound.finishBatch(await dispatchBatch(batch, bytes, runtime.limits))
}
