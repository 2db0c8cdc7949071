// Edits at byte offsets: what changes, what stays, and how edits compose.
import { expect, test } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import { type Message, readMessage, UnsafeNumber } from '../../src/wire/message.ts'
import { errorBytes, resultBytes, rpcErrorOf } from '../../src/wire/reply.ts'
import { type Edit, editMember, splice } from '../../src/wire/splice.ts'

const CALL =
  ' {"jsonrpc" :"2.0", "id":1,"method":"tools/call","params": {"name":"a" , "arguments":{"n":1.0e1,"big":9007199254740993}, "_meta":{"progressToken":"t","x":1}},"extra":[]}'

function read(text: string): Message {
  return readMessage(Buffer.from(text), { depth: 64 })
}

type Change = readonly [path: readonly string[], value: unknown]

function edit(text: string, ...changes: Change[]): string {
  const message = read(text)
  const edits = changes.flatMap(([path, value]) => editMember(message, path, value))
  return splice(message.bytes, edits).toString()
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isAppError(error)) return error.code
    throw error
  }
  return 'passed'
}

test('without edits the bytes are the same object', () => {
  const { bytes } = read(CALL)
  expect(splice(bytes, [])).toBe(bytes)
})

test('only the edited values change, white space and number spelling stay', () => {
  const edited = edit(
    CALL,
    [['id'], 'new'],
    [['params', 'name'], 'bé'],
    [['params', '_meta', 'progressToken'], 77],
  )
  expect(edited).toBe(
    CALL.replace('"id":1', '"id":"new"').replace('"name":"a"', '"name":"bé"').replace('"t"', '77'),
  )
})

test('edits may come in any order', () => {
  const message = read(CALL)
  const edits = [
    ...editMember(message, ['params', 'name'], 'b'),
    ...editMember(message, ['id'], 2),
    ...editMember(message, ['params', '_meta'], undefined),
    ...editMember(message, ['params', 'more'], true),
  ]
  const expected = splice(message.bytes, edits).toString()
  expect(splice(message.bytes, edits.toReversed()).toString()).toBe(expected)
})

test.each<[string, Change[], string]>([
  ['{}', [[['params', 'a'], 1]], '{"a":1}'],
  ['{ }', [[['params', 'a'], 1]], '{"a":1 }'],
  ['{"b":2}', [[['params', 'a'], 1]], '{"a":1,"b":2}'],
  ['{}', [[['params', 'a'], 1], [['params', 'b'], 2]], '{"a":1,"b":2}'],
  ['{"a":1}', [[['params', 'a'], undefined]], '{}'],
  ['{"a":1,"b":2}', [[['params', 'a'], undefined]], '{"b":2}'],
  ['{"a":1,"b":2}', [[['params', 'b'], undefined]], '{"a":1}'],
  ['{"a":1 , "b":2 , "c":3}', [[['params', 'b'], undefined]], '{"a":1 , "c":3}'],
  ['{"a":1,"b":2,"c":3}', [[['params', 'b'], undefined], [['params', 'c'], undefined]], '{"a":1}'],
  ['{"a":1,"b":2,"c":3}', [[['params', 'a'], undefined], [['params', 'b'], undefined]], '{"c":3}'],
  ['{"a":1,"b":2,"c":3}', [[['params', 'a'], undefined], [['params', 'c'], undefined]], '{"b":2}'],
  ['{"a":1,"b":2}', [[['params', 'a'], undefined], [['params', 'b'], undefined]], '{}'],
  ['{"a":1}', [[['params', 'a'], undefined], [['params', 'b'], 2]], '{"b":2}'],
  ['{"a":1,"c":3}', [[['params', 'a'], undefined], [['params', 'b'], 2]], '{"b":2,"c":3}'],
  ['{"a":1}', [[['params', 'x'], undefined]], '{"a":1}'],
  ['{"a":1}', [[['params', '_meta', 'x'], undefined]], '{"a":1}'],
  ['{"a":1}', [[['params', '_meta', 'x'], 5]], '{"_meta":{"x":5},"a":1}'],
  ['{}', [[['params', '_meta', 'x'], 5], [['params', '_meta', 'y'], 6], [['params', 'n'], 7]], '{"_meta":{"x":5,"y":6},"n":7}'],
  ['{"_meta":{}}', [[['params', '_meta', 'x'], 5], [['params', '_meta', 'y'], 6]], '{"_meta":{"x":5,"y":6}}'],
  ['{"_meta":{"x":1}}', [[['params', '_meta', 'x'], undefined], [['params', '_meta', 'y'], 6]], '{"_meta":{"y":6}}'],
  ['{"a":{"deep":[1]}}', [[['params', 'a'], { b: new UnsafeNumber('12345678901234567890') }]], '{"a":{"b":12345678901234567890}}'],
])('in %s, %j makes %s', (params, changes, expected) => {
  const head = '{"jsonrpc":"2.0","id":1,"method":"m","params":'
  expect(edit(`${head}${params}}`, ...changes)).toBe(`${head}${expected}}`)
}) // biome-ignore format: a table reads better in rows

test('params that are missing are made', () => {
  expect(
    edit(
      '{"jsonrpc":"2.0","id":1,"method":"m"}',
      [['params', '_meta', 'progressToken'], 3],
      [['params', '_meta', 'traceparent'], 't'],
      [['params', 'name'], 'n'],
      [['id'], 9],
    ),
  ).toBe(
    '{"params":{"_meta":{"progressToken":3,"traceparent":"t"},"name":"n"},"jsonrpc":"2.0","id":9,"method":"m"}',
  )
})

test('results and errors are edited in the same way', () => {
  expect(
    edit(
      '{"result":{"content":[],"isError":false},"jsonrpc":"2.0","id":1}',
      [['result', 'content'], [{ type: 'text', text: 'x' }]],
      [['result', 'isError'], undefined],
      [['result', 'structuredContent'], { a: 1 }],
      [['result', '_meta', 'k'], 1],
      [['id'], 'client'],
    ),
  ).toBe(
    '{"result":{"structuredContent":{"a":1},"_meta":{"k":1},"content":[{"type":"text","text":"x"}]},"jsonrpc":"2.0","id":"client"}',
  )
  expect(
    edit(
      '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"secret","data":[1]}}',
      [['error', 'message'], 'withheld'],
      [['error', 'data'], undefined],
    ),
  ).toBe('{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"withheld"}}')
})

test('whole params can be replaced', () => {
  expect(edit('{"jsonrpc":"2.0","method":"m","params":{"a":1}}', [['params'], { b: 2 }])).toBe(
    '{"jsonrpc":"2.0","method":"m","params":{"b":2}}',
  )
})

test('a member called __proto__ can be set and removed', () => {
  const text = '{"jsonrpc":"2.0","method":"m","params":{"__proto__":1}}'
  expect(edit(text, [['params', '__proto__'], 2])).toBe(text.replace('1}', '2}'))
  expect(edit(text, [['params', '__proto__'], undefined])).toBe(text.replace('"__proto__":1', ''))
})

test('edits that overlap are refused, and so is what lies outside', () => {
  const message = read(CALL)
  const edits = (...changes: Change[]): Edit[] =>
    changes.flatMap(([path, value]) => editMember(message, path, value))
  const run = (list: readonly Edit[]) => codeOf(() => splice(message.bytes, list))
  expect(run(edits([['params'], {}], [['params', 'name'], 'x']))).toBe('INTERNAL')
  expect(run(edits([['params'], {}], [['params', 'new'], 'x']))).toBe('INTERNAL')
  expect(run(edits([['params', 'name'], 'x'], [['params', 'name'], 'y']))).toBe('INTERNAL')
  expect(run(edits([['params', 'new'], 1], [['params', 'new'], 2]))).toBe('INTERNAL')
  expect(run(edits([['params', 'name'], 'x'], [['params', 'name'], undefined]))).toBe('INTERNAL')
  expect(run([{ span: { start: 5, end: 4 }, text: '' }])).toBe('INTERNAL')
  expect(run([{ span: { start: 0, end: 10_000 }, text: '' }])).toBe('INTERNAL')
  expect(run([{ span: { start: Number.NaN, end: 3 }, text: '' }])).toBe('INTERNAL')
})

test('places that edits do not reach are refused', () => {
  const message = read(CALL)
  const at = (...path: string[]) => codeOf(() => editMember(message, path, 1))
  expect(at()).toBe('INTERNAL')
  expect(at('params', 'arguments', 'n')).toBe('INTERNAL')
  expect(at('params', '_meta', 'x', 'y')).toBe('INTERNAL')
  expect(at('error', '_meta', 'x')).toBe('INTERNAL')
  expect(at('id', 'x')).toBe('INTERNAL')
})

test('bytes can be spliced in as they are', () => {
  const message = read(CALL)
  const span = message.scan.inner.get('arguments')
  if (!span) return expect.unreachable()
  const edited = splice(message.bytes, [{ span, text: Buffer.from('{"n":1E5}') }])
  expect(edited.toString()).toBe(CALL.replace('{"n":1.0e1,"big":9007199254740993}', '{"n":1E5}'))
})

test('answers of our own name the id, or no id at all', () => {
  expect(resultBytes('a', { x: 1 }).toString()).toBe('{"jsonrpc":"2.0","id":"a","result":{"x":1}}')
  expect(errorBytes(1, { code: -1, message: 'm' }).toString()).toBe(
    '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}}',
  )
  expect(errorBytes(undefined, { code: -1, message: 'm' }).toString()).toBe(
    '{"jsonrpc":"2.0","error":{"code":-1,"message":"m"}}',
  )
})

test('a fault as a JSON-RPC error keeps its code whatever its data say', () => {
  const fault = {
    code: 'WIRE_PARSE' as const,
    rpc: -32700,
    message: 'm',
    data: { code: 'x', supported: ['y'] },
  }
  expect(rpcErrorOf(fault, 'r1')).toEqual({
    code: -32700,
    message: 'm',
    data: { supported: ['y'], code: 'WIRE_PARSE', requestId: 'r1' },
  })
})
