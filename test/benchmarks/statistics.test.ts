// The numbers behind a claim: medians, seeded intervals, verdicts by the bad end, claims paired within a round.
import { describe, expect, it } from 'vitest'
import type { Claim } from '../../benchmarks/case.ts'
import type { Cell } from '../../benchmarks/harness.ts'
import { claimOf, judge } from '../../benchmarks/report.ts'
import { bootstrap, median, summarise } from '../../benchmarks/statistics.ts'

const cell = (variant: string, round: number, cost: number, seen: Cell['seen'] = {}): Cell => ({
  variant,
  round,
  times: 1,
  cost,
  seen,
  others: 0,
  dirty: false,
})
const claim = (more: Partial<Claim>): Claim => ({
  id: 'P0',
  what: 'ours to theirs',
  variant: 'ours',
  reference: 'theirs',
  measure: 'ratio',
  unit: 'x',
  ...more,
})

describe('statistics', () => {
  it('takes the middle of an odd number of values and the mean of the two middle ones of an even number', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([])).toBeNaN()
  })

  it('says how far values are from their median', () => {
    expect(summarise([1, 2, 3, 4, 100])).toEqual({ median: 3, min: 1, mad: 1 })
  })

  it('gives the same interval for the same values, around their median', () => {
    const values = [1, 1.1, 0.9, 1.2, 0.8, 1, 1.05]
    const interval = bootstrap(values)
    expect(bootstrap(values)).toEqual(interval)
    expect(interval.median).toBe(1)
    expect(interval.low).toBeGreaterThanOrEqual(0.8)
    expect(interval.high).toBeLessThanOrEqual(1.2)
    expect(interval.low).toBeLessThan(interval.high)
  })
})

describe('a verdict', () => {
  const interval = { median: 1, low: 0.9, high: 1.1 }

  it('is made by the high end where less is better', () => {
    expect(judge({ must: 1.05 }, interval)).toBe('fail')
    expect(judge({ must: 1.1 }, interval)).toBe('pass')
    expect(judge({ must: 2, stretch: 1.1 }, interval)).toBe('stretch')
  })

  it('is made by the low end where more is better', () => {
    expect(judge({ must: 0.95, more: true }, interval)).toBe('fail')
    expect(judge({ must: 0.9, more: true }, interval)).toBe('pass')
    expect(judge({ must: 0.5, stretch: 0.9, more: true }, interval)).toBe('stretch')
  })

  it('is never a pass for what was not measured', () => {
    const none = bootstrap([])
    expect(judge({ must: 1 }, none)).toBe('not measured')
    expect(judge({}, none)).toBe('not measured')
  })

  it('is only reported without a limit', () => {
    expect(judge({}, interval)).toBe('reported')
    expect(judge({ stretch: 0.5 }, interval)).toBe('reported')
  })
})

describe('a claim', () => {
  it('pairs within the round, so that a slow round slows both', () => {
    const cells = [1, 10, 100].flatMap((slow, round) => [
      cell('ours', round, 2 * slow),
      cell('theirs', round, 4 * slow),
    ])
    expect(claimOf(claim({}), cells).interval).toEqual({ median: 0.5, low: 0.5, high: 0.5 })
  })

  it('can be about something seen in place of the cost', () => {
    const cells = [
      cell('ours', 0, 1, { throughput: 3000 }),
      cell('theirs', 0, 1, { throughput: 1000 }),
    ]
    const result = claimOf(claim({ of: 'throughput', more: true, must: 3 }), cells)
    expect(result.interval.median).toBe(3)
    expect(result.verdict).toBe('pass')
  })

  it('compares what is added where it has a base', () => {
    const cells = [cell('ours', 0, 5), cell('theirs', 0, 3), cell('direct', 0, 1)]
    expect(claimOf(claim({ base: 'direct' }), cells).interval.median).toBe(2)
  })

  it('takes differences, and divides them by how many there were', () => {
    const cells = [cell('ours', 0, 110), cell('theirs', 0, 10)]
    expect(claimOf(claim({ measure: 'difference', per: 50 }), cells).interval.median).toBe(2)
  })

  it('looks at the last rounds only where something may grow', () => {
    const cells = [1, 1, 1, 5, 6].map((cost, round) => cell('ours', round, cost))
    const { interval } = claimOf(claim({ measure: 'value', last: 1, must: 2 }), cells)
    expect(interval.median).toBe(6)
  })

  it('is not measured when its reference was not there', () => {
    const result = claimOf(claim({ must: 10 }), [cell('ours', 0, 1)])
    expect(result.verdict).toBe('not measured')
  })
})
