// Sets and maps of few things behave like Set and Map, whatever is done to them in whatever order.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FewMap, FewSet } from '../../src/base/few.ts'

const key = fc.oneof(fc.nat(5), fc.constantFrom('0', '1', 'a'))
const steps = fc.array(fc.tuple(fc.constantFrom('put', 'take'), key, fc.nat()), { maxLength: 40 })

it('a few set is a set', () => {
  fc.assert(
    fc.property(steps, (done) => {
      const few = new FewSet<number | string>()
      const set = new Set<number | string>()
      for (const [step, item] of done) {
        if (step === 'put') {
          few.add(item)
          set.add(item)
        } else {
          few.delete(item)
          set.delete(item)
        }
        expect([few.values(), few.size, few.has(item)]).toEqual([[...set], set.size, set.has(item)])
      }
    }),
  )
})

it('a few map is a map', () => {
  fc.assert(
    fc.property(steps, (done) => {
      const few = new FewMap<number | string, number>()
      const map = new Map<number | string, number>()
      for (const [step, item, value] of done) {
        if (step === 'put') {
          few.set(item, value)
          map.set(item, value)
        } else {
          few.delete(item)
          map.delete(item)
        }
        expect([few.values(), few.size, few.has(item), few.get(item)]).toEqual([
          [...map.values()],
          map.size,
          map.has(item),
          map.get(item),
        ])
      }
    }),
  )
})

it('what is listed does not change while it is changed', () => {
  const set = new FewSet<number>()
  for (const item of [1, 2, 3]) set.add(item)
  const seen: number[] = []
  for (const item of set.values()) {
    seen.push(item)
    set.delete(item)
  }
  expect([seen, set.size]).toEqual([[1, 2, 3], 0])
})
