// The modern era on the wire: which era a message claims, and that its headers say what its body says.
import { expect, test } from 'vitest'
import { type AppError, isAppError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json.ts'
import {
  checkModernHeaders,
  checkModernMeta,
  checkParamHeaders,
  decodeHeaderValue,
  encodeHeaderValue,
  type HeaderBag,
  modernHeaders,
  paramHeadersOf,
} from '../../src/wire/headers.ts'
import { type Message, makeNotification, makeRequest, readMessage } from '../../src/wire/message.ts'
import {
  eraOf,
  isLegacyRevision,
  isModernRevision,
  LATEST_LEGACY,
  LEGACY_REVISIONS,
  META,
  MODERN,
  MODERN_REVISIONS,
  negotiate,
  REVISIONS,
} from '../../src/wire/revision.ts'

const VERSION = 'mcp-protocol-version'
const META_OK = { [META.protocolVersion]: MODERN, [META.clientCapabilities]: {} }

function toolCall(params: JsonObject = {}, meta: JsonObject = META_OK): Message {
  return makeRequest('tools/call', { name: 'search', ...params, _meta: meta }, 1)
}

const GOOD: HeaderBag = { [VERSION]: MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'search' }

function refusal(run: () => void): AppError | undefined {
  try {
    run()
  } catch (error) {
    if (isAppError(error)) return error
    throw error
  }
  return undefined
}

function check(headers: HeaderBag, message: Message, schema?: unknown): string | undefined {
  return refusal(() => checkModernHeaders(headers, message, schema))?.code
}

test('the tables of revisions agree', () => {
  const byEra = (era: string) =>
    Object.entries(REVISIONS).flatMap(([name, facts]) => (facts.era === era ? [name] : []))
  expect(byEra('legacy')).toEqual(LEGACY_REVISIONS)
  expect(byEra('modern')).toEqual(MODERN_REVISIONS)
  expect(isModernRevision('2026-07-28')).toBe(true)
  expect(isModernRevision('2025-11-25')).toBe(false)
  expect(isLegacyRevision('2025-11-25')).toBe(true)
  expect(isLegacyRevision('constructor')).toBe(false)
})

test('initialize is answered with the version asked for, or our latest legacy one', () => {
  for (const revision of LEGACY_REVISIONS) expect(negotiate(revision)).toBe(revision)
  for (const other of ['2026-07-28', '1999-01-01', undefined, 7, null])
    expect(negotiate(other)).toBe(LATEST_LEGACY)
})

test.each<[string, Message, string | undefined, string]>([
  ['a version in _meta', toolCall(), undefined, 'modern'],
  ['a version in _meta of initialize', makeRequest('initialize', { _meta: META_OK }), undefined, 'modern'],
  ['an old version in _meta', toolCall({}, { [META.protocolVersion]: '2025-11-25' }), undefined, 'modern'],
  ['a version in _meta that is no text', toolCall({}, { [META.protocolVersion]: null }), undefined, 'modern'],
  ['a modern header alone', makeRequest('tools/list'), ' 2026-07-28 ', 'modern'],
  ['a later header alone', makeRequest('tools/list'), '2027-01-01', 'modern'],
  ['a modern header on a notification', makeNotification('notifications/cancelled'), MODERN, 'modern'],
  ['a legacy header', makeRequest('tools/list'), '2025-06-18', 'legacy'],
  ['a header that is no date', makeRequest('tools/list'), 'v999', 'legacy'],
  ['neither', makeRequest('initialize', { protocolVersion: '2025-11-25' }), undefined, 'legacy'],
  ['an answer', readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}')), MODERN, 'legacy'],
])('the era of a message with %s', (_name, message, header, era) => {
  expect(eraOf(message, header)).toBe(era)
}) // biome-ignore format: a table reads better in rows

test('headers that repeat the body pass, in any of its forms', () => {
  expect(check(GOOD, toolCall())).toBeUndefined()
  expect(check({ ...GOOD, 'mcp-name': ' search\t' }, toolCall())).toBeUndefined()
  expect(check({ ...GOOD, 'mcp-name': '=?base64?c2VhcmNo?=' }, toolCall())).toBeUndefined()
  const list = makeRequest('tools/list', { _meta: META_OK })
  expect(check({ [VERSION]: MODERN, 'mcp-method': 'tools/list' }, list)).toBeUndefined()
  const read = makeRequest('resources/read', { uri: 'file:///grüße', _meta: META_OK })
  expect(check({ ...modernHeaders(read) }, read)).toBeUndefined()
  expect(check({ [VERSION]: MODERN }, makeNotification('notifications/x'))).toBeUndefined()
})

test.each<[string, HeaderBag]>([
  ['the version is missing', { ...GOOD, [VERSION]: undefined }],
  ['the version is another', { ...GOOD, [VERSION]: '2025-11-25' }],
  ['the method is missing', { ...GOOD, 'mcp-method': undefined }],
  ['the method is another', { ...GOOD, 'mcp-method': 'tools/list' }],
  ['the method is spelled otherwise', { ...GOOD, 'mcp-method': 'TOOLS/CALL' }],
  ['the name is missing', { ...GOOD, 'mcp-name': undefined }],
  ['the name is another', { ...GOOD, 'mcp-name': 'delete' }],
  ['the name is there twice', { ...GOOD, 'mcp-name': ['search', 'delete'] }],
  ['the name is joined from two', { ...GOOD, 'mcp-name': 'search, delete' }],
  ['the name is badly padded', { ...GOOD, 'mcp-name': '=?base64?c2VhcmN?=' }],
  ['the name holds no Base64', { ...GOOD, 'mcp-name': '=?base64?c2Vh!!!cmNo?=' }],
])('a request is refused as a mismatch when %s', (_name, headers) => {
  expect(check(headers, toolCall())).toBe('WIRE_HEADER_MISMATCH')
})

test.each<[string, JsonObject | undefined]>([
  ['_meta', undefined],
  ['the version', { [META.clientCapabilities]: {} }],
  ['the capabilities', { [META.protocolVersion]: MODERN }],
  ['a version that is text', { ...META_OK, [META.protocolVersion]: 7 }],
  ['capabilities that are an object', { ...META_OK, [META.clientCapabilities]: [] }],
  ['client information that is an object', { ...META_OK, [META.clientInfo]: 'me' }],
])('a request without %s is refused as invalid params', (_name, meta) => {
  const message = makeRequest('tools/call', { name: 'search', ...(meta ? { _meta: meta } : {}) })
  expect(check(GOOD, message)).toBe('WIRE_INVALID_PARAMS')
  expect(refusal(() => checkModernMeta(message))?.code).toBe('WIRE_INVALID_PARAMS')
})

test('client information may be left out', () => {
  expect(refusal(() => checkModernMeta(toolCall()))).toBeUndefined()
})

test('an unknown version is refused with what is supported and what was asked for', () => {
  const message = toolCall({}, { ...META_OK, [META.protocolVersion]: 'v999' })
  for (const run of [
    () => checkModernHeaders({ ...GOOD, [VERSION]: 'v999' }, message),
    () => checkModernMeta(message),
  ]) {
    const error = refusal(run)
    expect(error?.code).toBe('WIRE_UNSUPPORTED_VERSION')
    expect(error?.data).toEqual({ supported: ['2026-07-28'], requested: 'v999' })
  }
})

test('a legacy handshake under a modern header is a mismatch', () => {
  const message = makeRequest('initialize', { protocolVersion: '2025-11-25' })
  expect(eraOf(message, MODERN)).toBe('modern')
  expect(check({ [VERSION]: MODERN }, message)).toBe('WIRE_HEADER_MISMATCH')
})

test.each([
  ['search', 'search'],
  ['a b', 'a b'],
  ['', '=?base64??='],
  [' a', '=?base64?IGE=?='],
  ['grüße', '=?base64?Z3LDvMOfZQ==?='],
  ['a\nb', '=?base64?YQpi?='],
  ['=?base64?YQ==?=', '=?base64?PT9iYXNlNjQ/WVE9PT89?='],
  ['=?base64?YQ==', '=?base64?YQ=='],
  ['a\tb', 'a\tb'],
])('%j travels as %j and comes back', (text, header) => {
  expect(encodeHeaderValue(text)).toBe(header)
  expect(decodeHeaderValue(header)).toBe(text)
})

test.each([
  '=?base64?SGVsbG8?=',
  '=?base64?SGVs!!!bG8=?=',
  '=?base64?SGVsbG9=?=',
  '=?base64?/w==?=',
  '=?base64?SGVs bG8=?=',
])('a value that only looks encoded is refused: %s', (header) => {
  expect(decodeHeaderValue(header)).toBeUndefined()
})

const SCHEMA = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    limit: { type: 'integer', 'x-mcp-header': 'limit' },
    nested: { type: 'object', properties: { on: { type: 'boolean', 'x-mcp-header': 'On' } } },
    free: { type: 'string' },
  },
}

test.each<[JsonObject, HeaderBag, boolean]>([
  [{ region: 'eu' }, { 'mcp-param-region': 'eu' }, true],
  [{ region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVsbG8=?=' }, true],
  [{ region: 'SGVsbG8=' }, { 'mcp-param-region': 'SGVsbG8=' }, true],
  [{ region: '=?base64?SGVsbG8=' }, { 'mcp-param-region': '=?base64?SGVsbG8=' }, true],
  [{ region: 'eu' }, {}, false],
  [{ region: 'eu' }, { 'mcp-param-region': 'us' }, false],
  [{ region: 'eu' }, { 'mcp-param-region': '=?base64?SGVsbG8?=' }, false],
  [{ limit: 42 }, { 'mcp-param-limit': '42.0' }, true],
  [{ limit: 42 }, { 'mcp-param-limit': '0x2a' }, false],
  [{ limit: 42 }, { 'mcp-param-limit': '43' }, false],
  [{ nested: { on: true } }, { 'mcp-param-on': 'true' }, true],
  [{ nested: { on: true } }, { 'mcp-param-on': 'false' }, false],
  [{ nested: {} }, {}, true],
  [{ region: null, free: 'x' }, {}, true],
])('arguments %j and headers %j agree: %s', (args, headers, agree) => {
  const code = refusal(() => checkParamHeaders(headers, args, paramHeadersOf(SCHEMA)))?.code
  expect(code).toBe(agree ? undefined : 'WIRE_HEADER_MISMATCH')
  const all = check({ ...GOOD, ...headers }, toolCall({ arguments: args }), SCHEMA)
  expect(all).toBe(agree ? undefined : 'WIRE_HEADER_MISMATCH')
})

test('an argument beyond 2^53 is compared by its digits', () => {
  const text =
    '{"jsonrpc":"2.0","id":1,"method":"x","params":{"arguments":{"limit":9007199254740993}}}'
  const args = readMessage(Buffer.from(text)).params?.arguments
  const code = (header: string) =>
    refusal(() => checkParamHeaders({ 'mcp-param-limit': header }, args, paramHeadersOf(SCHEMA)))
      ?.code
  expect(code('9007199254740993')).toBeUndefined()
  expect(code('9007199254740992')).toBe('WIRE_HEADER_MISMATCH')
})

test.each<[string, unknown]>([
  ['a number', { properties: { a: { type: 'number', 'x-mcp-header': 'A' } } }],
  ['an object', { properties: { a: { type: 'object', 'x-mcp-header': 'A' } } }],
  ['no type', { properties: { a: { 'x-mcp-header': 'A' } } }],
  ['the schema itself', { type: 'string', 'x-mcp-header': 'A' }],
  ['an item', { properties: { a: { items: { type: 'string', 'x-mcp-header': 'A' } } } }],
  ['a branch', { anyOf: [{ properties: { a: { type: 'string', 'x-mcp-header': 'A' } } }] }],
  ['a definition', { $defs: { d: { type: 'string', 'x-mcp-header': 'A' } } }],
  ['an empty name', { properties: { a: { type: 'string', 'x-mcp-header': '' } } }],
  ['a name that is no token', { properties: { a: { type: 'string', 'x-mcp-header': 'A B' } } }],
  ['a name used twice', { properties: { a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } } }],
])('a schema that declares a header on %s is unfit', (_name, schema) => {
  expect(paramHeadersOf(schema)).toBeUndefined()
}) // biome-ignore format: a table reads better in rows

test('a schema without declarations is fit and declares nothing', () => {
  for (const schema of [{}, undefined, true, { properties: { items: { type: 'string' } } }])
    expect(paramHeadersOf(schema)).toEqual([])
})

test('the headers of a request are built from it, its final target and arguments', () => {
  const message = toolCall({ arguments: { region: 'eu', limit: 3 } })
  expect(modernHeaders(message)).toEqual(GOOD)
  expect(modernHeaders(message, { target: 'größer', inputSchema: SCHEMA })).toEqual({
    ...GOOD,
    'mcp-name': '=?base64?Z3LDtsOfZXI=?=',
    'mcp-param-region': 'eu',
    'mcp-param-limit': '3',
  })
  const patched = { region: 'ü', nested: { on: false } }
  expect(modernHeaders(message, { arguments: patched, inputSchema: SCHEMA })).toEqual({
    ...GOOD,
    'mcp-param-region': '=?base64?w7w=?=',
    'mcp-param-on': 'false',
  })
  const discover = makeRequest('server/discover', { _meta: META_OK })
  expect(modernHeaders(discover, { target: 'ignored' })).toEqual({
    [VERSION]: MODERN,
    'mcp-method': 'server/discover',
  })
})

test('headers that were built pass the check, whatever the values', () => {
  const args = { region: ' =?base64?x?= ', limit: -7, nested: { on: true } }
  const message = toolCall({ name: 'tab\tand\nline', arguments: args })
  expect(check(modernHeaders(message, { inputSchema: SCHEMA }), message, SCHEMA)).toBeUndefined()
})
