// What changes in a call and its answer because client and server are of different eras; within one era nothing does.
import { isObject } from '../../base/json.ts'
import type { UpstreamLink } from '../../upstream/client.ts'
import type { Message } from '../../wire/message.ts'
import { META } from '../../wire/revision.ts'
import { type Edit, editMember } from '../../wire/splice.ts'
import type { Call } from '../exchange.ts'
import type { Operation } from './operations.ts'

const MODERN_META = [
  META.protocolVersion,
  META.clientInfo,
  META.clientCapabilities,
  META.logLevel,
] as const
const MODERN_PARAMS = ['inputResponses', 'requestState'] as const

/** A modern server is told with each request who asks; a legacy one was told once. */
export function requestBridge(call: Call, link: UpstreamLink): Edit[] {
  const { era } = call.exchange.identity
  if (era === link.era) return era === 'modern' ? capabilityEdits(call) : NO_EDITS
  const { message } = call
  if (era === 'modern')
    return [
      ...MODERN_PARAMS.flatMap((name) => editMember(message, ['params', name], undefined)),
      ...MODERN_META.flatMap((name) => editMember(message, ['params', '_meta', name], undefined)),
    ]
  const { client } = call.exchange.identity
  // tasks are not what they were on the other side
  const task = editMember(message, ['params', 'task'], undefined)
  // a legacy client that has set no level takes what the server finds fit to send
  const level = call.session?.logLevel ?? 'info'
  const set = (name: string, value: unknown) =>
    editMember(message, ['params', '_meta', name], value)
  return [
    ...task,
    ...set(META.protocolVersion, link.revision),
    ...set(META.clientInfo, client ?? { name: 'unknown', version: '' }),
    ...set(META.clientCapabilities, call.capabilities),
    ...set(META.logLevel, level),
  ]
}

const NO_EDITS: Edit[] = []

/** A policy took capabilities away: the server must not count on them. */
function capabilityEdits({ message, capabilities }: Call): Edit[] {
  const given = isObject(message.params?._meta) ? message.params._meta : undefined
  if (!given || capabilities === given[META.clientCapabilities]) return NO_EDITS
  return editMember(message, ['params', '_meta', META.clientCapabilities], capabilities)
}

/** Members that only the modern era's results have, and codes that mean the same. */
export function replyBridge(
  call: Call,
  link: UpstreamLink,
  operation: Operation,
  reply: Message,
): Edit[] {
  const { era } = call.exchange.identity
  if (era === link.era) return []
  if (reply.kind === 'error') {
    const code = codeFor(era, operation, reply.error?.code)
    return code === reply.error?.code ? [] : editMember(reply, ['error', 'code'], code)
  }
  const set = (name: string, value: unknown) => editMember(reply, ['result', name], value)
  if (era === 'legacy')
    return ['resultType', 'ttlMs', 'cacheScope'].flatMap((name) => set(name, undefined))
  return [
    ...set('resultType', 'complete'),
    ...(operation.cacheable ? [...set('ttlMs', 0), ...set('cacheScope', 'private')] : []),
  ]
}

const NOT_FOUND_LEGACY = -32002
const INVALID_PARAMS = -32602
const INTERNAL = -32603

// -32002 and -32042 must not be emitted in the modern era; what it has instead says nothing to a client of the other
function codeFor(era: string, { cacheable }: Operation, code: number | undefined): number {
  if (code === undefined) return INTERNAL
  if (era === 'modern') {
    if (code === NOT_FOUND_LEGACY) return INVALID_PARAMS
    return code === -32042 ? INTERNAL : code
  }
  if (code === INVALID_PARAMS && cacheable) return NOT_FOUND_LEGACY
  return code <= -32020 && code >= -32022 ? INTERNAL : code
}
