// Condition texts and globs: what matches, what does not, and that no text makes them slow.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createExpression } from '../../src/expression/expression.ts'

const expression = createExpression()

describe('a condition text', () => {
  it.each([
    ['delete_file', 'delete_file', true],
    ['delete_file', 'Delete_file', false],
    ['delete_*', 'delete_', true],
    ['delete_*', 'undelete_x', false],
    ['*delete*', 'bulk_delete_all', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'acb', false],
    ['ab*ba', 'aba', false],
    ['a*bc*c', 'abc', false],
    ['*@acme.com', 'x@acme.com', true],
    ['*@acme.com', 'x@acme.com.evil', false],
    ['prod-?', 'prod-1', false],
    ['prod-?', 'prod-?', true],
    ['[ab]*', 'a', false],
    ['a.c*', 'abc', false],
    ['/^drop_/', 'drop_table', true],
    ['/^drop_/', 'a drop_table', false],
    ['/drop/', 'a drop_table', true],
    ['/(?i)^DROP$/', 'drop', true],
    ['/etc/passwd', '/etc/passwd', true],
    ['/', '/', true],
    ['*', '', true],
  ])('%s on %s is %s', (text, value, expected) => {
    expect(expression.pattern(text)(value)).toBe(expected)
  })

  it('that is empty or no RE2 is a load error', () => {
    expect(() => expression.pattern('')).toThrow('a pattern is empty')
    expect(() => expression.pattern('/(/')).toThrow(
      'the expression /(/ is not valid: missing closing )',
    )
    expect(() => expression.pattern('a'.repeat(5000))).toThrow('more than 4096 characters')
  })

  it('knows whether it is exact', () => {
    expect(['a', 'a*', '/a/', '/a', '//'].map(expression.isExact)).toEqual([
      true,
      false,
      false,
      true,
      true,
    ])
  })
})

describe('a path', () => {
  it.each([
    ['file:///srv/*', 'file:///srv/a', true],
    ['file:///srv/*', 'file:///srv/a/b', false],
    ['file:///srv/**', 'file:///srv/a/b', true],
    ['file:///srv/**', 'file:///srv', false],
    ['file:///srv/**', 'file:///srv2/a', false],
    ['file:///srv/**/x', 'file:///srv/x', true],
    ['file:///srv/**/x', 'file:///srv/a/b/x', true],
    ['file:///srv/**/x', 'file:///srv/ax', false],
    ['**', 'https://x/y', true],
    ['**.pem', 'file:///a/b.pem', true],
    ['*', 'a/b', false],
    ['file:///srv/*', 'file:///srv/a\nb', true],
    ['file:///a+b/*', 'file:///aab/x', false],
    ['/^file:/', 'file:///x', true],
  ])('%s on %j is %s', (text, value, expected) => {
    expect(expression.pattern(text, { path: true })(value)).toBe(expected)
    expect(expression.anyOf([text, 'other'], { path: true })(value)).toBe(expected)
  })
})

describe('a list', () => {
  it('matches when one of its texts does', () => {
    const any = expression.anyOf(['a', 'b', 'c-*', '/^d/'])
    expect(['a', 'b', 'c-1', 'dx', 'e'].map(any)).toEqual([true, true, true, true, false])
  })

  it('of one kind matches the same', () => {
    expect(['a', 'b'].map(expression.anyOf(['a']))).toEqual([true, false])
    expect(['a', 'b', 'c'].map(expression.anyOf(['a', 'b']))).toEqual([true, true, false])
    expect(['ax', 'b'].map(expression.anyOf(['a*']))).toEqual([true, false])
    expect(['ax', 'b'].map(expression.anyOf(['a*', '*']))).toEqual([true, true])
  })

  it('that is empty matches nothing', () => {
    expect(expression.anyOf([])('')).toBe(false)
  })
})

describe('globs as a whole', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 8 })
  const value = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 })

  it('of names equal the same glob written as a regular expression', () => {
    fc.assert(
      fc.property(letters, value, (text, given) => {
        const reference = new RegExp(`^${text.replace(/\*+/g, '[^]*')}$`)
        expect(expression.glob(text)(given)).toBe(reference.test(given))
      }),
    )
  })

  it('never let a single star cross a slash in a path', () => {
    fc.assert(
      fc.property(letters, value, (text, given) => {
        if (text.includes('**') || !expression.glob(text, { path: true })(given)) return
        expect(given.split('/').length).toBe(text.split('/').length)
      }),
    )
  })

  it('mean in a path what their stars mean, whichever way they are matched', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '/', '*', '**', '/**/'),
      maxLength: 6,
    })
    const given = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\n'), maxLength: 8 })
    fc.assert(
      fc.property(text, given, (glob, path) => {
        const meaning = glob.replace(/\/\*\*(?=\/)\/|\*\*+|\*/g, (stars) => {
          if (stars === '/**/') return '/(?:[^]*/)?'
          return stars === '*' ? '[^/]*' : '[^]*'
        })
        const matches = expression.glob(glob, { path: true })
        expect(matches(path)).toBe(new RegExp(`^${meaning}$`).test(path))
      }),
      { numRuns: 2000 },
    )
  })

  it('take linear time on adversarial text', () => {
    const start = performance.now()
    const text = 'a'.repeat(100_000)
    expect(expression.glob('*a*a*a*a*a*a*a*a*b')(text)).toBe(false)
    expect(expression.glob('**a**a**a**a**a**b', { path: true })(text)).toBe(false)
    expect(performance.now() - start).toBeLessThan(5000)
  })
})
