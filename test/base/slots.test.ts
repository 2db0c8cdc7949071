// What is in flight is found by its number, no number is used twice, and the room is bounded.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Slots } from '../../src/base/slots.ts'

it('finds what was added and not deleted, under numbers that never come again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(20)), { maxLength: 80 }), (steps) => {
      const slots = new Slots<{ number: number }>()
      const there = new Map<number, object>()
      const given: number[] = []
      for (const [add, at] of steps) {
        if (add) {
          const thing = slots.add((number) => ({ number }))
          expect(given).not.toContain(thing.number)
          given.push(thing.number)
          there.set(thing.number, thing)
        } else {
          const number = given[at] ?? at
          slots.delete(number)
          there.delete(number)
        }
        for (const number of [...given, 0, -1, 0.5, Number.NaN])
          expect(slots.get(number)).toBe(there.get(number))
        expect(new Set(slots.values())).toEqual(new Set(there.values()))
        expect(slots.size).toBe(there.size)
      }
    }),
  )
})

it('gives a place back when what should have taken it could not be made', () => {
  const slots = new Slots<number>()
  const fails = () => {
    throw new Error('no')
  }
  for (let i = 0; i < 10_000; i++) expect(() => slots.add(fails)).toThrow('no')
  expect(slots.size).toBe(0)
  const one = slots.add((number) => number)
  expect(slots.get(one)).toBe(one)
})

it('takes 4096 and not one more, until one is gone', () => {
  const slots = new Slots<number>()
  const numbers = Array.from({ length: 4096 }, () => slots.add((number) => number))
  expect(() => slots.add((number) => number)).toThrow(RangeError)
  slots.delete(numbers[7] as number)
  expect(slots.add((number) => number)).not.toBe(numbers[7])
})
