// The breaker behind `on_error: disable`: after so many faults in a row the entry is skipped for a while, then tried once.

/** Plain fields, so that the loop pays for one comparison while all is well. */
export class Breaker {
  /** Faults in a row. */
  faults = 0
  /** Monotonic milliseconds; zero while closed. */
  openUntil = 0
  #trying = false
  readonly #now: () => number
  readonly #limit: number
  readonly #open: number

  constructor(now: () => number, settings: { readonly faults: number; readonly open: number }) {
    this.#now = now
    this.#limit = settings.faults
    this.#open = settings.open
  }

  /** Whether the entry is to be skipped now; while half open one call is let through. */
  skips(): boolean {
    if (this.openUntil === 0) return false
    if (this.#trying || this.#now() < this.openUntil) return true
    this.#trying = true
    return false
  }

  succeeded(): void {
    this.faults = 0
    this.openUntil = 0
    this.#trying = false
  }

  /** Calls that began before it opened do not prolong it. */
  failed(): void {
    this.faults++
    const closed = this.openUntil === 0
    if ((closed || this.#trying) && this.faults >= this.#limit)
      this.openUntil = this.#now() + this.#open
    this.#trying = false
  }

  /** The trial came to nothing (aborted, out of budget): the next call is the trial. */
  released(): void {
    this.#trying = false
  }
}
