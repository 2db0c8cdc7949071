// Mcp-Param-* headers: arguments of a tool call that its schema wants repeated for intermediaries (`x-mcp-header`, SEP-2243).
import { AppError } from '../base/errors.ts'
import { isObject, UnsafeNumber } from '../base/json.ts'
import {
  decodeHeaderValue,
  encodeHeaderValue,
  type HeaderBag,
  headerValue,
} from './header-value.ts'

/** One property of a tool's inputSchema that is repeated in a header. */
export interface ParamHeader {
  /** Where its value stands in the arguments. */
  readonly path: readonly string[]
  /** Lower case, with the prefix. */
  readonly header: string
  readonly numeric: boolean
}

const PREFIX = 'mcp-param-'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const DECIMAL = /^-?\d+(?:\.\d+)?$/
const TYPES = new Set(['string', 'integer', 'boolean'])
/** Deeper schemas declare nothing that could be read at a call. */
const MAX_DEPTH = 32

/**
 * The declarations of a schema, read once when its tool is listed; undefined if one of them is against the rules, which makes the tool unfit for HTTP
 * clients: only string, integer and boolean properties, reached through `properties` alone, names unique without case.
 */
export function paramHeadersOf(inputSchema: unknown): readonly ParamHeader[] | undefined {
  const found: ParamHeader[] = []
  return collect(inputSchema, [], true, found) && isUnique(found) ? found : undefined
}

function isUnique(found: readonly ParamHeader[]): boolean {
  return new Set(found.map(({ header }) => header)).size === found.length
}

// everything under any other keyword than `properties` is out of reach; a declaration there is a fault
function collect(node: unknown, path: string[], reachable: boolean, found: ParamHeader[]): boolean {
  if (path.length > MAX_DEPTH) return false
  if (Array.isArray(node)) return node.every((inner) => collect(inner, [...path, ''], false, found))
  if (!isObject(node)) return true
  const name = node['x-mcp-header']
  if (name !== undefined) {
    const { type } = node
    if (!reachable || path.length === 0 || typeof name !== 'string' || !TOKEN.test(name))
      return false
    if (typeof type !== 'string' || !TYPES.has(type)) return false
    found.push({ path, header: PREFIX + name.toLowerCase(), numeric: type === 'integer' })
  }
  for (const [keyword, inner] of Object.entries(node)) {
    if (keyword === 'properties' && isObject(inner)) {
      for (const [property, schema] of Object.entries(inner))
        if (!collect(schema, [...path, property], reachable, found)) return false
    } else if (SUBSCHEMAS.has(keyword) && !collect(inner, [...path, ''], false, found)) return false
    else if (NAMED_SUBSCHEMAS.has(keyword) && isObject(inner)) {
      if (!collect(Object.values(inner), path, false, found)) return false
    }
  }
  return true
}

const SUBSCHEMAS = new Set([
  'items', 'prefixItems', 'contains', 'additionalProperties', 'unevaluatedProperties', 'unevaluatedItems',
  'propertyNames', 'oneOf', 'anyOf', 'allOf', 'not', 'if', 'then', 'else',
]) // biome-ignore format: a table reads better in rows
const NAMED_SUBSCHEMAS = new Set(['patternProperties', 'dependentSchemas', '$defs', 'definitions'])

/** The headers for one call. Values that are absent, null or not of a primitive type have none. */
export function paramHeaders(
  declared: readonly ParamHeader[] | undefined,
  args: unknown,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const { path, header } of declared ?? []) {
    const text = textOf(valueAt(args, path))
    if (text !== undefined) headers[header] = encodeHeaderValue(text)
  }
  return headers
}

/** Throws WIRE_HEADER_MISMATCH when a declared argument is in the body but its header is absent or says otherwise. */
export function checkParamHeaders(
  headers: HeaderBag,
  args: unknown,
  declared: readonly ParamHeader[] | undefined,
): void {
  for (const { path, header, numeric } of declared ?? []) {
    const value = valueAt(args, path)
    const given = headerValue(headers, header)
    // the SDK sends no header for such a number; one that is there must still be true
    const unsafe = value instanceof UnsafeNumber
    if (unsafe && given === undefined) continue
    const text = unsafe ? value.source : textOf(value)
    if (text === undefined) continue
    if (given === undefined) throw mismatch(header, 'is missing but the body has the argument')
    const decoded = decodeHeaderValue(given)
    if (decoded === undefined) throw mismatch(header, 'is not valid Base64 of UTF-8')
    if (decoded === text) continue
    const equal =
      numeric && typeof value === 'number' && DECIMAL.test(decoded) && Number(decoded) === value
    if (!equal) throw mismatch(header, 'does not equal the argument in the body')
  }
}

function mismatch(header: string, what: string): AppError {
  return new AppError('WIRE_HEADER_MISMATCH', `the header ${header} ${what}`, { data: { header } })
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let node = root
  for (const name of path) {
    if (!isObject(node) || !Object.hasOwn(node, name)) return undefined
    node = node[name]
  }
  return node
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value)
}
