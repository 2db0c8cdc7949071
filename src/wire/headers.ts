// The MCP headers of the modern era: what they say must be what the body says, coming in and going out (SEP-2243).
import { AppError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Message } from './message.ts'
import { isModern, LATEST_MODERN, META, MODERN_REVISIONS } from './revision.ts'

export type HeaderMap = Readonly<Record<string, string | readonly string[] | undefined>>

/** Methods whose target stands in `Mcp-Name`, and the member it is. */
const NAMED: Readonly<Record<string, 'name' | 'uri'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

const ENCODED = /^=\?base64\?(.*)\?=$/s
// what a header field can hold and keeps unchanged: visible ASCII with inner blanks
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Values that a header cannot hold travel as `=?base64?…?=`. */
export function encodeHeader(value: string): string {
  return PLAIN.test(value) && !ENCODED.test(value)
    ? value
    : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/** Undefined when it claims to be encoded and is not. */
export function decodeHeader(value: string): string | undefined {
  const trimmed = value.trim()
  const inside = ENCODED.exec(trimmed)?.[1]
  if (inside === undefined) return trimmed
  const bytes = Buffer.from(inside, 'base64')
  return bytes.toString('base64') === inside ? bytes.toString() : undefined
}

/**
 * Throws WIRE_INVALID_PARAMS (a `_meta` member is missing), WIRE_UNSUPPORTED_VERSION or WIRE_HEADER_MISMATCH, in the order the
 * specification gives them. `Mcp-Param-*` is compared where the tool's schema is known.
 */
export function checkModernHeaders(headers: HeaderMap, message: Message): void {
  const meta = message.params?._meta
  const version = isObject(meta) ? meta[META.protocolVersion] : undefined
  const header = single(headers, 'mcp-protocol-version')
  if (version === undefined && message.kind === 'notification') {
    checkVersion(header)
    return
  }
  if (typeof version !== 'string')
    throw new AppError('WIRE_INVALID_PARAMS', `params._meta has no ${META.protocolVersion}`)
  if (header !== version) throw mismatch('MCP-Protocol-Version')
  if (message.kind === 'request' && !isObject((meta as JsonObject)[META.clientCapabilities])) {
    throw new AppError('WIRE_INVALID_PARAMS', `params._meta has no ${META.clientCapabilities}`)
  }
  checkVersion(version)
  if (message.kind !== 'request') return
  if (single(headers, 'mcp-method') !== message.method) throw mismatch('Mcp-Method')
  const member = NAMED[message.method ?? '']
  if (!member) return
  const name = single(headers, 'mcp-name')
  if (name === undefined || decodeHeader(name) !== message.params?.[member])
    throw mismatch('Mcp-Name')
}

function checkVersion(version: string | undefined): void {
  if (version !== undefined && isModern(version)) return
  throw new AppError(
    'WIRE_UNSUPPORTED_VERSION',
    `unsupported protocol version ${String(version).slice(0, 32)}`,
    {
      data: { supported: [...MODERN_REVISIONS], requested: version },
    },
  )
}

function mismatch(header: string): AppError {
  return new AppError(
    'WIRE_HEADER_MISMATCH',
    `the header ${header} is missing or does not equal the body`,
  )
}

function single(headers: HeaderMap, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value.trim() : undefined
}

export interface ModernHeaderOptions {
  /** The final name or URI, when edits have changed it. */
  readonly target?: string | undefined
  /** The tool's own schema: arguments marked `x-mcp-header` travel as headers too. */
  readonly inputSchema?: JsonObject | undefined
  /** The final arguments, when edits have changed them. */
  readonly arguments?: JsonObject | undefined
}

/** The headers of a request to a modern server, built from what its body says. */
export function modernHeaders(
  message: Message,
  options: ModernHeaderOptions = {},
): Record<string, string> {
  const meta = message.params?._meta
  const version = isObject(meta) ? meta[META.protocolVersion] : undefined
  const headers: Record<string, string> = {
    'mcp-protocol-version': typeof version === 'string' ? version : LATEST_MODERN,
    'mcp-method': message.method ?? '',
  }
  const member = NAMED[message.method ?? '']
  const target = options.target ?? (member && message.params?.[member])
  if (member && typeof target === 'string') headers['mcp-name'] = encodeHeader(target)
  const given = options.arguments ?? message.params?.arguments
  return {
    ...headers,
    ...parameterHeaders(options.inputSchema, isObject(given) ? (given as JsonObject) : {}),
  }
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** `Mcp-Param-*` for the arguments that the schema marks; what cannot be a header is left out. */
export function parameterHeaders(
  inputSchema: JsonObject | undefined,
  given: JsonObject,
): Record<string, string> {
  const headers: Record<string, string> = {}
  const properties = isObject(inputSchema?.properties) ? inputSchema.properties : {}
  for (const [property, schema] of Object.entries(properties)) {
    const name = isObject(schema) ? schema['x-mcp-header'] : undefined
    const value = Object.hasOwn(given, property) ? given[property] : undefined
    if (typeof name !== 'string' || !TOKEN.test(name)) continue
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      headers[`mcp-param-${name.toLowerCase()}`] = encodeHeader(String(value))
  }
  return headers
}

/** Throws WIRE_HEADER_MISMATCH when a marked argument and its header differ, or one of them is missing. */
export function checkParameterHeaders(
  headers: HeaderMap,
  inputSchema: JsonObject | undefined,
  given: JsonObject,
): void {
  const expected = parameterHeaders(inputSchema, given)
  for (const [name, value] of Object.entries(expected)) {
    const sent = single(headers, name)
    const decoded = sent === undefined ? undefined : decodeHeader(sent)
    if (decoded === undefined || !sameValue(decoded, decodeHeader(value) ?? ''))
      throw mismatch(name)
  }
}

// numbers are compared as numbers: 1.0 and 1 are the same argument
function sameValue(a: string, b: string): boolean {
  return a === b || (a !== '' && b !== '' && Number(a) === Number(b))
}
