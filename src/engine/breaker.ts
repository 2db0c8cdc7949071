// The breaker behind `on_error: disable`: after so many faults in a row the entry is skipped for a while, then tried once.

export interface Breaker {
  /** Whether the entry is to be skipped now; while half open one call is let through. */
  skips(): boolean
  succeeded(): void
  failed(): void
}

export function createBreaker(
  now: () => number,
  settings: { readonly faults: number; readonly open: number },
): Breaker {
  let faults = 0
  let openUntil = 0
  let trying = false
  return {
    skips() {
      if (openUntil === 0) return false
      if (trying || now() < openUntil) return true
      trying = true
      return false
    },
    succeeded() {
      if (faults === 0) return
      faults = 0
      openUntil = 0
      trying = false
    },
    failed() {
      faults++
      trying = false
      if (faults >= settings.faults) openUntil = now() + settings.open
    },
  }
}
