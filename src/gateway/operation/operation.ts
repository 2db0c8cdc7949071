// The three operations on an upstream: tools/call, prompts/get, resources/read, from the client's message to the answer.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Outcome } from '../../engine/outcome.ts'
import { POINTS, type PointName, type Points } from '../../points/table.ts'
import type { UpstreamReply } from '../../upstream/client.ts'
import type { Message } from '../../wire/message.ts'
import { resultBytes } from '../../wire/reply.ts'
import { splice } from '../../wire/splice.ts'
import { type Answer, denialAnswer, type RpcId } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { OPERATIONS, type Operation, type Payload, type Target } from './operations.ts'
import { Outgoing } from './outgoing.ts'
import { idEdits, postPayload, refuseUnwired, replyEdits, statusOf, strayEdits } from './reply.ts'
import {
  checkParameters,
  outgoingHeaders,
  prePayload,
  requestEdits,
  sendsNoHeaders,
} from './request.ts'
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
  const found = findTarget(call, operation.kind, operation.member)
  const target = found instanceof Promise ? await found : found
  exchange.request.server = target.upstream.info
  exchange.request.target = target.own.name
  call.session?.servers.add(target.upstream.name)

  checkParameters(call, operation, target)
  const before = prePayload(operation, message, target)
  const runner = runnerAt(call, operation.pre, target.own.name)
  let payload = before
  if (runner) {
    const pending = runner.dispatch(before, exchange.request, { bytes: message.bytes.length })
    const outcome = pending instanceof Promise ? await pending : pending
    if (outcome.kind === 'respond') {
      const answer = outcome.answer as JsonObject
      return answered(call, operation, target, outcome.payload as Payload, answer)
    }
    if (outcome.kind !== 'pass') return refused(call, operation.pre, outcome, false)
    payload = outcome.payload as Payload
  }
  const own =
    payload === before ? target.own.name : await currentTarget(call, operation, target, payload)
  const headers = sendsNoHeaders(call, target, before, payload)
    ? undefined
    : await outgoingHeaders(call, operation, target, own, before, payload)
  return ask(call, operation, target, { own, before, payload, headers })
}

/** What policies made of the call. */
interface Decided {
  readonly own: string
  readonly before: Payload
  readonly payload: Payload
  readonly headers: Readonly<Record<string, string>> | undefined
}

async function ask(
  call: Call,
  operation: Operation,
  target: Target,
  { own, before, payload, headers }: Decided,
): Promise<Answer> {
  const { identity, request } = call.exchange
  const { upstream } = target
  const behind = runnerAt(call, operation.post, own)
  const sent = new Outgoing(call, upstream, {
    target: own,
    edits: requestEdits(call, operation, own, before, payload),
    headers,
    // nobody looks at the result: a large one need not wait for its own end
    relay: behind ? undefined : call.outbound.relay?.(call.message.id as RpcId),
  })
  const link = upstream.link(identity.era) ?? (await upstream.ready(identity.era, request.signal))
  const reply = await link.request(sent)
  if (sent.forwarded) await sent.forwarded
  request.origin = 'upstream'
  return settle(call, operation, target, payload, behind, reply)
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
  if (own === target.own.name) return own
  const catalog = call.exchange.runtime.catalogs[call.exchange.identity.era]
  if (await catalog.reaches(operation.kind, { server: target.own.server, name: own })) return own
  throw new AppError(
    'WIRE_UNKNOWN_TARGET',
    'a policy renamed the call to something the server does not offer',
  )
}

function settle(
  call: Call,
  operation: Operation,
  target: Target,
  sent: Payload,
  runner: AnyRunner,
  { message: reply, relayed }: UpstreamReply,
): Answer | Promise<Answer> {
  if (relayed) return { bytes: reply.bytes, status: 200, relayed }
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
  const seen = isResult ? { result: reply.result } : { error: reply.error }
  const before = postPayload(operation, target, sent, seen)
  const pending = runner.dispatch(before, call.exchange.request, { bytes: reply.bytes.length })
  return pending instanceof Promise
    ? pending.then((outcome) => shown(call, operation, reply, outcome))
    : shown(call, operation, reply, pending)
}

/** The answer as policies left it. */
function shown(call: Call, operation: Operation, reply: Message, outcome: Outcome<object>): Answer {
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
