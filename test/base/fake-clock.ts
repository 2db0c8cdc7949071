// A clock that only a test moves: timers run in the order in which they are due, at the time they asked for.
import type { Clock } from '../../src/base/clock.ts'

export interface FakeClock extends Clock {
  /** Lets `ms` pass and runs every timer that becomes due, also those that timers start. */
  pass(ms: number): void
  /** How many timers are waiting. */
  readonly timers: number
}

export function createFakeClock(start = 1000): FakeClock {
  let now = start
  let timers: { at: number; run: () => void }[] = []
  return {
    now: () => now,
    wall: () => Date.UTC(2026, 0, 1) + now,
    after(ms, run) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    pass(ms) {
      const end = now + ms
      for (;;) {
        const due = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers = timers.filter((other) => other !== due)
        now = due.at
        due.run()
      }
      now = end
    },
    get timers() {
      return timers.length
    },
  }
}
