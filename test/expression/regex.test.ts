// Regular expressions in RE2 syntax: results as in JavaScript, refusals that say why, linear time.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createExpression } from '../../src/expression/expression.ts'

const { regex } = createExpression()

describe('a regular expression', () => {
  it('finds, tells groups and replaces', () => {
    const words = regex('(?P<first>\\w)(\\d)?', 'i')
    expect(words.exec('--a1 b')).toEqual({
      index: 2,
      text: 'a1',
      groups: ['a', '1'],
      named: { first: 'a' },
    })
    expect(words.exec('--a1 b', 3)?.text).toBe('1')
    expect(words.exec('--', 3)).toBeNull()
    expect([...words.matchAll('a b')].map((match) => match.index)).toEqual([0, 2])
    expect(words.replaceAll('a1 b', '[$<first>$2$&$$$3]')).toBe('[a1a1$$3] [bb$$3]')
    expect(words.replaceAll('a1 b', (match) => match.text.toUpperCase())).toBe('A1 B')
    expect(words.replaceAll('--', 'x')).toBe('--')
  })

  it('does not expand what a group brought into the text', () => {
    expect(regex('(.+)').replaceAll('$&$1', '<$1>')).toBe('<$&$1>')
  })

  it('has no state between calls', () => {
    const one = regex('a', 'g')
    expect([one.test('a'), one.test('a'), one.exec('a')?.index, one.exec('a')?.index]).toEqual([
      true,
      true,
      0,
      0,
    ])
  })

  it.each([
    ['(?=a)b', '', 'lookahead and lookbehind do not exist in RE2'],
    ['(?<!a)b', '', 'lookahead and lookbehind do not exist in RE2'],
    ['(a)\\1', '', 'backreferences do not exist in RE2'],
    ['a{2000}', '', 'invalid repeat count'],
    ['(a{900}){900}', '', 'is not valid: '],
    ['a(', '', 'missing closing )'],
    ['a', 'y', 'the flag y is not one of i, m, s'],
    ['long'.repeat(1250), '', 'it has 5000 characters, more than 4096'],
  ])('%.20s with flags %j is refused', (source, flags, reason) => {
    expect(() => regex(source, flags)).toThrow(reason)
  })

  it('replaces as JavaScript does', () => {
    const source = fc.constantFrom('a', 'a*', '(a)(b)?', 'b|', '[ab]+', '^a', 'b$', '.')
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', '\n', '👋'), maxLength: 10 })
    fc.assert(
      fc.property(source, text, (given, value) => {
        expect(regex(given).replaceAll(value, '<$&>')).toBe(
          value.replace(new RegExp(given, 'gu'), '<$&>'),
        )
        expect(regex(given).test(value)).toBe(new RegExp(given, 'u').test(value))
      }),
    )
  })

  it('takes linear time where JavaScript takes exponential', () => {
    const start = performance.now()
    const text = `${'a'.repeat(64_000)}!`
    expect(regex('^(a+)+$').test(text)).toBe(false)
    expect(regex('(.*)(.*)(.*)x$').exec(text)).toBeNull()
    expect(regex('(a|aa)+$').replaceAll(text, '')).toBe(text)
    expect(performance.now() - start).toBeLessThan(5000)
  })
})
