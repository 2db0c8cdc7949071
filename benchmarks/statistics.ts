// The numbers behind a claim: medians, deviations, ratios paired within a round and their confidence; pure.

export interface Summary {
  readonly median: number
  readonly min: number
  /** Median absolute deviation. */
  readonly mad: number
}

export interface Interval {
  readonly median: number
  readonly low: number
  readonly high: number
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

export function summarise(values: readonly number[]): Summary {
  const middle = median(values)
  return {
    median: middle,
    min: Math.min(...values),
    mad: median(values.map((value) => Math.abs(value - middle))),
  }
}

/** The median of values and the 95 % bootstrap interval of that median. Seeded, so that a report can be made again. */
export function bootstrap(values: readonly number[], resamples = 2000): Interval {
  const next = generator(0x9e3779b9)
  const medians: number[] = []
  for (let i = 0; i < resamples; i++) {
    const sample: number[] = []
    for (let j = 0; j < values.length; j++)
      sample.push(values[Math.floor(next() * values.length)] ?? Number.NaN)
    medians.push(median(sample))
  }
  medians.sort((a, b) => a - b)
  const at = (share: number) => medians[Math.floor(share * (resamples - 1))] ?? Number.NaN
  return { median: median(values), low: at(0.025), high: at(0.975) }
}

// mulberry32: small, and good enough to draw with
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
