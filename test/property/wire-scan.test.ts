// The scan against JSON.parse and against three naive readers, on random and on mutilated messages.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import { type Message, readMessage } from '../../src/wire/message.ts'
import { type Scan, scan } from '../../src/wire/scan.ts'
import { FIRST_WINS, IGNORES_CASE, LAST_WINS, readTree, type Tree } from './wire-readers.ts'

const limits = { depth: 40 }

function tryTo<Value>(run: () => Value): Value | undefined {
  try {
    return run()
  } catch (error) {
    if (isAppError(error)) return undefined
    throw error
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

// names that collide in every way a reader can confuse: escapes, case, folds beyond ASCII, prototypes
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('id', 'method', 'params', 'name', 'uri', '_meta', 'arguments', 'x', 'k') },
  { weight: 2, arbitrary: fc.constantFrom('ID', 'Method', 'param\u017f', 'NAME', 'argument\u017f', '_Meta', 'X', '\u212a') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', '', 'ß', 'SS', 'ẞ', 'é', '😀', 'result', 'error') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
) // biome-ignore format: a table reads better in rows

const space = fc.constantFrom('', '', '', ' ', '\n', '\t \r')

/** The text of a string, some of its characters written as escapes; half a surrogate pair has no other form. */
const quoted = (text: string) =>
  fc.infiniteStream(fc.boolean()).map((flips) => {
    const parts = [...text].map((character) => {
      const [flip] = flips
      if (!flip && character.isWellFormed()) return JSON.stringify(character).slice(1, -1)
      return character
        .split('')
        .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join('')
    })
    return `"${parts.join('')}"`
  })

const number = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom('0', '-0', '1e3', '1.0', '-1.5E-7', '9007199254740991', '9007199254740993', '1e999'),
  fc.bigInt({ max: 10n ** 30n }).map(String),
) // biome-ignore format: a table reads better in rows

const { value } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'json', withCrossShrink: true },
    number,
    fc.constantFrom('true', 'false', 'null'),
    fc.string({ unit: 'binary', maxLength: 8 }).chain(quoted),
    tie('object'),
    tie('array'),
  ),
  object: fc
    .array(fc.tuple(space, name.chain(quoted), space, tie('value'), space), { maxLength: 6 })
    .map((members) => `{${members.map(([a, n, b, v, c]) => `${a}${n}${b}:${v}${c}`).join(',')}}`),
  array: fc
    .array(fc.tuple(space, tie('value'), space), { maxLength: 4 })
    .map((items) => `[${items.map((item) => item.join('')).join(',')}]`),
}))

const member = (...names: string[]) =>
  fc.tuple(fc.oneof(fc.constantFrom(...names), name).chain(quoted), value)
const object = (members: [string, string][]) =>
  `{${members.map((pair) => pair.join(':')).join(',')}}`

/** JSON texts that look like messages, most of them refused for one reason or another. */
const text = fc.oneof(
  value,
  fc
    .array(
      fc.oneof(
        member('jsonrpc', 'id', 'method', 'result', 'error'),
        fc
          .array(member('name', 'arguments', 'uri', '_meta'), { maxLength: 4 })
          .map((members): [string, string] => ['"params"', object(members)]),
      ),
      { maxLength: 5 },
    )
    .map((members) => object(members)),
)

const RUNS = { numRuns: 1500, seed: 20261121 }

function textAt(source: string, span: { start: number; end: number }): string {
  return Buffer.from(source).toString('utf8', span.start, span.end)
}

test('the scan passes no valid JSON in which two readers could see different members', () => {
  let passed = 0
  const check = (source: string) => {
    const found = tryTo(() => scan(Buffer.from(source), limits))
    if (!found) return
    passed++
    const tree = readTree(source)
    noDuplicates(tree)
    sameForAll(tree, ['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
    const params = LAST_WINS.get(tree, 'params')
    sameForAll(params, ['name', 'uri', 'arguments', '_meta'])
    sameForAll(LAST_WINS.get(params, '_meta'), ['progressToken'])
  }
  fc.assert(fc.property(text, check), RUNS)
  expect(passed).toBeGreaterThan(150)
})

/** Asked for any member that is there, or that programs look for, all readers of an object give the same. */
function sameForAll(tree: Tree | undefined, lookedFor: readonly string[]): void {
  for (const member of new Set([...lookedFor, ...namesIn(tree)])) {
    const seen = FIRST_WINS.get(tree, member)
    expect(LAST_WINS.get(tree, member)).toBe(seen)
    expect(IGNORES_CASE.get(tree, member)).toBe(seen)
  }
}

function namesIn(tree: Tree | undefined): string[] {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return []
  return tree.members.map(([member]) => member)
}

function noDuplicates(tree: Tree): void {
  if (Array.isArray(tree)) for (const item of tree) noDuplicates(item)
  if (Array.isArray(tree) || typeof tree !== 'object' || tree === null) return
  const names = tree.members.map(([member]) => member)
  expect(new Set(names).size).toBe(names.length)
  for (const [, inner] of tree.members) noDuplicates(inner)
}

test('valid JSON without duplicates, variants and odd names is never refused', () => {
  const plain = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'plain' },
      fc.jsonValue({ maxDepth: 0 }),
      fc.dictionary(fc.string({ maxLength: 5 }), tie('value'), { maxKeys: 30 }),
      fc.array(tie('value'), { maxLength: 4 }),
    ),
  })).value
  fc.assert(
    fc.property(plain, (inner) => {
      const source = JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'm',
        params: { arguments: inner },
      })
      fc.pre(!source.includes('\\u0000'))
      expect(scan(Buffer.from(source), limits).inner.size).toBe(1)
    }),
    RUNS,
  )
})

test('each span, parsed alone, is the member as JSON.parse sees it', () => {
  fc.assert(
    fc.property(text, (source) => {
      const found = tryTo(() => scan(Buffer.from(source), limits))
      if (!found) return
      const whole: unknown = JSON.parse(source)
      if (found.batch || typeof whole !== 'object' || whole === null) {
        expect(found.members.size).toBe(0)
        return
      }
      const envelope = whole as Record<string, unknown>
      spansMatch(source, found.members, envelope)
      const holders = ['params', 'result', 'error'].filter((name) => isObject(envelope[name]))
      if (holders.length !== 1) return
      const inner = envelope[holders[0] as string] as Record<string, unknown>
      spansMatch(source, found.inner, inner)
      if (holders[0] !== 'error' && isObject(inner._meta))
        spansMatch(source, found.meta, inner._meta)
    }),
    RUNS,
  )
})

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function spansMatch(source: string, spans: Scan['members'], object: Record<string, unknown>): void {
  expect([...spans.keys()].sort()).toEqual(Object.keys(object).sort())
  for (const [member, span] of spans) {
    expect(JSON.parse(textAt(source, span))).toEqual(object[member])
    const withName = textAt(source, { start: span.nameStart, end: span.end })
    expect(Object.keys(JSON.parse(`{${withName}}`) as object)).toEqual([member])
  }
}

test('a mutilated message is refused with a code or is still what JSON.parse says it is', () => {
  const mutation = fc.record({
    at: fc.nat(400),
    drop: fc.nat(6),
    put: fc.oneof(
      fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', '\\u0061', ' ', '1', '-', 'e', '\0', '\ufeff'),
      fc.uint8Array({ maxLength: 4 }),
    ),
  }) // biome-ignore format: a table reads better in rows
  fc.assert(
    fc.property(text, fc.array(mutation, { minLength: 1, maxLength: 4 }), (source, mutations) => {
      let bytes: Buffer = Buffer.from(source)
      for (const { at, drop, put } of mutations) {
        const place = bytes.length === 0 ? 0 : at % bytes.length
        bytes = Buffer.concat([
          bytes.subarray(0, place),
          typeof put === 'string' ? Buffer.from(put) : put,
          bytes.subarray(place + drop),
        ])
      }
      const found = tryTo(() => scan(bytes, limits))
      const read = tryTo(() => readMessage(bytes, limits))
      if (!found) expect(read).toBeUndefined()
      if (!found) return
      // what the scan lets through can be parsed, now or later
      expect(parses(bytes.toString())).toBe(true)
      const tree = readTree(bytes.toString())
      noDuplicates(tree)
      const whole: unknown = JSON.parse(bytes.toString())
      if (isObject(whole)) spansMatch(bytes.toString(), found.members, whole)
    }),
    { ...RUNS, numRuns: 2500 },
  )
})

test('what a message read keeps is what its bytes say', () => {
  const calls = fc.record(
    { name: fc.string(), arguments: fc.object({ maxDepth: 3 }), _meta: fc.dictionary(fc.string(), fc.integer()) },
    { requiredKeys: [] },
  ) // biome-ignore format: a table reads better in rows
  fc.assert(
    fc.property(calls, fc.oneof(fc.integer(), fc.string()), (params, id) => {
      const source = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
      const message: Message | undefined = tryTo(() => readMessage(Buffer.from(source), limits))
      if (!message) return
      expect(message.id).toBe(id)
      const again = {
        jsonrpc: '2.0',
        id: message.id,
        method: message.method,
        params: message.params,
      }
      expect(JSON.stringify(again)).toBe(source)
    }),
    RUNS,
  )
})

test('a member twice is found in whichever of many records it stands, whatever shape the one before it had', () => {
  const name = fc.constantFrom('a', 'b', 'ab', 'ba', '\\u0061', 'é', '')
  const record = fc.array(
    fc.tuple(name, fc.constantFrom('1', '"x"', '{"a":1}', '[{"b":2,"a":1}]')),
    {
      maxLength: 5,
    },
  )
  const records = fc.array(record, { maxLength: 12 })
  fc.assert(
    fc.property(records, fc.nat(600), fc.boolean(), (list, padding, spaced) => {
      const comma = spaced ? ' ,\n' : ','
      const objects = list.map(
        (members) => `{${members.map(([key, value]) => `"${key}":${value}`).join(comma)}}`,
      )
      const source = `{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"pad":"${'p'.repeat(padding)}","list":[${objects.join(comma)}]}}}`
      const names = list.map((members) => members.map(([key]) => JSON.parse(`"${key}"`) as string))
      const twice = names.some((keys) => new Set(keys).size < keys.length)
      expect(tryTo(() => scan(Buffer.from(source), limits)) === undefined).toBe(twice)
    }),
    { ...RUNS, numRuns: 1500 },
  )
})

test('text of any length ends where it ends, with escapes, control characters and quotes at every offset', () => {
  const piece = fc.constantFrom(
    'x',
    'yz',
    'é',
    '\\n',
    '\\"',
    '\\\\',
    '\\u00e9',
    '€',
    '\t',
    '\u0001',
    '\\x',
    '\\u12',
    '"',
  )
  fc.assert(
    fc.property(
      fc.nat(520),
      fc.array(piece, { maxLength: 12 }),
      fc.nat(9),
      (before, pieces, after) => {
        const text = `${'a'.repeat(before)}${pieces.join('')}${'b'.repeat(after)}`
        const source = `{"jsonrpc":"2.0","id":1,"result":{"content":"${text}","end":1}}`
        const found = tryTo(() => scan(Buffer.from(source), limits))
        expect(found !== undefined).toBe(parses(source))
      },
    ),
    { ...RUNS, numRuns: 3000 },
  )
})
