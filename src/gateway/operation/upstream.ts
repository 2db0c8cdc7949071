// An operation at its server: over the link that fits, in whichever way client and server can ask each other something meanwhile.
import type { UpstreamReply } from '../../upstream/client.ts'
import type { Answer } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { callRoute, relayRequest } from '../input/relay.ts'
import { canBeAsked, linkFor } from '../links.ts'
import type { Session } from '../session.ts'
import { another } from './another.ts'
import { type Asking, asksFirst, type Decided, end, outgoing, roundEdits, send } from './asking.ts'
import { askHeld } from './held-call.ts'
import type { Operation, Target } from './operations.ts'
import type { Outgoing } from './outgoing.ts'
import { runnerAt } from './point.ts'

/** Rejects with a fault. */
export async function ask(
  call: Call,
  operation: Operation,
  target: Target,
  decided: Decided,
): Promise<Answer> {
  const behind = runnerAt(call, operation.post, decided.permit.name)
  const found = linkFor(call, target.upstream)
  const link = found instanceof Promise ? await found : found
  const asking: Asking = { call, operation, target, decided, link, behind }
  const { era } = call.exchange.identity
  if (link.era === 'modern') {
    const making = outgoing(asking, roundEdits(call, decided.resumed))
    const sent = making instanceof Promise ? await making : making
    const reply = await link.request(sent)
    if (sent.forwarded) await sent.forwarded
    return asksFirst(reply.message) ? another(asking, reply.message) : end(asking, reply)
  }
  const asks = canBeAsked(call, target.upstream)
  if (era === 'modern' && (asks || decided.resumed?.state.held !== undefined))
    return askHeld(asking)
  const sent = await outgoing(asking)
  const reply = asks && call.session ? answering(asking, call.session, sent) : send(link, sent)
  return end(asking, await reply)
}

/** What a legacy server asks meanwhile goes to the call's client. */
async function answering(
  { call, target, link }: Asking,
  session: Session,
  sent: Outgoing,
): Promise<UpstreamReply> {
  const route = callRoute(call, session, target.upstream)
  sent.answers = (asked) => relayRequest(route, asked)
  session.routes.add(route)
  try {
    return await send(link, sent)
  } finally {
    session.routes.delete(route)
  }
}
