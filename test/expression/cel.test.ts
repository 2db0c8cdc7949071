// CEL as conditions use it: what loads, what it means on plain JSON, and what no payload can do to it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { UnsafeNumber } from '../../src/base/json.ts'
import type { ExpressionCompiler } from '../../src/engine/condition.ts'
import { createExpression } from '../../src/expression/expression.ts'

const expression = createExpression()
const when = (source: string, variables: Record<string, unknown> = {}) =>
  expression.cel(source).evaluateBoolean(variables)
const value = (source: string, variables: Record<string, unknown> = {}) =>
  expression.cel(source).evaluate(variables)
const payload = (args: unknown) => ({ payload: { arguments: args } })

function failure(run: () => unknown): AppError {
  try {
    run()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('did not throw')
}

describe('values of JSON', () => {
  it.each([
    ['payload.arguments.amount > 1000', { amount: 1000.5 }, true],
    ['payload.arguments.amount > 1000', { amount: 2000 }, true],
    ['payload.arguments.amount > 1000', { amount: 1000 }, false],
    ['payload.arguments.amount > 1000.25', { amount: 1001 }, true],
    ['payload.arguments.amount == 5', { amount: 5 }, true],
    ['payload.arguments.amount != 5', { amount: 5.5 }, true],
    ['payload.arguments.amount in [1, 2, 3]', { amount: 2 }, true],
    ['payload.arguments.amount + 1 == 3', { amount: 2 }, true],
    ['2 * payload.arguments.amount - 1 > 2.5', { amount: 2 }, true],
    ['payload.arguments.list[payload.arguments.at] == "b"', { list: ['a', 'b'], at: 1 }, true],
    ['"x" in payload.arguments', { x: null }, true],
    ['has(payload.arguments.x)', { x: null }, true],
    ['has(payload.arguments.x)', {}, false],
    ['payload.arguments.x == null', { x: null }, true],
    ['payload.arguments.a == payload.arguments.b', { a: { x: [1, 2] }, b: { x: [1, 2] } }, true],
    ['payload.arguments.a == payload.arguments.b', { a: { x: [1, 2] }, b: { x: [1, 3] } }, false],
    ['payload.arguments["content-type"] == "x"', { 'content-type': 'x' }, true],
    ['size(payload.arguments.text) == 2', { text: '👋a' }, true],
    ['payload.arguments.text.lowerAscii() == "drop"', { text: 'DROP' }, true],
    ['payload.arguments.text.matches("^[a-z]+$")', { text: 'abc' }, true],
    ['payload.arguments.items.all(i, i.price < 10)', { items: [{ price: 1 }, { price: 2 }] }, true],
    [
      'payload.arguments.items.filter(i, i > 1).map(i, i * 2) == [4, 6]',
      { items: [1, 2, 3] },
      true,
    ],
    [
      'payload.arguments.items.map(i, payload.arguments.items.map(j, i + j)) == [[2, 3], [3, 4]]',
      { items: [1, 2] },
      true,
    ],
    ['payload.arguments.exists_one(k, k == "a")', { a: 1, b: 2 }, true],
    ['{1: true, 2: false}.exists(k, k == 2 && payload.arguments.x)', { x: true }, true],
  ] as const)('%s on %j is %s', (source, args, expected) => {
    expect(when(source, payload(args))).toBe(expected)
  })

  it('does not take members of the prototype for members of the payload', () => {
    expect(
      when('has(payload.arguments.constructor) || "toString" in payload.arguments', payload({})),
    ).toBe(false)
    expect(
      when('payload.arguments.constructor.name == "x"', payload({ constructor: { name: 'x' } })),
    ).toBe(true)
    expect(
      when('payload.arguments.a == 1', payload(Object.assign(Object.create(null), { a: 1 }))),
    ).toBe(true)
  })

  it('reads through a frozen or proxied payload', () => {
    const view = new Proxy({ arguments: { amount: 3 } }, {})
    expect(when('payload.arguments.amount == 3', { payload: view })).toBe(true)
  })

  it('gives results back as plain JSON', () => {
    expect(
      value('{"a": [1, 2.5, "x", null, true], "p": payload.arguments}', payload({ z: [{}] })),
    ).toEqual({
      a: [1, 2.5, 'x', null, true],
      p: { z: [{}] },
    })
    expect(Object.keys(value('{"__proto__": 1}') as object)).toEqual(['__proto__'])
  })

  it('refuses results that JSON does not have', () => {
    for (const source of ['1.0 / 0.0', '9223372036854775807', 'b"x"', '{1: 2}', 'int']) {
      expect(failure(() => value(source)).code).toBe('PLUGIN_CONDITION_FAILED')
    }
  })
})

describe('declared variables', () => {
  it('have typed defaults, so that an anonymous caller is denied by a role that is missing', () => {
    const source = '!("admin" in principal.roles)'
    expect(when(source)).toBe(true)
    expect(when(source, { principal: undefined })).toBe(true)
    expect(when(source, { principal: { id: 'x', roles: ['user'] } })).toBe(true)
    expect(when(source, { principal: { roles: ['admin'] } })).toBe(false)
  })

  it('tell with has() whether a field was given', () => {
    expect(when('principal.tenant == "" && !has(principal.tenant)', { principal: {} })).toBe(true)
    expect(when('has(principal.tenant)', { principal: { tenant: 'acme' } })).toBe(true)
  })

  it('cover everything a request is known by', () => {
    const source =
      'payload.size() == 0 && principal.id == "" && client.name == "" && server.tags == [] && session == "" && method == "" && era == "" && surface == "" && origin == "" && round == 0 && labels == [] && point == "" && !dryRun'
    expect(when(source)).toBe(true)
    expect([...expression.cel(source).reads]).toEqual([
      'payload', 'principal', 'client', 'server', 'session', 'method', 'era', 'surface', 'origin', 'round', 'labels', 'point', 'dryRun',
    ]) // biome-ignore format: a list
  })

  it('accept a set where a list is declared', () => {
    expect(when('"pii" in labels', { labels: new Set(['pii']) })).toBe(true)
  })

  it('can be replaced by others', () => {
    const program = expression.cel('value.size() > 2', { value: 'string' })
    expect(program.evaluateBoolean({ value: 'abc' })).toBe(true)
    expect(failure(() => expression.cel('payload', { value: 'string' })).message).toContain(
      'unknown variable payload',
    )
  })
})

describe('load errors', () => {
  it.each([
    ['principl.id == "x"', '1:1: unknown variable principl; did you mean principal'],
    ['principal.role == "x"', '1:10: unknown field role; did you mean roles'],
    ['principal["role"] == "x"', '1:10: unknown field role; did you mean roles'],
    ['payload.a.starstWith("x")', '1:10: unknown function starstWith; did you mean startsWith'],
    ['principal.roles.contains("admin")', '1:16: contains does not take list.(string)'],
    ['principal.roles == "admin"', '1:17: a list never equals a string'],
    ['"admin" in principal.id', '1:9: in does not take (string, string)'],
    ['session && dryRun', '1:1: a bool is needed, this is a string'],
    ['dryRun ? 1 : ', '1:8: unexpected ?'],
    ['round == 1 && 5', '1:15: a bool is needed, this is an int'],
    ['payload.a &&\n  && payload.b', '1:11: unexpected &'],
    ['"abc', '1:1: unexpected "'],
    ['', '1:1: it ends too early'],
    ['99999999999999999999 > 1', '1:1: the integer is too large'],
    ['foo.bar.Message{a: 1}', '1:1: there is no message foo.bar.Message'],
    ['round.exists(x, x)', '1:6: a double has no elements to go through'],
    ['method.id == "x"', '1:7: a string has no field id'],
    ['method[0] == "x"', '1:7: a string cannot be indexed'],
    ['principal.roles["a"] == 1', '1:16: a list is indexed by a number, not a string'],
  ])('%s', (source, message) => {
    const error = failure(() => expression.cel(source))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toBe(`the expression is not valid at ${message}`)
  })

  it('refuses a condition that is known not to be a bool', () => {
    expect(failure(() => expression.cel('principal.id', undefined, 'bool')).message).toContain(
      'the result must be a bool, this is a string',
    )
    expect(expression.cel('payload.flag', undefined, 'bool').type).toBe('dyn')
  })

  it('bounds length and nesting', () => {
    expect(failure(() => expression.cel('a'.repeat(5000))).message).toContain('5000 characters')
    expect(
      failure(() => expression.cel(`${'('.repeat(200)}1${')'.repeat(200)}`)).message,
    ).toContain('nested too deeply')
    expect(failure(() => expression.cel(`${'['.repeat(60)}1${']'.repeat(60)}`)).message).toContain(
      'nested deeper',
    )
    expect(expression.cel(Array(100).fill('dryRun').join(' || ')).type).toBe('bool')
  })
})

describe('evaluation errors', () => {
  it.each([
    ['payload.arguments.amount > 1000', {}, 'there is no field amount'],
    ['payload.arguments.amount > 1000', { amount: '2000' }, 'found no matching overload'],
    ['payload.arguments.amount > 1000', { amount: null }, 'found no matching overload'],
    ['double(payload.arguments.amount) > 1000.0', { amount: 'abc' }, 'the text is no number'],
    ['double(payload.arguments.amount) > 1000.0', { amount: '' }, 'the text is no number'],
    ['int(payload.arguments.amount) > 1000', { amount: '0x10' }, 'the text is no integer'],
    ['payload.arguments.list[3] == 1', { list: [] }, 'index 3 out of bounds'],
  ] as const)('%s on %j', (source, args, message) => {
    const error = failure(() => when(source, payload(args)))
    expect(error.code).toBe('PLUGIN_CONDITION_FAILED')
    expect(error.message).toContain(message)
  })

  it('never quote the payload', () => {
    for (const source of [
      'bool(payload.arguments.x)',
      'timestamp(payload.arguments.x) > timestamp(0)',
      'payload[payload.arguments.x]',
      'method.matches(payload.arguments.x)',
    ]) {
      const error = failure(() => value(source, { ...payload({ x: '(s3cret' }), method: 'x' }))
      expect(`${error.message}${JSON.stringify(error.data)}${String(error.cause)}`).not.toContain(
        's3cret',
      )
    }
  })

  it('are swallowed by the other side of || and && only where that side decides', () => {
    expect(when('payload.missing || true', payload({}))).toBe(true)
    expect(when('payload.missing && false', payload({}))).toBe(false)
    expect(failure(() => when('payload.missing || false', payload({}))).code).toBe(
      'PLUGIN_CONDITION_FAILED',
    )
  })

  it('report a result that is no bool', () => {
    expect(failure(() => when('payload.arguments.x', payload({ x: 'true' }))).code).toBe(
      'PLUGIN_CONDITION_FAILED',
    )
  })
})

describe('integers beyond 2^53', () => {
  const unsafe = new UnsafeNumber('9007199254740993')
  it.each([
    'payload.arguments.n > 1',
    'payload.arguments.n == 1',
    'payload.arguments == {"n": 1, "list": [1]}',
    'payload.arguments.list.exists(x, x == 1)',
    '1 in payload.arguments.list',
    '!(1 in payload.arguments.list)',
  ])('%s is refused', (source) => {
    expect(failure(() => when(source, payload({ n: unsafe, list: [unsafe] }))).code).toBe(
      'NUMBER_UNSAFE',
    )
  })

  it('do no harm where nobody reads them', () => {
    expect(
      when('payload.arguments.a == 1 && has(payload.arguments.n)', payload({ a: 1, n: unsafe })),
    ).toBe(true)
  })

  it('keep their code when a view refuses them', () => {
    const view = {
      get arguments() {
        throw new AppError('NUMBER_UNSAFE', 'a plugin read it')
      },
    }
    expect(failure(() => when('payload.arguments.a == 1', { payload: view })).code).toBe(
      'NUMBER_UNSAFE',
    )
  })
})

describe('bounded time', () => {
  const many = Array.from({ length: 50_000 }, (_, index) => index)
  const quickly = (run: () => unknown) => {
    const start = performance.now()
    const result = failure(run)
    expect(performance.now() - start).toBeLessThan(5000)
    return result
  }

  it.each([
    ['nested loops', 'payload.arguments.all(x, payload.arguments.all(y, x != y || true))'],
    ['a search in a loop', 'payload.arguments.all(x, !((0 - x - 1) in payload.arguments))'],
    [
      'lists that double',
      `${'[payload.arguments]'}${Array.from({ length: 12 }, (_, i) => `.map(v${i}, v${i} + v${i})`).join('')}.size() > 1`,
    ],
    [
      'trees that double',
      `${'[payload.arguments]'}${Array.from({ length: 30 }, (_, i) => `.map(v${i}, [v${i}, v${i}])`).join('')} == [1]`.replace(
        '== [1]',
        '== [[[1]]]',
      ),
    ],
  ])('%s end with an error', (name, source) => {
    if (name === 'trees that double') {
      // the tree is small to build and exponential to write down
      expect(
        quickly(() => value(source.replace(' == [[[1]]]', ''), payload(many.slice(0, 10)))).message,
      ).toContain('too many steps')
      return
    }
    expect(quickly(() => when(source, payload(many))).message).toContain('too many steps')
  })

  it('is linear for map and filter', () => {
    const start = performance.now()
    expect(
      when(
        'payload.arguments.map(x, x + 1).filter(x, x > 10).size() == 19990',
        payload(many.slice(0, 20_000)),
      ),
    ).toBe(true)
    expect(performance.now() - start).toBeLessThan(5000)
  })

  it('is linear for matches and contains, whatever text and needle are', () => {
    const start = performance.now()
    const text = 'a'.repeat(500_000)
    const part = `${'a'.repeat(100_000)}b${'a'.repeat(100_000)}`
    expect(when('payload.arguments.text.matches("(a*)*b")', payload({ text }))).toBe(false)
    expect(
      when('payload.arguments.text.contains(payload.arguments.part)', payload({ text, part })),
    ).toBe(false)
    expect(
      when(
        'payload.arguments.text.contains(payload.arguments.part)',
        payload({ text: text + part, part }),
      ),
    ).toBe(true)
    expect(performance.now() - start).toBeLessThan(5000)
  })

  it('counts every evaluation anew', () => {
    const program = expression.cel('payload.arguments.all(x, x >= 0)')
    for (let turn = 0; turn < 5; turn++) expect(program.evaluateBoolean(payload(many))).toBe(true)
  })

  it('cannot be hidden behind an || that decides otherwise', () => {
    const source = 'payload.arguments.all(x, payload.arguments.all(y, x != y || true)) || true'
    expect(failure(() => when(source, payload(many))).message).toContain('too many steps')
  })
})

describe('whatever is written and whatever is sent', () => {
  const words = fc.constantFrom(
    'payload', '.arguments', '.a', '["a"]', '[0]', '.size()', ' == ', ' in ', ' && ', ' || ', '!', '(', ')', '1', '"x"', 'null', '[', ']', ',',
    '.exists(x, x == 1)', '.map(x, x)', '.filter(x, x)', ' + ', ' > ', 'has(', '? ', ': ', '{', '}', 'matches("(")', '.matches("a")', 'double(', 'principal.roles', '-',
  ) // biome-ignore format: a list
  const known = ['CONFIG_INVALID', 'PLUGIN_CONDITION_FAILED', 'NUMBER_UNSAFE']

  it('an expression either loads or is refused with a place, and evaluates to JSON or an error of the table', () => {
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), fc.jsonValue(), (parts, json) => {
        try {
          const result = expression.cel(parts.join('')).evaluate(payload(json))
          expect(JSON.stringify(result)).toBeTypeOf('string')
        } catch (error) {
          expect(error).toBeInstanceOf(AppError)
          expect(known).toContain((error as AppError).code)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('a payload comes back as it went in', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        // CEL has one zero
        const given = JSON.parse(JSON.stringify(json))
        expect(value('payload.arguments', payload(given))).toEqual(given)
        expect(when('payload.arguments == payload.arguments', payload(given))).toBe(true)
      }),
    )
  })
})

it('is what the engine compiles conditions with', () => {
  const compiler: ExpressionCompiler = expression
  expect(compiler.cel('dryRun').evaluateBoolean({ dryRun: true })).toBe(true)
})
