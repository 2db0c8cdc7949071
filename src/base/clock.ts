// Time as a parameter: what everything that waits or stamps is given, so that tests own it.

export interface Clock {
  /** Milliseconds on a monotonic scale, with fractions. */
  now(): number
  /** Milliseconds since the Unix epoch. */
  wall(): number
  /** Calls `run` after `ms`; the timer does not keep the process alive. Returns a cancel function. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
