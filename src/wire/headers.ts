// The headers and `_meta` every modern message carries: checked against the body when it comes in, made from it when it goes out.
import { AppError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import {
  decodeHeaderValue,
  encodeHeaderValue,
  type HeaderBag,
  headerValue,
} from './header-value.ts'
import type { Message } from './message.ts'
import { checkParamHeaders, paramHeaders, paramHeadersOf } from './param-headers.ts'
import { isModernRevision, META, MODERN, MODERN_REVISIONS } from './revision.ts'

export {
  decodeHeaderValue,
  encodeHeaderValue,
  type HeaderBag,
  headerValue,
} from './header-value.ts'
export {
  checkParamHeaders,
  type ParamHeader,
  paramHeaders,
  paramHeadersOf,
} from './param-headers.ts'

/** Lower case, as `node:http` gives them and clients send them; names are compared without case. */
export const HEADERS = {
  session: 'mcp-session-id',
  version: 'mcp-protocol-version',
  method: 'mcp-method',
  name: 'mcp-name',
  paramPrefix: 'mcp-param-',
  lastEventId: 'last-event-id',
} as const

// the member of params that Mcp-Name repeats (SEP-2243; tasks: SEP-2663)
const NAME_SOURCE = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])

/**
 * The `_meta` of a modern request, on any transport. Throws WIRE_INVALID_PARAMS when a required member is missing or of
 * the wrong type, WIRE_UNSUPPORTED_VERSION (data `{supported, requested}`) for a version that is not ours. A
 * notification needs no `_meta`.
 */
export function checkModernMeta(message: Message): void {
  const version = checkMetaMembers(message)
  if (version !== undefined) checkVersion(version)
}

/**
 * `checkModernMeta`, and that the headers say what the body says: Mcp-Method, MCP-Protocol-Version, Mcp-Name and, with the
 * tool's schema, Mcp-Param-*. Throws WIRE_HEADER_MISMATCH besides.
 */
export function checkModernHeaders(
  headers: HeaderBag,
  message: Message,
  inputSchema?: unknown,
): void {
  const named = headerValue(headers, HEADERS.version)
  // by its header alone this is a modern request, by its body a legacy handshake
  if (message.method === 'initialize' && !claimsVersion(message))
    throw mismatch(HEADERS.version, 'names a modern version, which has no initialize')
  const version = checkMetaMembers(message)
  const method = headerValue(headers, HEADERS.method)
  if (named !== undefined && version !== undefined && named !== version)
    throw mismatch(HEADERS.version, 'does not equal the version in params._meta')
  if (method !== undefined && method !== message.method)
    throw mismatch(HEADERS.method, 'does not equal the method of the body')
  checkVersion(version ?? named ?? '')
  if (message.kind !== 'request') return
  if (named === undefined) throw mismatch(HEADERS.version, 'is missing')
  if (method === undefined) throw mismatch(HEADERS.method, 'is missing')
  checkName(headers, message)
  if (inputSchema !== undefined)
    checkParamHeaders(headers, message.params?.arguments, paramHeadersOf(inputSchema))
}

function claimsVersion(message: Message): boolean {
  const meta = message.params?._meta
  return isObject(meta) && Object.hasOwn(meta, META.protocolVersion)
}

function checkMetaMembers(message: Message): string | undefined {
  const meta = message.params?._meta
  const version = isObject(meta) ? meta[META.protocolVersion] : undefined
  if (message.kind === 'notification' && version === undefined) return undefined
  if (!isObject(meta))
    throw invalidMeta('params._meta', `is missing; a request of ${MODERN} says its version there`)
  if (typeof version !== 'string')
    throw invalidMeta(
      META.protocolVersion,
      version === undefined ? 'is missing' : 'is not a string',
    )
  if (message.kind === 'notification') return version
  const capabilities = meta[META.clientCapabilities]
  if (!isObject(capabilities))
    throw invalidMeta(
      META.clientCapabilities,
      capabilities === undefined ? 'is missing' : 'is not an object',
    )
  const info = meta[META.clientInfo]
  if (info !== undefined && !isObject(info)) throw invalidMeta(META.clientInfo, 'is not an object')
  return version
}

function invalidMeta(key: string, what: string): AppError {
  return new AppError('WIRE_INVALID_PARAMS', `${key} ${what}`, { data: { key } })
}

function checkVersion(version: string): void {
  if (isModernRevision(version)) return
  // a foreign version is echoed, so it is cut: it is the client's own text
  const requested = version.slice(0, 64)
  throw new AppError(
    'WIRE_UNSUPPORTED_VERSION',
    'the protocol version is not supported; use one of data.supported',
    {
      data: { supported: [...MODERN_REVISIONS], requested },
    },
  )
}

function checkName(headers: HeaderBag, message: Message): void {
  const body = nameOf(message)
  const given = headerValue(headers, HEADERS.name)
  if (given === undefined) {
    if (body !== undefined) throw mismatch(HEADERS.name, 'is missing')
    return
  }
  if (!NAME_SOURCE.has(message.method ?? '')) return
  const decoded = decodeHeaderValue(given)
  if (decoded === undefined) throw mismatch(HEADERS.name, 'is not valid Base64 of UTF-8')
  if (body !== undefined && decoded !== body)
    throw mismatch(HEADERS.name, 'does not equal the name in params')
}

function mismatch(header: string, what: string): AppError {
  return new AppError('WIRE_HEADER_MISMATCH', `the header ${header} ${what}`, { data: { header } })
}

/** What Mcp-Name repeats: the name, uri or task id of the message; undefined for methods without. */
export function nameOf(message: Message): string | undefined {
  const member = NAME_SOURCE.get(message.method ?? '')
  const value = member === undefined ? undefined : message.params?.[member]
  return typeof value === 'string' ? value : undefined
}

export interface ModernHeaderOptions {
  /** The final name or uri, when it is spliced into the message later. */
  readonly target?: string | undefined
  /** The final arguments, when they are. */
  readonly arguments?: JsonObject | undefined
  readonly inputSchema?: unknown
  /** The version, when it is not in the message. */
  readonly revision?: string | undefined
}

/** The headers of a modern message on its way to a server, names in lower case. */
export function modernHeaders(
  message: Message,
  options: ModernHeaderOptions = {},
): Record<string, string> {
  const { params } = message
  const meta = params?._meta
  const named = isObject(meta) ? meta[META.protocolVersion] : undefined
  const version = options.revision ?? (typeof named === 'string' ? named : MODERN_REVISIONS[0])
  const headers: Record<string, string> = {
    [HEADERS.version]: version,
    [HEADERS.method]: encodeHeaderValue(message.method ?? ''),
  }
  const name = NAME_SOURCE.has(message.method ?? '')
    ? (options.target ?? nameOf(message))
    : undefined
  if (name !== undefined) headers[HEADERS.name] = encodeHeaderValue(name)
  if (options.inputSchema === undefined || message.method !== 'tools/call') return headers
  const args = options.arguments ?? params?.arguments
  return { ...headers, ...paramHeaders(paramHeadersOf(options.inputSchema), args) }
}
