// The three operations on an upstream: tools/call, prompts/get, resources/read, from the client's message to the answer.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Outcome } from '../../engine/outcome.ts'
import { POINTS, type PointName, type Points } from '../../points/table.ts'
import type { Upstream, UpstreamReply } from '../../upstream/client.ts'
import { resultBytes } from '../../wire/reply.ts'
import { type Edit, splice } from '../../wire/splice.ts'
import { type Answer, denialAnswer, type RpcId } from '../answer.ts'
import { type Call, serverInfo } from '../exchange.ts'
import { createForwarder } from '../notification/notifications.ts'
import { OPERATIONS, type Operation, type Payload, type Target } from './operations.ts'
import { idEdits, postPayload, refuseUnwired, replyEdits, statusOf, strayEdits } from './reply.ts'
import { checkParameters, parameterHeaders, prePayload, requestEdits } from './request.ts'
import { findTarget } from './targets.ts'

type AnyRunner = {
  dispatch(
    payload: object,
    request: object,
    options: object,
  ): Outcome<object> | Promise<Outcome<object>>
} | null

/** Rejects with a fault; a denial is an answer. */
export async function operate(call: Call): Promise<Answer> {
  const { exchange, message } = call
  const operation = OPERATIONS[message.method as string] as Operation
  const target = await findTarget(call, operation.kind, operation.member)
  exchange.request.server = serverInfo(target.upstream)
  exchange.request.target = target.own.name
  call.session?.servers.add(target.upstream.name)

  checkParameters(call, operation, target)
  const before = prePayload(operation, message, target)
  const runner = runnerAt(call, operation.pre, target.own.name)
  let payload = before
  if (runner) {
    const outcome = await runner.dispatch(before, exchange.request, { bytes: message.bytes.length })
    if (outcome.kind === 'respond')
      return answered(
        call,
        operation,
        target,
        outcome.payload as Payload,
        outcome.answer as JsonObject,
      )
    if (outcome.kind !== 'pass') return refused(call, operation.pre, outcome, false)
    payload = outcome.payload as Payload
  }
  const own = await currentTarget(call, operation, target, payload)
  const headers = {
    ...(payload.headers as object),
    ...(await parameterHeaders(call, operation, target, own, before, payload)),
  }
  const reply = await ask(
    call,
    target.upstream,
    own,
    requestEdits(call, operation, own, before, payload),
    headers,
  )
  return settle(call, operation, target, payload, reply)
}

function runnerAt(call: Call, point: PointName, target: string): AnyRunner {
  const { runtime, request } = call.exchange
  return runtime.generation.runner(point as keyof Points, {
    server: request.server,
    target,
  }) as AnyRunner
}

// a plugin may send the call to another tool of the same server, if the server has one of that name
async function currentTarget(
  call: Call,
  operation: Operation,
  target: Target,
  payload: Payload,
): Promise<string> {
  const own = payload[operation.member] as string
  if (own === target.own.name || operation.kind === 'resources') return own
  const catalog = call.exchange.runtime.catalogs[call.exchange.identity.era]
  if (await catalog.definition(operation.kind, target.own.server, own)) return own
  throw new AppError(
    'WIRE_UNKNOWN_TARGET',
    'a policy renamed the call to something the server does not offer',
  )
}

async function ask(
  call: Call,
  upstream: Upstream,
  own: string,
  edits: readonly Edit[],
  headers: Readonly<Record<string, string>>,
): Promise<UpstreamReply> {
  const { exchange, message } = call
  const forwarder = createForwarder(call, upstream)
  const { signal } = exchange.request
  const link = await upstream.ready(exchange.identity.era, signal)
  const reply = await link.request({
    message,
    edits,
    target: own,
    signal,
    timeout: exchange.runtime.limits.request_timeout,
    headers,
    onNotification: forwarder.push,
  })
  // what was sent before the answer reaches the client before it
  await forwarder.settled()
  exchange.request.origin = 'upstream'
  return reply
}

async function settle(
  call: Call,
  operation: Operation,
  target: Target,
  sent: Payload,
  { message: reply }: UpstreamReply,
): Promise<Answer> {
  const runner = runnerAt(call, operation.post, sent[operation.member] as string)
  refuseUnwired(reply)
  if (!runner)
    return {
      bytes: splice(reply.bytes, idEdits(reply, call.message.id)),
      status: statusOf(reply, call),
    }
  const isResult = reply.kind === 'result'
  if (isResult && !operation.result(reply.result))
    throw new AppError(
      'UPSTREAM_PROTOCOL',
      `the result of ${call.message.method} has the wrong shape`,
    )
  const before = postPayload(
    operation,
    target,
    sent,
    isResult ? { result: reply.result } : { error: reply.error },
  )
  const outcome = await runner.dispatch(before, call.exchange.request, {
    bytes: reply.bytes.length,
  })
  if (outcome.kind !== 'pass') return refused(call, operation.post, outcome, true)
  return {
    bytes: splice(reply.bytes, [
      ...idEdits(reply, call.message.id),
      ...strayEdits(reply),
      ...replyEdits(reply, operation, outcome.payload as Payload),
    ]),
    status: statusOf(reply, call),
  }
}

/** A plugin's answer passes every post-point, like the upstream's. */
async function answered(
  call: Call,
  operation: Operation,
  target: Target,
  payload: Payload,
  answer: JsonObject,
): Promise<Answer> {
  const { identity, request } = call.exchange
  request.origin = 'plugin'
  let result: unknown = answer
  const runner = runnerAt(call, operation.post, payload[operation.member] as string)
  if (runner) {
    const before = postPayload(operation, target, payload, { result })
    const outcome = await runner.dispatch(before, request, {})
    if (outcome.kind !== 'pass') return refused(call, operation.post, outcome, false)
    result = (outcome.payload as Payload).result
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

function refused(
  call: Call,
  point: PointName,
  outcome: Exclude<Outcome<object>, { kind: 'pass' }>,
  ran: boolean,
): Answer {
  if (outcome.kind === 'fault') throw outcome.fault
  if (outcome.kind !== 'deny') throw new AppError('INTERNAL', `${point} ended with ${outcome.kind}`)
  const { identity } = call.exchange
  return denialAnswer(POINTS[point].denial, outcome.violation, {
    id: call.message.id,
    requestId: identity.requestId,
    era: identity.era,
    ran,
  })
}
