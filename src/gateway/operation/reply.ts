// An operation on its way out: the payload of its post-point, and what changes in the server's message before the client gets it.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Message } from '../../wire/message.ts'
import { type Edit, editMember, valueEdit } from '../../wire/splice.ts'
import type { RpcId } from '../answer.ts'
import type { Call } from '../exchange.ts'
import type { Operation, Payload, Target } from './operations.ts'

export function postPayload(
  operation: Operation,
  target: Target,
  sent: Payload,
  outcome: Payload,
): Payload {
  if (operation.form) return operation.form.after(target, sent, outcome)
  return {
    server: target.own.server,
    [operation.member]: sent[operation.member],
    exposedName: target.exposed,
    ...outcome,
  }
}

/** A result of a kind that nobody here knows carries what no point has seen, so it does not cross. */
export function refuseUnwired(reply: Message): void {
  const kind = isObject(reply.result) ? reply.result.resultType : undefined
  if (kind !== undefined && kind !== 'complete')
    throw new AppError(
      'UPSTREAM_PROTOCOL',
      `the server answered with a result of type ${String(kind)}, which the gateway does not carry yet`,
    )
}

/** The link's id becomes the client's; an error that came without one gets it. */
export function idEdits(reply: Message, id: RpcId | undefined): Edit[] {
  const member = reply.scan.members.get('id')
  return member && id !== undefined ? [valueEdit(member, id)] : editMember(reply, ['id'], id)
}

const ENVELOPE: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'result', 'error'])
const ERROR: ReadonlySet<string> = new Set(['code', 'message', 'data'])

/**
 * Takes out what JSON-RPC does not know: no point shows members of the envelope, and none could rewrite those of an error. Where
 * policies look at replies, nothing crosses that they cannot.
 */
export function strayEdits(reply: Message): Edit[] {
  const { members, inner } = reply.scan
  const strays: Edit[] = []
  for (const { name } of members.values())
    if (!ENVELOPE.has(name)) strays.push(...editMember(reply, [name], undefined))
  if (reply.kind !== 'error') return strays
  for (const { name } of inner.values())
    if (!ERROR.has(name)) strays.push(...editMember(reply, ['error', name], undefined))
  return strays
}

export function replyEdits(reply: Message, operation: Operation, after: Payload): Edit[] {
  if (reply.kind === 'error') {
    const error = after.error as JsonObject | undefined
    if (!reply.error || error === (reply.error as unknown)) return []
    return (['message', 'data'] as const)
      .filter((member) => error?.[member] !== reply.error?.[member])
      .flatMap((member) => editMember(reply, ['error', member], error?.[member]))
  }
  if (operation.form) return operation.form.replyEdits(reply, after)
  const [old, now] = [reply.result as Payload, after.result as Payload]
  if (old === now) return []
  return operation.outputs
    .filter((member) => old[member] !== now[member])
    .flatMap((member) => editMember(reply, ['result', member], now[member]))
}

export function statusOf(reply: Message, call: Call): number {
  // the modern transport answers a missing client capability with 400 (basic/index#errors)
  return call.exchange.identity.era === 'modern' && reply.error?.code === -32021 ? 400 : 200
}
