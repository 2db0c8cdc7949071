// May this caller do this? Asked once a name is resolved, and again when a policy has changed it; without the permit nothing goes upstream.
import type { Target } from '../../identity/access.ts'
import type { Right } from '../../identity/rights.ts'
import { type Answer, denialAnswer } from '../answer.ts'
import type { OwnName } from '../catalog/names.ts'
import type { Call, Exchange, Room } from '../exchange.ts'
import { challenged } from './challenge.ts'
import { check, type Decided, type Denial } from './check.ts'

declare const permitted: unique symbol

/** One thing of one server that the caller of a request may use. Made here and nowhere else. */
export interface Permit extends OwnName {
  readonly [permitted]: true
}

export type Denied = { readonly denied: Answer }

/** Whose it is, besides what. */
export type AimKind = 'tool' | 'prompt' | 'resource'

/** At once where no plugin has to be waited for. Throws, or rejects with, a fault; a denial is an answer. */
export function authorise(
  call: Call,
  right: Right,
  kind: AimKind,
  own: OwnName,
): Permit | Denied | Promise<Permit | Denied> {
  const { runtime, request } = call.exchange
  const { access } = runtime
  if (access === null) return own as Permit
  const target = targetOf(call.exchange, kind, own)
  const deciding = check(access, request, { action: right, targets: [target], listing: false })
  return deciding instanceof Promise
    ? deciding.then((decided) => permit(call, right, target, decided))
    : permit(call, right, target, deciding)
}

function permit(call: Call, right: Right, target: Target, { denial }: Decided): Permit | Denied {
  const { room, exchange } = call
  const { violation } = denial ?? {}
  exchange.decided = true
  room.report.decided(exchange, { action: right, target, violation })
  return denial ? { denied: denialOf(call, denial) } : (target as OwnName as Permit)
}

export function targetOf({ runtime }: Exchange, kind: AimKind, { server, name }: OwnName) {
  const tenant = runtime.upstreams.get(server)?.info.tenant
  return { kind, server, name, ...(tenant === undefined ? {} : { tenant }) }
}

/** Whether who follows a resource may still be told of it: a subscription outlives rights. Rejects with a fault. */
export async function mayFollow(room: Room, exchange: Exchange, own: OwnName): Promise<boolean> {
  const { runtime, request } = exchange
  if (runtime.access === null) return true
  const action = 'mcp:resource.subscribe'
  const target = targetOf(exchange, 'resource', own)
  const decided = await check(runtime.access, request, {
    action,
    targets: [target],
    listing: false,
  })
  const violation = decided.denial?.violation
  room.report.decided(exchange, { action, target, violation })
  return violation === undefined
}

/** What the client gets: HTTP 403, or 401 where credentials would help, if the headers are unsent and it is no batch. */
export function denialOf(call: Call, denial: Denial): Answer {
  const { requestId, era } = call.exchange.identity
  const of = { id: call.message.id, requestId, era }
  return denialAnswer('http', challenged(call, denial), of)
}
