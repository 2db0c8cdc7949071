// The generic cell rate algorithm (ITU-T I.371, annex A): one number per key, no timers, no windows to straddle. Arithmetic only.

export interface Rate {
  /** Milliseconds between two calls at the steady rate. */
  readonly interval: number
  /** How much earlier than the steady rate a call may come. */
  readonly tolerance: number
}

export type Decision =
  | {
      readonly allowed: true /** Theoretical arrival time: what is kept for the key. */
      readonly next: number
    }
  | {
      readonly allowed: false /** Milliseconds until the same call would be allowed. */
      readonly wait: number
    }

export function createRate(limit: number, period: number, burst: number): Rate {
  const interval = period / limit
  return { interval, tolerance: interval * (burst - 1) }
}

/** `expected` is what the last allowed call left; undefined for a new key. */
export function decide(
  { interval, tolerance }: Rate,
  expected: number | undefined,
  now: number,
): Decision {
  const due = Math.max(expected ?? now, now)
  const wait = due - tolerance - now
  return wait > 0 ? { allowed: false, wait } : { allowed: true, next: due + interval }
}
