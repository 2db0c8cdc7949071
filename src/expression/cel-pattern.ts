// The expressions that `matches` is called with: those written in a rule are compiled once, those from a payload each time.
import { AppError } from '../base/errors.ts'
import type { Budget } from './cel-budget.ts'
import { compileRegex, type Regex } from './regex.ts'

// more than any configuration has; beyond it the oldest is compiled again when it is asked for
const MAX_KEPT = 1024
const MAX_LENGTH = 1024
// compiling takes about 70 us, a step about 1 us
const COMPILE_STEPS = 100

export class Patterns {
  readonly #kept = new Map<string, Regex>()

  /** At load. Throws CONFIG_INVALID. */
  add(source: string): void {
    if (this.#kept.has(source)) return
    const regex = compileRegex(source, '', MAX_LENGTH)
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value ?? '')
    this.#kept.set(source, regex)
  }

  matches(text: string, source: string, budget: Budget): boolean {
    budget.spendOnText(text.length)
    const regex = this.#kept.get(source)
    if (regex) return regex.test(text)
    budget.spend(COMPILE_STEPS)
    return compileUnseen(source).test(text)
  }
}

// a pattern that is not the rule's own may be the payload's: its text stays out of the message and of the cause
function compileUnseen(source: string): Regex {
  try {
    return compileRegex(source, '', MAX_LENGTH)
  } catch {
    throw new AppError('PLUGIN_CONDITION_FAILED', 'the text given to matches is no RE2 expression')
  }
}
