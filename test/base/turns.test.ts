// Work in steps, at once and in turns of the event loop.
import { describe, expect, it } from 'vitest'
import { inLanes, inOne, inTurns, type Steps } from '../../src/base/turns.ts'

function* sum(numbers: readonly number[], each: () => void = () => {}): Steps<number> {
  let total = 0
  for (const number of numbers) {
    each()
    total += number
    yield
  }
  return total
}

const busy = (ms: number) => {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('work in steps', () => {
  it('gives the same at once and in turns', async () => {
    expect(inOne(sum([1, 2, 3]))).toBe(6)
    expect(await inTurns(sum([1, 2, 3]))).toBe(6)
  })

  it('throws what the work throws', async () => {
    const fail = () => {
      throw new Error('broken')
    }
    expect(() => inOne(sum([1], fail))).toThrow('broken')
    await expect(inTurns(sum([1], fail))).rejects.toThrow('broken')
  })

  it('lets others have their turn between steps that take long', async () => {
    let turns = 0
    let immediate = setImmediate(function turn() {
      turns++
      immediate = setImmediate(turn)
    })
    await inTurns(sum(Array(10).fill(1), () => busy(3)))
    clearImmediate(immediate)
    expect(turns).toBeGreaterThanOrEqual(9)
  })
})

describe('work in lanes', () => {
  it('begins in order, and no more at a time than there are lanes', async () => {
    const begun: number[] = []
    const ends: (() => void)[] = []
    const all = inLanes([1, 2, 3, 4, 5], 2, (item) => {
      begun.push(item)
      return new Promise<void>((resolve) => ends.push(resolve))
    })
    expect(begun).toEqual([1, 2])
    ends[1]?.()
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(begun).toEqual([1, 2, 3])
    for (let at = 0; at < 5; at++) {
      ends[at]?.()
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await all
    expect(begun).toEqual([1, 2, 3, 4, 5])
  })

  it('lets others have their turn, also when nothing in it waits', async () => {
    let turns = 0
    let immediate = setImmediate(function turn() {
      turns++
      immediate = setImmediate(turn)
    })
    await inLanes(Array(10).fill(1), 4, () => busy(3))
    clearImmediate(immediate)
    expect(turns).toBeGreaterThan(1)
  })

  it('rejects with what the work throws', async () => {
    const fails = inLanes([1], 2, () => {
      throw new Error('broken')
    })
    await expect(fails).rejects.toThrow('broken')
  })
})
