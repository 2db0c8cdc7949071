// JSON that decides trust: a member stands once in its object, at any depth, however it is spelt and however many there are.
import { describe, expect, it } from 'vitest'
import { readJson } from '../../../src/attest/format/json.ts'
import { denialOf } from '../denials.ts'

const read = (text: string) => readJson(Buffer.from(text), 'it')
const refused = (text: string): string => denialOf(() => read(text))
const many = (count: number, last: string): string =>
  `{${Array.from({ length: count }, (_, at) => `"m${at}":{"a":${at},"b":[{"a":1}]}`).join()},${last}}`

describe('a member twice', () => {
  it('is found among few and among many, wherever the first one stands', () => {
    for (const count of [1, 11, 12, 13, 14, 500])
      for (const first of [0, count - 1]) {
        expect(refused(many(count, `"m${first}":1`))).toBe('evidence.malformed: it: a member twice')
        expect(refused(many(count, `"\\u006d${first}":1`))).toBe(
          'evidence.malformed: it: a member twice',
        )
      }
  })

  it('is none where the two are of different objects', () => {
    for (const count of [1, 12, 13, 500])
      expect(Object.keys(read(many(count, '"other":{"m0":1,"a":2}')))).toHaveLength(count + 1)
    expect(read('{"a":{"a":{"b":1},"b":2},"b":[{"a":1},{"a":2}]}')).toEqual({
      a: { a: { b: 1 }, b: 2 },
      b: [{ a: 1 }, { a: 2 }],
    })
  })

  it('is found behind an object and a list that ended', () => {
    expect(refused('{"a":{"x":1,"y":[1,{"z":2}]},"b":[],"a":1}')).toBe(
      'evidence.malformed: it: a member twice',
    )
  })

  it('is found in an inner object behind many outer members', () => {
    expect(refused(many(40, '"other":{"a":1,"a":2}'))).toBe(
      'evidence.malformed: it: a member twice',
    )
  })
})

it('brackets that do not match are no JSON', () => {
  for (const text of ['{]', '}', '{"a":1}}', '[{"a":1]}', '{"a":[}'])
    expect(refused(text)).toBe('evidence.malformed: it: no JSON')
})
