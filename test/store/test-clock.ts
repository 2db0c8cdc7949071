// A clock whose time of day is the test's; what waits in real time waits.
import type { Clock } from '../../src/base/clock.ts'

export interface TestClock extends Clock {
  time: number
}

export function testClock(): TestClock {
  const clock: TestClock = {
    time: 1_700_000_000_000,
    now: () => performance.now(),
    wall: () => clock.time,
    after(ms, run) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
  }
  return clock
}
