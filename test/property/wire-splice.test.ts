// Splicing against a plain model: what was edited is as told, everything else is the same bytes.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonObject } from '../../src/base/json.ts'
import { type Message, readMessage } from '../../src/wire/message.ts'
import { type Edit, editMember, splice } from '../../src/wire/splice.ts'

const RUNS = { numRuns: 1500, seed: 20261121 }
const limits = { depth: 64 }

// spelled as a client may: none of them is what JSON.stringify would write
const NUMBERS = [
  '1.0',
  '1e2',
  '-0',
  '0.10',
  '9007199254740993',
  '123456789012345678901234567890',
  '1E400',
]
const numbers = fc.array(fc.constantFrom(...NUMBERS), { maxLength: 8 })

const space = fc.constantFrom('', ' ', '\n', '\t')
const names = ['name', 'arguments', 'uri', 'cursor', '_meta'] as const
const metaNames = ['progressToken', 'traceparent', 'a'] as const

interface Spelled {
  readonly text: string
  readonly values: Record<string, unknown>
}

/** An object written with random spacing and odd numbers, and what it says. */
function spelled(members: readonly string[], inner: Record<string, fc.Arbitrary<Spelled>> = {}) {
  const member = (name: string) =>
    fc.tuple(
      fc.constant(name),
      space,
      inner[name]?.map(({ text }) => text) ??
        fc.oneof(fc.constantFrom(...NUMBERS), fc.json({ maxDepth: 2 })),
      space,
    )
  return fc
    .subarray([...members])
    .chain((chosen) => fc.tuple(space, ...chosen.map(member)))
    .map(([lead, ...parts]): Spelled => {
      const list = parts as [string, string, string, string][]
      const text = `{${lead}${list.map(([n, a, v, b]) => `"${n}"${a}:${v}${b}`).join(',')}}`
      return { text, values: Object.fromEntries(list.map(([n, , v]) => [n, v])) }
    })
}

const meta = spelled(metaNames)
const params = spelled(names, { _meta: meta })
const message = fc
  .tuple(params, fc.boolean(), space)
  .map(([{ text }, has, gap]) =>
    readMessage(
      Buffer.from(
        `${gap}{"jsonrpc":"2.0",${gap}"id" : 1,"method":"m"${has ? `,"params":${gap}${text}` : ''},"extra":1.0}${gap}`,
      ),
      limits,
    ),
  )

const change = fc.tuple(
  fc.oneof(
    fc.constantFrom(...names.filter((name) => name !== '_meta')).map((name) => ['params', name]),
    fc.constantFrom('traceparent', 'a', 'new').map((name) => ['params', '_meta', name]),
    fc.constant(['id']),
  ),
  fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }),
)
const changes = fc.uniqueArray(change, { selector: ([path]) => path.join(), maxLength: 6 })

/** The same changes on the parsed values. */
function model(before: Message, list: readonly (readonly [readonly string[], unknown])[]): unknown {
  const whole = JSON.parse(before.bytes.toString()) as Record<string, unknown>
  for (const [path, value] of list) {
    if (path[0] === 'id' && value === undefined) continue
    let at = whole
    const last = path.at(-1) as string
    for (const name of path.slice(0, -1)) {
      if (at[name] === undefined && value === undefined) break
      at[name] ??= {}
      at = at[name] as Record<string, unknown>
    }
    if (value === undefined) delete at[last]
    // what JSON cannot say, such as -0, is not there to compare
    else at[last] = JSON.parse(JSON.stringify(value))
  }
  return whole
}

test('edits in any order and number say what the model says', () => {
  fc.assert(
    fc.property(message, changes, fc.boolean(), (before, list, reversed) => {
      const wanted = list.filter(([path, value]) => path[0] !== 'id' || value !== undefined)
      const edits = wanted.flatMap(([path, value]) => editMember(before, path, value))
      const after = splice(before.bytes, reversed ? edits.toReversed() : edits)
      expect(JSON.parse(after.toString())).toEqual(model(before, wanted))
    }),
    RUNS,
  )
})

test('the bytes of members that were not edited are the same', () => {
  fc.assert(
    fc.property(message, changes, (before, list) => {
      const wanted = list.filter(([path]) => path[0] !== 'id')
      const edits = wanted.flatMap(([path, value]) => editMember(before, path, value))
      const after = readMessage(splice(before.bytes, edits), limits)
      const edited = new Set(wanted.map(([path]) => path.join()))
      const parts = [
        ['params', before.scan.inner, after.scan.inner],
        ['params,_meta', before.scan.meta, after.scan.meta],
      ] as const
      for (const [holder, old, now] of parts) {
        for (const [name, span] of old) {
          if (edited.has(`${holder},${name}`) || name === '_meta') continue
          const spanNow = now.get(name)
          expect(spanNow && textOf(after, spanNow)).toBe(textOf(before, span))
        }
      }
      expect(after.bytes.includes('"extra":1.0')).toBe(true)
    }),
    RUNS,
  )
})

function textOf({ bytes }: Message, span: { start: number; end: number }): string {
  return bytes.toString('utf8', span.start, span.end)
}

test('a splice changes its spans and nothing else', () => {
  const bytes = fc.uint8Array({ maxLength: 200 })
  const cuts = fc.array(fc.nat(200), { maxLength: 8 })
  fc.assert(
    fc.property(bytes, cuts, fc.array(fc.uint8Array({ maxLength: 5 })), (source, places, texts) => {
      const sorted = [...new Set(places.map((place) => place % (source.length + 1)))].sort(
        (a, b) => a - b,
      )
      const edits: Edit[] = []
      let expected = ''
      let at = 0
      for (let i = 0; i + 1 < sorted.length; i += 2) {
        const [start = 0, end = 0] = sorted.slice(i, i + 2)
        const text = texts[i % (texts.length || 1)] ?? new Uint8Array()
        edits.push({ span: { start, end }, text })
        expected += Buffer.from(source.subarray(at, start)).toString('hex')
        expected += Buffer.from(text).toString('hex')
        at = end
      }
      expected += Buffer.from(source.subarray(at)).toString('hex')
      expect(splice(Buffer.from(source), edits.toReversed()).toString('hex')).toBe(expected)
    }),
    RUNS,
  )
})

test('numbers travel as their original bytes, whatever else is edited', () => {
  fc.assert(
    fc.property(numbers, fc.string(), fc.integer(), (list, name, id) => {
      const args = `{"list":[${list.join(', ')}],"deep":{"n":${list[0] ?? '1.50'}}}`
      const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":${args},"name":"x"}}`
      const before = readMessage(Buffer.from(text), limits)
      const edited = splice(before.bytes, [
        ...editMember(before, ['id'], id),
        ...editMember(before, ['params', 'name'], name),
        ...editMember(before, ['params', '_meta', 'progressToken'], id),
      ])
      expect(edited.includes(args)).toBe(true)
    }),
    RUNS,
  )
})

test('integers beyond 2^53 keep their digits when what holds them is written again', () => {
  const big = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String)
  fc.assert(
    fc.property(fc.array(big, { maxLength: 5 }), (list) => {
      const args = `{"list":[${list.join(',')}]}`
      const text = `{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":${args}}}`
      const before = readMessage(Buffer.from(text), limits)
      const patched = { ...(before.params?.arguments as JsonObject), extra: true }
      const edited = splice(before.bytes, editMember(before, ['params', 'arguments'], patched))
      expect(edited.toString()).toBe(text.replace(']}', '],"extra":true}'))
    }),
    RUNS,
  )
})
