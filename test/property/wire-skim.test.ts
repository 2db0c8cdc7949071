// A response that is skimmed in any chunks comes out as one that is read whole and spliced; what reading refuses of its outline, skimming refuses.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readMessage } from '../../src/wire/message.ts'
import { Skim } from '../../src/wire/skim.ts'
import { splice, valueEdit } from '../../src/wire/splice.ts'

const RUNS = { numRuns: 1500 }
const DEPTH = 64

function skimmed(source: string, cuts: readonly number[], id = '"mine"'): string {
  const bytes = Buffer.from(source)
  const skim = new Skim({ expected: '7', id, depth: DEPTH })
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  )
  const out: Buffer[] = []
  let from = 0
  for (const to of places) {
    out.push(...skim.push(Buffer.from(bytes.subarray(from, to))))
    from = to
  }
  skim.end()
  return Buffer.concat(out).toString()
}

function spliced(source: string, id: string): string {
  const message = readMessage(Buffer.from(source), { depth: DEPTH })
  const member = message.scan.members.get('id')
  if (!member) throw new Error('no id')
  return splice(message.bytes, [valueEdit(member, JSON.parse(id))]).toString()
}

const inner = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('}{', ']["id":7', '\\"id\\":8,', 'a,b}', ''),
)
const result = fc.record(
  {
    content: fc.array(inner, { maxLength: 4 }),
    structuredContent: inner,
    resultType: fc.constant('complete'),
    isError: fc.boolean(),
    _meta: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), inner, { maxKeys: 3 }),
    other: inner,
  },
  { requiredKeys: [] },
)
const order = fc.shuffledSubarray(['jsonrpc', 'id', 'result', 'extra'], { minLength: 4 })
const space = fc.constantFrom('', '', ' ', '\n', '\t ')
const cuts = fc.array(fc.nat(3000), { maxLength: 12 })

const response = fc.tuple(result, order, space, inner).map(([value, names, gap, extra]) => {
  const members: Record<string, string> = {
    jsonrpc: '"2.0"',
    id: '7',
    result: JSON.stringify(value, null, gap === '' ? undefined : 1),
    extra: JSON.stringify(extra) ?? 'null',
  }
  return `{${gap}${names.map((name) => `"${name}"${gap}:${gap}${members[name]}${gap}`).join(`,${gap}`)}}${gap}`
})

test('in whatever chunks it comes, only its id is another', () => {
  fc.assert(
    fc.property(response, cuts, fc.constantFrom('"mine"', '1', '"x\\"y"'), (source, where, id) => {
      expect(skimmed(source, where, id)).toBe(spliced(source, id))
    }),
    RUNS,
  )
})

test('what a result asks for does not come out, in whatever chunks it comes', () => {
  const asks = fc.constantFrom(
    '"inputRequests":{"a":1}', '"requestState":"s"', '"task":{}', '"\\u0074ask":{}', '"resultType":"input_required"',
    '"resultType" : "inc"', '"resultType":7', '"ResultType":"complete"', '"content":[],"content":[1]',
  ) // biome-ignore format: a table
  fc.assert(
    fc.property(
      asks,
      fc.string({ maxLength: 20 }),
      fc.boolean(),
      cuts,
      (ask, text, first, where) => {
        const other = `"structuredContent":${JSON.stringify({ text })}`
        const members = first ? `${ask},${other}` : `${other},${ask}`
        const source = `{"jsonrpc":"2.0","id":7,"result":{${members}}}`
        expect(() => skimmed(source, where)).toThrow()
      },
    ),
    RUNS,
  )
})

test('a response that is cut off, of another id, no object, twice or followed by something is refused', () => {
  const whole = '{"jsonrpc":"2.0","result":{"content":[{"a":"}"}]},"id":7}'
  expect(skimmed(whole, [])).toBe(whole.replace(':7', ':"mine"'))
  for (let length = 0; length < whole.length; length++)
    expect(() => skimmed(whole.slice(0, length), []), whole.slice(0, length)).toThrow()
  const wrong = [
    whole.replace(':7', ':8'), whole.replace(':7', ':7.0'), whole.replace(':7', ':"7"'), whole.replace(',"id":7', ''), `${whole}x`, `${whole}{`, `[${whole}]`, `x${whole}`, '',
    whole.replace('"jsonrpc"', '"result":{},"jsonrpc"'), whole.replace('"jsonrpc"', '"ID":7,"jsonrpc"'), whole.replace('"jsonrpc"', '"id":7,"jsonrpc"'),
    whole.replace('"}"', '['.repeat(DEPTH)),
  ] // biome-ignore format: a table
  for (const source of wrong) expect(() => skimmed(source, [9, 20]), source).toThrow()
})

test('its outline is known before anything inside it comes out', () => {
  const kindOf = (source: string) => {
    const skim = new Skim({ expected: '7', id: '1', depth: DEPTH })
    skim.push(Buffer.from(source))
    return skim.outline
  }
  expect(kindOf('{"jsonrpc":"2.0","id":7,')).toBe('unknown')
  expect(kindOf('{"id":7,"result"')).toBe('result')
  expect(kindOf('{"error"')).toBe('other')
  expect(kindOf('{"method"')).toBe('other')
})
