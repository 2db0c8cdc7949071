// Whatever is made of a sealed state that is not the state itself does not open; what it carries comes back as it was.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import { createInputStates } from '../../src/gateway/input/state.ts'

const states = createInputStates(new Uint8Array(32).fill(1), () => 0)
const of = { request: 'r', principal: 'p' }
const text = fc.string({ unit: 'binary', maxLength: 50 })
const state = fc.record(
  {
    request: fc.constant('r'),
    principal: fc.constant('p'),
    server: text,
    round: fc.nat(),
    asked: fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: true }),
    known: fc.dictionary(text, fc.dictionary(text, fc.jsonValue(), { noNullPrototype: true }), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    upstream: text,
  },
  { requiredKeys: ['request', 'principal', 'server', 'round', 'asked'] },
)

it('a state that was sealed comes back as JSON brings it back', () => {
  fc.assert(
    fc.property(state, (given) => {
      const { expires: _, ...opened } = states.open(
        states.seal(given as never, 1),
        of,
      ) as never as {
        expires: number
      }
      // digit by digit: a number that JavaScript cannot hold is written as it came
      expect(JSON.stringify(opened)).toBe(JSON.stringify(given))
    }),
  )
})

it('a text that differs from a sealed state anywhere is refused, and never throws anything else', () => {
  const sealed = states.seal({ ...of, server: 's', round: 0, asked: {} }, 1)
  const changed = fc
    .tuple(fc.nat(sealed.length - 1), fc.nat(2), fc.string({ minLength: 1, maxLength: 4 }))
    .map(([at, gone, put]) => sealed.slice(0, at) + put + sealed.slice(at + gone))
    .filter((made) => made !== sealed)
  fc.assert(
    fc.property(fc.oneof(changed, fc.string(), fc.jsonValue()), (given) => {
      try {
        states.open(given, of)
      } catch (error) {
        return isAppError(error, 'WIRE_BAD_STATE')
      }
      return false
    }),
  )
})
