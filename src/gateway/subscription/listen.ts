// subscriptions/listen of the modern era: acknowledged first, then told of what was granted until the client goes or the gateway ends it.
import { FewSet } from '../../base/few.ts'
import { makeNotification } from '../../wire/message.ts'
import { resultBytes } from '../../wire/reply.ts'
import { META } from '../../wire/revision.ts'
import { type Answer, denialAnswer, type RpcId } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { serverMeta } from '../meta.ts'
import { sendTo } from '../notification/fanout.ts'
import type { SessionStream } from '../session.ts'
import { type Judged, judgeFilter } from './filter.ts'
import type { Place } from './listens.ts'
import type { Filter, Receiver } from './receiver.ts'

/** Rejects with a fault; a denial is an answer. Otherwise the answer comes when the subscription is over. */
export async function listen(call: Call): Promise<Answer> {
  const { exchange, room } = call
  const place = room.listens.take(
    exchange.identity.principal,
    exchange.runtime.limits.listens_per_principal,
  )
  const leaving = { interrupt: place.end }
  if (exchange.request.aborted) place.end()
  else exchange.request.enter(leaving)
  try {
    const judged = await judgeFilter(call)
    return 'denied' in judged ? judged.denied : await stand(call, judged, place)
  } finally {
    exchange.request.leave(leaving)
    place.free()
  }
}

async function stand(call: Call, judged: Judged, place: Place): Promise<Answer> {
  const { outbound, room, exchange } = call
  const stream = await outbound.stand()
  // a policy refused the response, and it has been answered
  if (!stream) return { bytes: NOTHING, status: 200, relayed: true, outcome: 'denied' }
  const receiver = receiverOf(call)
  try {
    const granted = await grant(call, receiver, judged)
    const told = { ...receiver, listen: { id: receiver.listen.id, filter: granted } }
    if (
      !(await acknowledge(call, told, {
        ...stream,
        send: (message) => stream.send(message, place.end),
      }))
    )
      return exchange.request.aborted ? ending(call) : withheld(call)
    receiver.listen.filter = granted
    receiver.streams.add({ ...stream, close: place.end })
    place.opened(receiver)
    if (isGone(call)) place.end()
    // nothing was granted, so nothing will ever be told
    if (Object.keys(granted).length > 0) await place.ended
    return ending(call)
  } finally {
    room.subscriptions.leaveAll(receiver)
    stream.close()
  }
}

const NOTHING = Buffer.alloc(0)

/** Its virtual server was taken away before it was told to end with it. */
function isGone({ exchange, room }: Call): boolean {
  const { virtualServer } = exchange.identity
  return virtualServer !== undefined && !room.current().virtualServers.has(virtualServer)
}

interface Listener extends Receiver {
  readonly listen: { readonly id: RpcId; filter: Filter }
}

function receiverOf({ exchange, room, message }: Call): Listener {
  const { principal, client = { name: 'unknown', version: '' } } = exchange.identity
  return {
    id: undefined,
    virtualServer: exchange.identity.virtualServer,
    principal,
    client,
    labels: room.labelsOf(principal, client),
    streams: new FewSet(),
    listen: { id: message.id as RpcId, filter: {} },
  }
}

/** All servers are asked at once; one that refuses or is down keeps nobody from the others. */
async function grant(call: Call, receiver: Receiver, { lists, follows }: Judged): Promise<Filter> {
  const { subscriptions, log } = call.room
  const joined = await Promise.allSettled(
    follows.map((follow) => subscriptions.join(receiver, follow)),
  )
  const granted = follows.filter((follow, index) => {
    const end = joined[index]
    if (end?.status === 'fulfilled' && end.value === undefined) return true
    const reason = end?.status === 'rejected' ? end.reason : end?.value?.code
    log.debug({ server: follow.source.server, reason }, 'a resource is not followed')
    return false
  })
  const uris = granted.map(({ exposed }) => exposed)
  return uris.length > 0 ? { ...lists, resourceSubscriptions: uris } : lists
}

/** False when it did not go out: a subscription nobody knows of is none. */
function acknowledge(call: Call, receiver: Listener, stream: SessionStream): Promise<boolean> {
  const { filter } = receiver.listen
  const notifications = { ...filter } as Record<string, boolean | string[]>
  const message = makeNotification('notifications/subscriptions/acknowledged', { notifications })
  const streams = new FewSet<SessionStream>()
  streams.add(stream)
  return sendTo(call.room, { ...receiver, streams }, undefined, message)
}

function withheld(call: Call): Answer {
  const { identity } = call.exchange
  const by = { plugin: 'portcullis', entry: 'portcullis', point: 'notification_pre_forward' }
  const reason = 'the acknowledgement was withheld'
  return denialAnswer(
    'rpc',
    { code: 'ACKNOWLEDGEMENT_WITHHELD', reason, ...by },
    { id: call.message.id, requestId: identity.requestId, era: identity.era },
  )
}

function ending({ message, room }: Call): Answer {
  const id = message.id as RpcId
  const _meta = { [META.subscriptionId]: id, ...serverMeta(room.self) }
  return { bytes: resultBytes(id, { resultType: 'complete', _meta }), status: 200 }
}
