// An operation at its server: over the link that fits, in whichever way client and server can ask each other something meanwhile.
import type { Answer } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { askable } from '../input/kinds.ts'
import { callRoute, relayRequest } from '../input/relay.ts'
import { linkFor } from '../links.ts'
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
  const behind = runnerAt(call, operation.post, decided.own)
  const found = linkFor(call, target.upstream)
  const link = found instanceof Promise ? await found : found
  const asking: Asking = { call, operation, target, decided, link, behind }
  const { era } = call.exchange.identity
  const asks = askable(call.capabilities) !== undefined
  if (link.era === 'legacy' && era === 'modern' && asks) return askHeld(asking)
  const sent = await outgoing(asking, roundEdits(call, decided.resumed))
  if (link.era === 'legacy' && asks) answersFor(asking, sent)
  const reply = await send(link, sent)
  return asksFirst(reply.message) ? another(asking, reply.message) : end(asking, reply)
}

/** What a legacy server asks on the call's own stream goes to the call's client. */
function answersFor({ call, target }: Asking, sent: Outgoing): void {
  const { session } = call
  if (!session) return
  const route = callRoute(call, session, target.upstream)
  sent.answers = (asked) => relayRequest(route, asked)
}
