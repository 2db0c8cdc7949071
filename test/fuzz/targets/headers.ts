// Fuzz target: header values and the headers of modern messages. What we make we accept; what we accept says what the body says.
import { isAppError } from '../../../src/base/errors.ts'
import { isObject } from '../../../src/base/json.ts'
import {
  decodeHeaderValue,
  encodeHeaderValue,
  type HeaderBag,
  headerValue,
} from '../../../src/wire/header-value.ts'
import { checkModernHeaders, checkModernMeta, modernHeaders } from '../../../src/wire/headers.ts'
import { type Message, readMessage } from '../../../src/wire/message.ts'
import { checkParamHeaders, paramHeaders, paramHeadersOf } from '../../../src/wire/param-headers.ts'
import { holds } from '../holds.ts'
import { pick, type Random } from '../random.ts'
import type { Reading, Target } from '../target.ts'

export const headers: Target = {
  name: 'headers',
  files: ['src/wire/header-value.ts', 'src/wire/param-headers.ts', 'src/wire/headers.ts'],
  tokens: [
    'x-mcp-header', 'properties', 'type', 'integer', 'string', 'boolean', 'number', 'items', 'anyOf', '$defs', 'patternProperties', 'Region', 'region',
    'io.modelcontextprotocol/protocolVersion', 'io.modelcontextprotocol/clientCapabilities', 'io.modelcontextprotocol/clientInfo', '2026-07-28', '2025-11-25',
    'mcp-method', 'mcp-name', 'mcp-protocol-version', 'mcp-param-region', 'tools/call', 'tools/list', 'resources/read', 'tasks/get', 'initialize', 'taskId',
    '=?base64?w6k=?=', '=?base64?/w==?=', '=?base64?w6l=?=', '=?base64?=?=', '42.0', '4e1', '\t', '9007199254740993',
  ], // biome-ignore format: a table reads better in rows
  runs: 10_000,
  branches: 90,
  run(bytes, random) {
    const value = checkValue(bytes)
    let input: unknown
    try {
      input = JSON.parse(bytes.toString())
    } catch {
      return value
    }
    if (!isObject(input)) return value
    const { schema, message, headers: given } = input
    return isObject(message)
      ? checkMessage(message, bagOf(given), schema, random)
      : checkParams(schema, input.arguments, bagOf(given), random)
  },
}

/** Any bytes as a field value, as node:http hands them over: one character per byte. */
function checkValue(bytes: Buffer): Reading {
  const field = bytes.toString('latin1').replace(/[\r\n\0]/g, '')
  const decoded = decodeHeaderValue(field)
  const wrapped = field.includes('=?base64?')
  if (decoded !== undefined) checkRoundTrip(decoded)
  checkRoundTrip(bytes.toString())
  return { accepted: decoded !== undefined, trait: `value ${decoded === undefined} ${wrapped}` }
}

function checkRoundTrip(text: string): void {
  const value = encodeHeaderValue(text)
  holds(
    /^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$/.test(value),
    'an encoded value is a field value',
  )
  holds(decodeHeaderValue(value) === text, `a value survives: ${JSON.stringify(text)}`)
  holds(
    decodeHeaderValue(` \t${value}\t `) === text,
    'white space around a value is not part of it',
  )
}

function bagOf(given: unknown): HeaderBag {
  const bag: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(isObject(given) ? given : {})) {
    if (typeof value === 'string') bag[name.toLowerCase()] = value
    else if (Array.isArray(value)) bag[name.toLowerCase()] = value.map(String)
  }
  return bag
}

function checkParams(schema: unknown, args: unknown, given: HeaderBag, random: Random): Reading {
  const declared = paramHeadersOf(schema)
  if (declared === undefined) return { accepted: false, trait: 'schema refused' }
  holds(new Set(declared.map(({ header }) => header)).size === declared.length, 'names are unique')
  const made = paramHeaders(declared, args)
  // half a surrogate pair has no UTF-8, so no header can say it: such a call is refused, whatever its headers
  if (!isWellFormed(args)) return { accepted: false, trait: 'half a surrogate pair' }
  checkParamHeaders(made, args, declared)
  const changed = Object.keys(made)
  if (changed.length > 0) {
    const name = pick(random, changed)
    const { [name]: _, ...without } = made
    holds(
      refused(() => checkParamHeaders(without, args, declared)) !== undefined,
      `${name} is needed`,
    )
    const other = {
      ...made,
      [name]: encodeHeaderValue(`${decodeHeaderValue(made[name] as string)}!`),
    }
    holds(
      refused(() => checkParamHeaders(other, args, declared)) !== undefined,
      `${name} is compared`,
    )
  }
  const why = refused(() => checkParamHeaders(given, args, declared))
  return {
    accepted: why === undefined,
    trait: `params ${Math.min(declared.length, 4)} ${Math.min(changed.length, 4)} ${why}`,
  }
}

function isWellFormed(value: unknown): boolean {
  return !/\\ud[89a-f]/.test(JSON.stringify(value) ?? '')
}

function checkMessage(body: object, given: HeaderBag, declared: unknown, random: Random): Reading {
  let message: Message
  try {
    message = readMessage(Buffer.from(JSON.stringify(body)), { depth: 32 })
  } catch (error) {
    holds(isAppError(error), 'a message is refused with a code')
    return { accepted: false, trait: `message ${error.code}` }
  }
  // the gateway looks a schema up for calls of tools only
  const schema = message.method === 'tools/call' ? declared : undefined
  const meta = refused(() => checkModernMeta(message))
  const why = refused(() => checkModernHeaders(given, message, schema))
  if (why === undefined) {
    holds(meta === undefined, 'headers are accepted with a good _meta only')
    if (message.kind === 'request')
      holds(headerValue(given, 'mcp-method') === message.method, 'the method is compared')
  }
  // what we send for a message whose `_meta` is good, we take
  if (meta === undefined && message.kind === 'request' && isWellFormed(message.params)) {
    const made = modernHeaders(message, { inputSchema: schema })
    const own = refused(() => checkModernHeaders(made, message, schema))
    // a method that needs wrapping is none of MCP, and is compared as it is
    if (made['mcp-method'] === message.method)
      holds(own === undefined, `own headers are accepted: ${own}`)
    const target = { ...made, 'mcp-name': encodeHeaderValue(`other ${random(9)}`) }
    if (made['mcp-name'] !== undefined && made['mcp-name'] !== target['mcp-name'])
      holds(
        refused(() => checkModernHeaders(target, message, schema)) !== undefined,
        'the name is compared',
      )
  }
  return { accepted: why === undefined, trait: `headers ${message.kind} ${meta} ${why}` }
}

function refused(check: () => void): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (!isAppError(error)) throw error
    holds(error.code.startsWith('WIRE_'), `a refusal has a code of the wire, not ${error.code}`)
    return `${error.code} ${error.message.replace(/mcp-param-\S+/, '')}`
  }
}
