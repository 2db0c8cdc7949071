// What one evaluation may spend, so that a payload cannot make an expression slow; it counts steps and reads no clock.
import { AppError } from '../base/errors.ts'

/** One unit is a loop turn, a compared value, or 256 characters looked at. */
export class Budget {
  #left = 0
  #spent = false

  begin(units: number): void {
    this.#left = units
    this.#spent = false
  }

  spend(units: number): void {
    this.#left -= units
    if (this.#left >= 0) return
    this.#spent = true
    throw new AppError('PLUGIN_CONDITION_FAILED', 'the expression takes too many steps')
  }

  spendOnText(length: number): void {
    if (length > 255) this.spend(length >>> 8)
  }

  /** `a || b` may have swallowed the error above; the one who began asks here. */
  get exceeded(): boolean {
    return this.#spent
  }
}
