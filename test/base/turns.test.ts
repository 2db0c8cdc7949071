// Work in steps, at once and in turns of the event loop.
import { describe, expect, it } from 'vitest'
import { inOne, inTurns, type Steps } from '../../src/base/turns.ts'

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
