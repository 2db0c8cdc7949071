// The end of an operation: the server's answer, or a policy's, as its post-point leaves it.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { UpstreamReply } from '../../upstream/client.ts'
import { type Message, readMessage } from '../../wire/message.ts'
import { resultBytes } from '../../wire/reply.ts'
import { editMember, splice } from '../../wire/splice.ts'
import type { Answer, RpcId } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { bareTask, isTask, taskEdits } from '../task/result.ts'
import type { Asking } from './asking.ts'
import { replyBridge } from './bridge.ts'
import type { Operation, Payload, Target } from './operations.ts'
import { ownName, refused, runnerAt } from './point.ts'
import { idEdits, postPayload, refuseUnwired, replyEdits, statusOf, strayEdits } from './reply.ts'

export function settle(
  asking: Asking,
  { message: reply, relayed }: UpstreamReply,
): Answer | Promise<Answer> {
  if (relayed) return { bytes: reply.bytes, status: 200, relayed }
  const { call, operation, target, decided, behind: runner, link } = asking
  if (isTask(call, reply)) return asTask(asking, reply)
  refuseUnwired(reply)
  if (!runner)
    return {
      bytes: splice(reply.bytes, [
        ...idEdits(reply, call.message.id),
        ...replyBridge(call, link, operation, reply),
      ]),
      status: statusOf(reply, call),
    }
  const isResult = reply.kind === 'result'
  if (isResult && !operation.result(reply.result))
    throw new AppError(
      'UPSTREAM_PROTOCOL',
      `the result of ${call.message.method} has the wrong shape`,
    )
  const seen = isResult ? { result: reply.result } : { error: reply.error }
  const before = postPayload(operation, target, decided.payload, seen)
  const pending = runner.dispatch(before, call.exchange.request, { bytes: reply.bytes.length })
  return pending instanceof Promise
    ? pending.then((outcome) => shown(asking, reply, outcome))
    : shown(asking, reply, pending)
}

/** The answer as policies left it. */
function shown(
  { call, operation, link }: Asking,
  reply: Message,
  outcome: Outcome<object>,
): Answer {
  if (outcome.kind !== 'pass') return refused(call, operation.post, outcome, true)
  return {
    bytes: splice(reply.bytes, [
      ...idEdits(reply, call.message.id),
      ...strayEdits(reply),
      ...replyBridge(call, link, operation, reply),
      ...replyEdits(reply, operation, outcome.payload as Payload),
    ]),
    status: statusOf(reply, call),
  }
}

/** A plugin's answer passes every post-point, like the upstream's. */
export async function answered(
  call: Call,
  operation: Operation,
  target: Target,
  payload: Payload,
  answer: JsonObject,
): Promise<Answer> {
  const { identity, request } = call.exchange
  request.origin = 'plugin'
  const { form } = operation
  let result: unknown = form ? form.answer(answer, {}) : answer
  const runner = runnerAt(call, operation.post, ownName(operation, target, payload))
  if (runner) {
    const before = postPayload(operation, target, payload, { result })
    const outcome = await runner.dispatch(before, request, {})
    if (outcome.kind !== 'pass') return refused(call, operation.post, outcome, false)
    const after = outcome.payload as Payload
    result = form ? form.answer(answer, after) : after.result
  }
  const complete =
    identity.era === 'modern'
      ? {
          ...(result as object),
          resultType: 'complete',
          ...(operation.cacheable ? { ttlMs: 0, cacheScope: 'private' } : {}),
        }
      : result
  return { bytes: resultBytes(call.message.id as RpcId, complete as JsonObject), status: 200 }
}

/** The call goes on as a task of its server; its result passes the post-point when the client fetches it. */
function asTask(asking: Asking, reply: Message): Answer {
  const { call, operation, target, link, decided, behind } = asking

  if (link.era !== call.exchange.identity.era || operation.kind !== 'tools')
    throw new AppError('UPSTREAM_PROTOCOL', 'the server made a task of what cannot be one')
  const { identity, request } = call.exchange
  const kept = identity.sessionLabels?.values
  const labels = [...request.labels].filter((label) => !kept?.has(label))
  const owner = { server: target.own.server, tool: decided.permit.name, labels }
  const id = call.message.id as RpcId
  const shown = behind ? readMessage(resultBytes(id, bareTask(reply))) : reply
  return {
    bytes: splice(shown.bytes, [
      ...idEdits(shown, id),
      ...strayEdits(shown),
      ...taskEdits(call, owner, shown),
      // questions have points of their own, which they pass when the client fetches them
      ...editMember(shown, ['result', 'inputRequests'], undefined),
    ]),
    status: 200,
  }
}
