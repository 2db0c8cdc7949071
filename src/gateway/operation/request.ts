// An operation on its way in: the payload of its pre-point, and what changes in the client's message before it goes upstream.
import { AppError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { lazyMember } from '../../base/lazy.ts'
import {
  checkParamHeaders,
  HEADERS,
  type HeaderBag,
  type ParamHeader,
  paramHeaders,
  paramHeadersOf,
} from '../../wire/headers.ts'
import type { Member } from '../../wire/member-table.ts'
import { LARGE, type Message } from '../../wire/message.ts'
import { type Edit, editMember, valueEdit } from '../../wire/splice.ts'
import type { Call } from '../exchange.ts'
import type { Asking } from './asking.ts'
import type { Operation, Payload, Target } from './operations.ts'

/** Arguments that the tool wants repeated in headers must say the same there (2026-07-28, SEP-2243). */
export function checkParameters(
  { exchange, headers, message }: Call,
  { kind }: Operation,
  { params }: Target,
): void {
  const { era, surface } = exchange.identity
  if (era !== 'modern' || kind !== 'tools' || surface === 'stdio') return
  checkParamHeaders(headers, message.params?.arguments, params)
}

/**
 * What the server is sent besides the message: what policies set, and repeated arguments, built from the final ones. Headers of parameters that the schema does not know go on as they came, but not when a policy
 * changed the call: they may still say what it took out, and a server that misses one refuses.
 */
export async function outgoingHeaders({
  call,
  operation,
  target,
  decided: { permit, before, payload },
  link,
}: Asking): Promise<Record<string, string> | undefined> {
  const set = payload.headers as Record<string, string> | undefined
  if (link.era !== 'modern' || operation.kind !== 'tools') return set
  const own = permit.name
  const renamed = own !== target.own.name
  const declared = renamed ? await declaredBy(call, target.own.server, own) : target.params
  const changed = renamed || payload.arguments !== before.arguments
  return {
    ...set,
    ...(changed ? {} : foreignHeaders(call.headers, declared)),
    ...paramHeaders(declared, payload.arguments),
  }
}

/** Nothing to send, which is what most calls come to; asked first, because nothing has to be waited for then. */
export function sendsNoHeaders(
  { headers }: Call,
  target: Target,
  before: Payload,
  payload: Payload,
): boolean {
  if (payload !== before || (target.params !== undefined && target.params.length > 0)) return false
  for (const name in headers) if (name.startsWith(HEADERS.paramPrefix)) return false
  return true
}

async function declaredBy(call: Call, server: string, own: string) {
  const { runtime, identity } = call.exchange
  const catalog = runtime.catalogs[identity.era]
  return paramHeadersOf((await catalog.definition('tools', server, own))?.inputSchema)
}

function foreignHeaders(
  headers: HeaderBag,
  declared: readonly ParamHeader[] | undefined,
): Record<string, string> {
  const foreign: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (!name.startsWith(HEADERS.paramPrefix) || typeof value !== 'string') continue
    if (!declared?.some(({ header }) => header === name)) foreign[name] = value
  }
  return foreign
}

export function prePayload(operation: Operation, message: Message, target: Target): Payload {
  if (operation.form) return operation.form.before(message, target)
  const payload: Payload = {
    server: target.own.server,
    [operation.member]: target.own.name,
    exposedName: target.exposed,
  }
  const given = message.scan.inner.get('arguments')
  if (given && operation.inputs.includes('arguments')) {
    if (operation.kind === 'tools') toolArguments(payload, message, given)
    else payload.arguments = promptArguments(message)
  }
  if (operation.kind === 'tools') {
    if (isObject(target.definition?.annotations))
      payload.annotations = target.definition.annotations
    payload.headers = {}
  }
  return payload
}

// large ones are parsed when a policy reads them
function toolArguments(payload: Payload, message: Message, given: Member): void {
  if (message.bytes[given.start] !== OPEN_OBJECT)
    throw new AppError('WIRE_INVALID_PARAMS', 'params.arguments is not an object')
  if (given.end - given.start < LARGE) payload.arguments = message.params?.arguments
  else lazyMember(payload, 'arguments', () => message.params?.arguments)
}

const OPEN_OBJECT = 0x7b

function promptArguments(message: Message): unknown {
  const given = message.params?.arguments
  if (isObject(given) && Object.values(given).every((value) => typeof value === 'string'))
    return given
  throw new AppError('WIRE_INVALID_PARAMS', 'params.arguments is not an object of strings')
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
  const named = message.scan.inner.get(operation.member)
  if (operation.form) edits.push(...operation.form.rename(message, own))
  else if (named && message.params?.[operation.member] !== own) edits.push(valueEdit(named, own))
  if (payload !== before) {
    for (const member of operation.inputs) {
      if (payload[member] !== before[member])
        edits.push(...editMember(message, ['params', member], payload[member]))
    }
  }
  const { trace } = exchange.identity
  const given = isObject(message.params?._meta) ? message.params._meta : undefined
  if (trace && given?.traceparent === undefined)
    edits.push(...editMember(message, ['params', '_meta', 'traceparent'], trace.traceparent))
  return edits
}
