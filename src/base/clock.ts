// Time as a parameter: what everything that waits or stamps is given, so that tests own it.
// imported, because the global of the same name is a getter: 9 of the 54 ns of a reading
import { performance } from 'node:perf_hooks'

export interface Clock {
  /** Milliseconds on a monotonic scale, with fractions. */
  now(): number
  /** Milliseconds since the Unix epoch. */
  wall(): number
  /** Calls `run` after `ms`, however long; the timer does not keep the process alive. Returns a cancel function. */
  after(ms: number, run: () => void): () => void
}

// setTimeout takes 32 bits; anything longer, from 24.9 days on, would fire at once
const LONGEST_TIMER = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    let timer: NodeJS.Timeout
    const wait = (left: number): void => {
      const step = Math.min(left, LONGEST_TIMER)
      timer = setTimeout(() => (left > step ? wait(left - step) : run()), step)
      timer.unref()
    }
    wait(ms)
    return () => clearTimeout(timer)
  },
}
