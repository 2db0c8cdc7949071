// Large members of a message: parsed when somebody reads them, and then like any other.
import { expect, test } from 'vitest'
import { isObject, UnsafeNumber } from '../../src/base/json.ts'
import { readMessage } from '../../src/wire/message.ts'

const long = 'x'.repeat(5000)
const read = (message: object | string) =>
  readMessage(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)), {
    depth: 64,
  })
const isParsed = (holder: unknown, name: string) =>
  Object.getOwnPropertyDescriptor(holder as object, name)?.get === undefined

test('a large member of params is parsed when it is read, and is a plain member from then on', () => {
  const params = { name: 'a', arguments: { long, list: [1, { two: 2 }] }, other: 3 }
  const message = read({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  expect(message.params?.name).toBe('a')
  expect(isParsed(message.params, 'arguments')).toBe(false)
  expect(message.params?.arguments).toEqual(params.arguments)
  expect(isParsed(message.params, 'arguments')).toBe(true)
  expect(message.params?.arguments).toBe(message.params?.arguments)
  expect(Object.keys(message.params ?? {})).toEqual(['name', 'arguments', 'other'])
})

test('it is written, copied and compared like any other, read or not', () => {
  const params = { _meta: { a: 1 }, arguments: { long }, name: 'é€😀' }
  const fresh = () => read({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }).params
  expect(JSON.stringify(fresh())).toBe(JSON.stringify(params))
  expect({ ...fresh() }).toEqual(params)
  expect(structuredClone(fresh())).toEqual(params)
  expect(fresh()).toEqual(params)
})

test('several large members of a result wait each for itself; small ones do not wait', () => {
  const result = {
    content: [{ type: 'text', text: long }],
    structuredContent: { long },
    isError: false,
  }
  const message = read({ jsonrpc: '2.0', id: 1, result })
  expect(isObject(message.result)).toBe(true)
  expect(isParsed(message.result, 'isError')).toBe(true)
  expect((message.result as typeof result).content).toEqual(result.content)
  expect(isParsed(message.result, 'structuredContent')).toBe(false)
  expect(message.result).toEqual(result)
})

test('text in other alphabets before and between them does not shift them', () => {
  const source = `{"jsonrpc":"2.0","méta":"€€€","id":1,"result":{"ключ":"значение","content":["${long}é"],"名前":1,"structuredContent":{"😀":"${long}"}}}`
  expect(read(source).result).toEqual((JSON.parse(source) as { result: object }).result)
})

test('an integer beyond 2^53 in one stays what it was', () => {
  const source = `{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"long":"${long}","big":12345678901234567890}}}`
  const { structuredContent } = read(source).result as { structuredContent: { big: unknown } }
  expect(structuredContent.big).toEqual(new UnsafeNumber('12345678901234567890'))
})

test('a large error, a large __proto__ and a large result that is no object are what they are', () => {
  const error = { code: -1, message: 'm', data: { long } }
  expect(read({ jsonrpc: '2.0', id: 1, error }).error).toEqual(error)
  expect(read({ jsonrpc: '2.0', id: 1, result: long }).result).toBe(long)
  const odd = read(`{"jsonrpc":"2.0","id":1,"result":{"__proto__":{"long":"${long}"}}}`).result
  expect(Object.keys(odd as object)).toEqual(['__proto__'])
  expect(Object.getPrototypeOf(odd)).toBe(Object.prototype)
})

test('what is malformed in one is refused at once, not when it is read', () => {
  for (const wrong of ['tru', '01', '"\\x"', '{"a":1,"a":2}', '[1,]', '"\u0001"'])
    expect(() =>
      read(
        `{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"long":"${long}","wrong":${wrong}}}}`,
      ),
    ).toThrow()
})
