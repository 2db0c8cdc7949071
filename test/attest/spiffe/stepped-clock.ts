// A clock that goes only when a test lets it, and lets everything that follows happen.
import type { Clock } from '../../../src/base/clock.ts'

export interface SteppedClock extends Clock {
  /** Milliseconds; what comes due in them runs at its time. */
  pass(ms: number): Promise<void>
}

export function steppedClock(start = Date.UTC(2026, 5, 1)): SteppedClock {
  let now = start
  const timers = new Set<{ readonly at: number; readonly run: () => void }>()
  const settled = () => new Promise<void>((done) => setImmediate(done))
  return {
    now: () => now,
    wall: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async pass(ms) {
      const until = now + ms
      await settled()
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
        if (!next) break
        timers.delete(next)
        now = Math.max(now, next.at)
        next.run()
        await settled()
      }
      now = until
      await settled()
    },
  }
}
