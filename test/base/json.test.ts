// JSON operations: merge patch by the examples of RFC 7396 appendix A, freezing, numbers beyond 2^53.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canonicalText,
  deepFreeze,
  isObject,
  type Json,
  mergePatch,
  UnsafeNumber,
} from '../../src/base/json.ts'

const RFC_7396_APPENDIX_A: [target: string, patch: string, result: string][] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
]

describe('a merge patch', () => {
  it.each(RFC_7396_APPENDIX_A)('of %s with %s is %s', (target, patch, result) => {
    expect(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch)))).toBe(result)
  })

  it('keeps a member called __proto__ a member', () => {
    const merged = mergePatch(
      JSON.parse('{"a":{"__proto__":{"kept":1}}}'),
      JSON.parse('{"__proto__":{"polluted":true},"a":{"constructor":{"prototype":{"x":1}}}}'),
    ) as Record<string, Record<string, unknown>>
    expect(JSON.stringify(merged)).toBe(
      '{"a":{"__proto__":{"kept":1},"constructor":{"prototype":{"x":1}}},"__proto__":{"polluted":true}}',
    )
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
    expect('polluted' in {}).toBe(false)
    expect('polluted' in merged).toBe(false)
  })

  it('removes a member whose new value is undefined and leaves out those that were', () => {
    expect(mergePatch({ a: 1, b: undefined, c: 2 }, { a: undefined })).toEqual({ c: 2 })
  })

  it('replaces and keeps numbers beyond 2^53 as a whole', () => {
    const big = new UnsafeNumber('9007199254740993')
    expect(JSON.stringify(mergePatch({ a: 1, b: big } as never, { a: big } as never))).toBe(
      '{"a":9007199254740993,"b":9007199254740993}',
    )
    expect(JSON.stringify(mergePatch({ b: big } as never, { b: { c: 1 } }))).toBe('{"b":{"c":1}}')
  })

  const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>
  const frozen = json.map((value) => deepFreeze(value))

  it('changes neither of its inputs', () => {
    fc.assert(
      fc.property(frozen, frozen, (target, patch) => {
        mergePatch(target, patch)
      }),
    )
  })

  it('applied twice is the same as applied once', () => {
    fc.assert(
      fc.property(json, json, (target, patch) => {
        const once = mergePatch(target, patch)
        expect(mergePatch(once, patch)).toEqual(once)
      }),
    )
  })
})

describe('a number beyond 2^53', () => {
  it('is written with its own digits', () => {
    const digits = '123456789012345678901234567890'
    expect(JSON.stringify({ id: new UnsafeNumber(digits) })).toBe(`{"id":${digits}}`)
  })
})

describe('a canonical text', () => {
  it('does not depend on the order of members', () => {
    expect(canonicalText({ b: 1, a: { d: 1, c: 2 } })).toBe('{"a":{"c":2,"d":1},"b":1}')
  })

  it('tells digits that are written as they stood from an object that looks like them', () => {
    const digits = '123456789012345678901234567890'
    expect(canonicalText({ a: new UnsafeNumber(digits) })).toBe(`{"a":${digits}}`)
    expect(canonicalText({ a: { rawJSON: digits } })).toBe(`{"a":{"rawJSON":"${digits}"}}`)
  })
})

describe('isObject', () => {
  it('holds for records only', () => {
    expect([{}, Object.create(null)].every(isObject)).toBe(true)
    expect([null, undefined, [], 'a', 1, true, () => {}].some(isObject)).toBe(false)
  })
})

describe('deepFreeze', () => {
  it('freezes a value and all it holds, also when it holds itself', () => {
    const value: { list: { a: number }[]; self?: unknown } = { list: [{ a: 1 }] }
    value.self = value
    deepFreeze(value)
    expect([value, value.list, value.list[0]].every(Object.isFrozen)).toBe(true)
  })

  it('hands back what is no object', () => {
    expect(deepFreeze(null)).toBeNull()
    expect(deepFreeze('a')).toBe('a')
  })
})
