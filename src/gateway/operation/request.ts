// An operation on its way in: the payload of its pre-point, and what changes in the client's message before it goes upstream.
import { AppError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { checkParamHeaders, paramHeaders, paramHeadersOf } from '../../wire/headers.ts'
import type { Message } from '../../wire/message.ts'
import { META } from '../../wire/revision.ts'
import { type Edit, editMember } from '../../wire/splice.ts'
import type { Call } from '../exchange.ts'
import type { Operation, Payload, Target } from './operations.ts'

/** Arguments that the tool wants repeated in headers must say the same there (2026-07-28, SEP-2243). */
export function checkParameters(
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

/**
 * Built from the final arguments. Headers of parameters that the schema does not know go on as they came, but not when a policy
 * changed the call: they may still say what it took out, and a server that misses one refuses.
 */
export async function parameterHeaders(
  call: Call,
  operation: Operation,
  target: Target,
  own: string,
  before: Payload,
  payload: Payload,
): Promise<Record<string, string>> {
  const { era } = call.exchange.identity
  if (era !== 'modern' || operation.kind !== 'tools') return {}
  const catalog = call.exchange.runtime.catalogs[era]
  const definition =
    own === target.own.name
      ? target.definition
      : await catalog.definition('tools', target.own.server, own)
  const changed = own !== target.own.name || payload.arguments !== before.arguments
  if (changed) return paramHeaders(definition?.inputSchema, payload.arguments)
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

export function prePayload(operation: Operation, message: Message, target: Target): Payload {
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

/** Only what changed: name or uri, patched inputs, and the trace of a client that sent it as a header. */
export function requestEdits(
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
  const { trace, era } = exchange.identity
  const given = isObject(message.params?._meta) ? message.params._meta : undefined
  if (trace && given?.traceparent === undefined)
    edits.push(...editMember(message, ['params', '_meta', 'traceparent'], trace.traceparent))
  // a policy took capabilities away: the server must not count on them
  if (era === 'modern' && given && call.capabilities !== given[META.clientCapabilities])
    edits.push(
      ...editMember(message, ['params', '_meta', META.clientCapabilities], call.capabilities),
    )
  return edits
}
