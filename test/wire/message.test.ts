// What readMessage takes for a JSON-RPC message, and what it keeps of it.
import { expect, test } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import {
  type Message,
  makeNotification,
  makeRequest,
  readableId,
  readMessage,
  UnsafeNumber,
} from '../../src/wire/message.ts'

const limits = { depth: 64 }

function read(text: string): Message {
  return readMessage(Buffer.from(text), limits)
}

function codeOf(text: string): string {
  try {
    read(text)
  } catch (error) {
    if (isAppError(error)) return error.code
    throw error
  }
  return 'passed'
}

test.each([
  ['{"jsonrpc":"2.0","id":1,"method":"ping"}', 'request'],
  ['{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}', 'request'],
  ['{"jsonrpc":"2.0","method":"notifications/initialized"}', 'notification'],
  ['{"jsonrpc":"2.0","id":1,"result":{}}', 'result'],
  ['{"jsonrpc":"2.0","id":1,"result":null}', 'result'],
  ['{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":""}}', 'error'],
  ['{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":""}}', 'error'],
  ['{"jsonrpc":"2.0","error":{"code":-1,"message":""}}', 'error'],
])('%s is a %s', (text, kind) => {
  expect(read(text).kind).toBe(kind)
})

test.each(['[]', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'])(
  'a batch is refused: %s',
  (text) => {
    expect(codeOf(text)).toBe('WIRE_BATCH')
  },
)

test.each([
  '1', 'null', '"x"', '{}', '{"jsonrpc":"1.0","id":1,"method":"x"}', '{"id":1,"method":"x"}',
  '{"jsonrpc":"2.0","id":1}',
  '{"jsonrpc":"2.0","id":1,"method":""}',
  '{"jsonrpc":"2.0","id":1,"method":null}',
  '{"jsonrpc":"2.0","id":1,"method":7}',
  '{"jsonrpc":"2.0","id":null,"method":"x"}',
  '{"jsonrpc":"2.0","id":1.5,"method":"x"}',
  '{"jsonrpc":"2.0","id":true,"method":"x"}',
  '{"jsonrpc":"2.0","id":{},"method":"x"}',
  '{"jsonrpc":"2.0","id":9007199254740993,"method":"x"}',
  '{"jsonrpc":"2.0","id":1e400,"method":"x"}',
  '{"jsonrpc":"2.0","id":"\\ud800","method":"x"}',
  '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":[]}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":null}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":"\\udc00"}}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"uri":"a\\ud800b"}}',
  '{"jsonrpc":"2.0","id":1,"method":"x","result":{}}',
  '{"jsonrpc":"2.0","id":1,"method":"x","error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}',
  '{"jsonrpc":"2.0","id":1,"result":{},"params":{}}',
  '{"jsonrpc":"2.0","id":null,"result":{}}',
  '{"jsonrpc":"2.0","result":{}}',
  '{"jsonrpc":"2.0","id":1,"error":null}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
])('an envelope that is none is refused: %s', (text) => {
  expect(codeOf(text)).toBe('WIRE_INVALID_REQUEST')
}) // biome-ignore format: a table reads better in rows

test.each([
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":null}}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":[]}}',
  '{"jsonrpc":"2.0","id":1,"result":{"_meta":"x"}}',
])('a _meta that is no object is refused: %s', (text) => {
  expect(codeOf(text)).toBe('WIRE_INVALID_PARAMS')
})

test.each([
  '{"jsonrpc":"2.0","id":01,"method":"x"}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":tru}}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\n"}}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\\q"}}',
  '{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1-2}}',
])('what the scan leaves to the parser is refused all the same: %s', (text) => {
  expect(codeOf(text)).toBe('WIRE_PARSE')
})

test('a syntax error quotes nothing of the body', () => {
  try {
    read('{"jsonrpc":"2.0","id":1,"method":"x","params":{"password":hunter2}}')
    expect.unreachable()
  } catch (error) {
    expect(String(error)).not.toContain('hunter')
    expect((error as Error).cause).toBeUndefined()
  }
})

test('a member called __proto__ is a member like any other', () => {
  const { params } = read(
    '{"jsonrpc":"2.0","id":1,"method":"x","params":{"__proto__":{"name":"evil"},"n":9007199254740993}}',
  )
  expect(Object.getPrototypeOf(params)).toBe(Object.prototype)
  expect(Object.hasOwn(params ?? {}, '__proto__')).toBe(true)
  expect(params?.name).toBeUndefined()
  expect(({} as Record<string, unknown>).name).toBeUndefined()
})

test('an integer beyond 2^53 is marked, and written again with its own digits', () => {
  const { params } = read(
    '{"jsonrpc":"2.0","id":1,"method":"x","params":{"big":[9007199254740993,-12345678901234567890,1e400,1.5,7]}}',
  )
  const big = params?.big as unknown[]
  expect(big[0]).toBeInstanceOf(UnsafeNumber)
  expect((big[1] as UnsafeNumber).source).toBe('-12345678901234567890')
  expect(big.slice(3)).toEqual([1.5, 7])
  expect(JSON.stringify(params)).toBe(
    '{"big":[9007199254740993,-12345678901234567890,1e400,1.5,7]}',
  )
})

test('messages of our own are read like any other', () => {
  const request = makeRequest('tools/list', { cursor: 'x' }, 'a')
  expect(request.bytes.toString()).toBe(
    '{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{"cursor":"x"}}',
  )
  expect([request.kind, request.id, request.method]).toEqual(['request', 'a', 'tools/list'])
  expect(makeRequest('ping').id).toBe(0)
  const notification = makeNotification('notifications/initialized')
  expect(notification.bytes.toString()).toBe(
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  )
  expect(notification.kind).toBe('notification')
})

test('the id of a refused message is known when there is no doubt about it', () => {
  const id = (text: string) => readableId(Buffer.from(text), limits)
  expect(id('{"jsonrpc":"2.0","id":5,"method":"x","params":[]}')).toBe(5)
  expect(id('{"jsonrpc":"1.0","id":"a"}')).toBe('a')
  expect(id('{"jsonrpc":"2.0","id":5,"id":6,"method":"x"}')).toBeUndefined()
  expect(id('{"jsonrpc":"2.0","id":5,"method":tru}')).toBeUndefined()
  expect(id('{"jsonrpc":"2.0","id":{},"method":"x"}')).toBeUndefined()
  expect(id('nonsense')).toBeUndefined()
})
