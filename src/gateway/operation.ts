// The three operations on an upstream: tools/call, prompts/get, resources/read, from the client's message to the answer.
import { AppError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Outcome } from '../engine/outcome.ts'
import { POINTS, type PointName, type Points } from '../points/table.ts'
import type { Upstream, UpstreamReply } from '../upstream/client.ts'
import { checkParamHeaders, paramHeaders, paramHeadersOf } from '../wire/headers.ts'
import type { Message } from '../wire/message.ts'
import { resultBytes } from '../wire/reply.ts'
import { META } from '../wire/revision.ts'
import { type Edit, editMember, splice } from '../wire/splice.ts'
import { type Answer, denialAnswer, type RpcId } from './answer.ts'
import type { ListKind } from './catalog/catalog.ts'
import type { OwnName } from './catalog/names.ts'
import { type Call, serverInfo } from './exchange.ts'
import { createForwarder } from './notifications.ts'
import { findTarget } from './targets.ts'

/** What differs between the operations; everything else is the same code. */
interface Operation {
  readonly pre: PointName
  readonly post: PointName
  readonly kind: ListKind
  /** The member of params that names the target. */
  readonly member: 'name' | 'uri'
  /** Members of params a patch may change, besides the target. */
  readonly inputs: readonly string[]
  /** Members of the result a patch may change. */
  readonly outputs: readonly string[]
  readonly result: (value: unknown) => boolean
  /** Modern results of this kind say how long they may be kept. */
  readonly cacheable: boolean
}

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'tools/call': {
    pre: 'tool_pre_invoke',
    post: 'tool_post_invoke',
    kind: 'tools',
    member: 'name',
    inputs: ['arguments'],
    outputs: ['content', 'structuredContent', 'isError', '_meta'],
    result: POINTS.tool_pre_invoke.answer as (value: unknown) => boolean,
    cacheable: false,
  },
  'prompts/get': {
    pre: 'prompt_pre_fetch',
    post: 'prompt_post_fetch',
    kind: 'prompts',
    member: 'name',
    inputs: ['arguments'],
    outputs: ['messages', 'description'],
    result: POINTS.prompt_pre_fetch.answer as (value: unknown) => boolean,
    cacheable: false,
  },
  'resources/read': {
    pre: 'resource_pre_fetch',
    post: 'resource_post_fetch',
    kind: 'resources',
    member: 'uri',
    inputs: [],
    outputs: ['contents'],
    result: POINTS.resource_pre_fetch.answer as (value: unknown) => boolean,
    cacheable: true,
  },
}

type Payload = Record<string, unknown>
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
    ...(await parameterHeaders(call, operation, target, own, payload)),
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

/** Arguments that the tool wants repeated in headers must say the same there (2026-07-28, SEP-2243). */
function checkParameters(
  { exchange, headers, message }: Call,
  { kind }: Operation,
  { definition }: Target,
): void {
  if (
    exchange.identity.era !== 'modern' ||
    kind !== 'tools' ||
    exchange.identity.surface === 'stdio'
  )
    return
  checkParamHeaders(headers, message.params?.arguments, definition?.inputSchema)
}

/** Built from the final arguments; headers of parameters that the schema does not know go on as they came. */
async function parameterHeaders(
  call: Call,
  operation: Operation,
  target: Target,
  own: string,
  payload: Payload,
): Promise<Record<string, string>> {
  const { era } = call.exchange.identity
  if (era !== 'modern' || operation.kind !== 'tools') return {}
  const catalog = call.exchange.runtime.catalogs[era]
  const definition =
    own === target.own.name
      ? target.definition
      : await catalog.definition('tools', target.own.server, own)
  const known = new Set((paramHeadersOf(definition?.inputSchema) ?? []).map(({ header }) => header))
  const foreign = Object.entries(call.headers).filter(
    ([name, value]) =>
      name.startsWith('mcp-param-') && typeof value === 'string' && !known.has(name),
  )
  return {
    ...(Object.fromEntries(foreign) as Record<string, string>),
    ...paramHeaders(definition?.inputSchema, payload.arguments),
  }
}

export interface Target {
  readonly upstream: Upstream
  readonly own: OwnName
  readonly exposed: string
  readonly definition: JsonObject | undefined
}

function prePayload(operation: Operation, message: Message, target: Target): Payload {
  const payload: Payload = {
    server: target.own.server,
    [operation.member]: target.own.name,
    exposedName: target.exposed,
  }
  const given = message.params?.arguments
  if (operation.inputs.includes('arguments') && given !== undefined) {
    const isInput =
      operation.kind === 'tools'
        ? isObject(given)
        : isObject(given) && Object.values(given).every((value) => typeof value === 'string')
    if (!isInput)
      throw new AppError(
        'WIRE_INVALID_PARAMS',
        operation.kind === 'tools'
          ? 'params.arguments is not an object'
          : 'params.arguments is not an object of strings',
      )
    payload.arguments = given
  }
  if (operation.kind === 'tools') {
    if (isObject(target.definition?.annotations))
      payload.annotations = target.definition.annotations
    payload.headers = {}
  }
  return payload
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

/** Only what changed: name or uri, patched inputs, and the trace of a client that sent it as a header. */
function requestEdits(
  call: Call,
  operation: Operation,
  own: string,
  before: Payload,
  payload: Payload,
): Edit[] {
  const { message, exchange } = call
  const edits: Edit[] = []
  if (message.params?.[operation.member] !== own)
    edits.push(...editMember(message, ['params', operation.member], own))
  for (const member of operation.inputs) {
    if (payload[member] !== before[member])
      edits.push(...editMember(message, ['params', member], payload[member]))
  }
  const meta: Record<string, unknown> = {}
  const { trace, era } = exchange.identity
  const given = isObject(message.params?._meta) ? message.params._meta : undefined
  if (trace && given?.traceparent === undefined) meta.traceparent = trace.traceparent
  if (era === 'modern' && given && call.capabilities !== given[META.clientCapabilities])
    meta[META.clientCapabilities] = call.capabilities
  if (Object.keys(meta).length > 0)
    edits.push(...editMember(message, ['params', '_meta'], { ...given, ...meta }))
  return edits
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
      ...replyEdits(reply, operation, outcome.payload as Payload),
    ]),
    status: statusOf(reply, call),
  }
}

function postPayload(
  operation: Operation,
  target: Target,
  sent: Payload,
  outcome: Payload,
): Payload {
  return {
    server: target.own.server,
    [operation.member]: sent[operation.member],
    exposedName: target.exposed,
    ...outcome,
  }
}

/** Multi-round results and tasks carry what no point has seen yet, so they do not cross. */
function refuseUnwired(reply: Message): void {
  const kind = isObject(reply.result) ? reply.result.resultType : undefined
  if (kind !== undefined && kind !== 'complete')
    throw new AppError(
      'UPSTREAM_PROTOCOL',
      `the server answered with a result of type ${String(kind)}, which the gateway does not carry yet`,
    )
}

function idEdits(reply: Message, id: RpcId | undefined): Edit[] {
  const span = reply.scan.members.get('id')
  return span ? [{ span, text: JSON.stringify(id) }] : []
}

function replyEdits(reply: Message, operation: Operation, after: Payload): Edit[] {
  if (reply.kind === 'error') {
    const error = after.error as JsonObject | undefined
    if (!reply.error || error === (reply.error as unknown)) return []
    return (['message', 'data'] as const)
      .filter((member) => error?.[member] !== reply.error?.[member])
      .flatMap((member) => editMember(reply, ['error', member], error?.[member]))
  }
  const [old, now] = [reply.result as Payload, after.result as Payload]
  if (old === now) return []
  return operation.outputs
    .filter((member) => old[member] !== now[member])
    .flatMap((member) => editMember(reply, ['result', member], now[member]))
}

function statusOf(reply: Message, call: Call): number {
  // the modern transport answers a missing client capability with 400 (basic/index#errors)
  return call.exchange.identity.era === 'modern' && reply.error?.code === -32021 ? 400 : 200
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
