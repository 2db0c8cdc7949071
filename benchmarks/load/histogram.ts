// A histogram of durations in logarithmic steps: fixed memory, percentiles within 1.6 percent; it reads no clock.

/** Steps in which each doubling is divided. */
const STEPS = 64
const STEP_BITS = 6
/** Microseconds up to 2^36: 19 hours. */
const DOUBLINGS = 36

export class Histogram {
  readonly #counts = new Float64Array(STEPS * (DOUBLINGS - STEP_BITS + 1))
  #total = 0
  #sum = 0
  #max = 0

  /** Microseconds; what is below one counts as none. */
  record(micros: number): void {
    this.#counts[indexOf(micros)]!++
    this.#total++
    this.#sum += micros
    if (micros > this.#max) this.#max = micros
  }

  get count(): number {
    return this.#total
  }

  get mean(): number {
    return this.#sum / this.#total
  }

  get max(): number {
    return this.#max
  }

  /** The duration that this share of all does not exceed, as the upper end of its step; NaN when there are none. */
  percentile(share: number): number {
    if (this.#total === 0) return Number.NaN
    const wanted = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index] as number
      if (seen >= wanted) return Math.min(upperEnd(index), this.#max)
    }
    return this.#max
  }
}

// below 64 one step per microsecond; above, 64 steps for each doubling
function indexOf(micros: number): number {
  const whole = Math.max(0, Math.floor(micros))
  if (whole < STEPS) return whole
  const doubling = Math.floor(Math.log2(whole))
  const shift = doubling - STEP_BITS
  const index = (shift + 1) * STEPS + Math.floor(whole / 2 ** shift) - STEPS
  return Math.min(index, STEPS * (DOUBLINGS - STEP_BITS + 1) - 1)
}

function upperEnd(index: number): number {
  if (index < STEPS) return index + 1
  const shift = Math.floor(index / STEPS) - 1
  return (STEPS + (index % STEPS) + 1) * 2 ** shift
}
