// The serial chain: one flat loop over compiled steps, synchronous until the first promise, then resumed after each.
import type { Step } from '../compile.ts'
import type { Outcome } from '../outcome.ts'
import { aborted, type Dispatch, interrupted, isThenable, leftOut, tooLate } from './dispatch.ts'
import { failStep } from './fault.ts'
import { Flight } from './flight.ts'
import { pass, poisoned, settle } from './settle.ts'
import { StepContext } from './step-context.ts'

/** Runs steps until one has to be waited for, whose promise comes back, or the chain has ended. */
export function walk(d: Dispatch): PromiseLike<unknown> | null {
  if (d.end !== null) return null
  const { recorder } = d
  // a rename changes the plan, and nothing else does
  let { chain } = d.plan
  while (d.reached < chain.length) {
    const step = chain[d.reached++] as Step
    if (recorder !== null) d.stepAt = d.plan.parts.clock.now()
    try {
      const opened = step.breaker !== null && step.breaker.openUntil !== 0
      if ((step.gated || opened) && leftOut(d, step)) continue
      const context = new StepContext(d, step)
      // not called as a method: a handler has no business with the step it is compiled into
      const { handler } = step
      const result = handler(d.view.root as never, context)
      if (result !== undefined && isThenable(result)) {
        d.step = step
        d.context = context
        return result
      }
      StepContext.done(context)
      if (result === undefined && d.view.poison === null) {
        pass(d, step)
        continue
      }
      d.end = settle(d, step, result)
    } catch (error) {
      d.end = d.view.poison !== null ? poisoned(d, step) : failStep(d, step, error)
    }
    if (d.end !== null) return null
    chain = d.plan.chain
  }
  return null
}

/** The rest of a chain in which something has to be waited for: listed, bounded, and ended at once when the caller goes. */
export class ChainWait extends Flight {
  readonly #d: Dispatch
  readonly #resume: (d: Dispatch) => Outcome<object> | Promise<Outcome<object>>
  #resolve: (outcome: Outcome<object> | Promise<Outcome<object>>) => void = () => {}
  /** Which waiting is the present one; an answer to an earlier one is dropped. */
  #turn = 0

  private constructor(
    d: Dispatch,
    resume: (d: Dispatch) => Outcome<object> | Promise<Outcome<object>>,
  ) {
    super()
    this.#d = d
    this.#resume = resume
    this.point = d.plan.point
    this.budgetEnd = d.deadlineAt
  }

  /** Resolves with what `resume` makes of the dispatch when its chain has ended. */
  static start(
    d: Dispatch,
    first: PromiseLike<unknown>,
    resume: (d: Dispatch) => Outcome<object> | Promise<Outcome<object>>,
  ): Promise<Outcome<object>> {
    const wait = new ChainWait(d, resume)
    return new Promise((resolve) => {
      wait.#resolve = resolve
      d.request.enter(wait)
      void wait.#follow(first)
      if (d.request.aborted) wait.interrupt()
    })
  }

  async #follow(first: PromiseLike<unknown>): Promise<void> {
    const d = this.#d
    const turn = this.#turn
    let pending: PromiseLike<unknown> | null = first
    while (pending !== null) {
      const step = d.step as Step
      const context = d.context as StepContext
      this.step = step
      d.plan.parts.flights.add(this)
      try {
        const result = await pending
        if (turn !== this.#turn) return
        StepContext.done(context)
        d.end = settle(d, step, result)
      } catch (error) {
        if (turn !== this.#turn) return
        StepContext.done(context)
        d.end = d.view.poison !== null ? poisoned(d, step) : failStep(d, step, error)
      }
      pending = walk(d)
    }
    if (turn === this.#turn) this.#finish()
  }

  #finish(): void {
    const d = this.#d
    this.#turn++
    d.plan.parts.flights.remove(this)
    d.request.leave(this)
    this.#resolve(this.#resume(d))
  }

  expired(own: boolean): void {
    const d = this.#d
    const step = d.step as Step
    this.#turn++
    StepContext.cutOff(d.context as StepContext)
    d.renewView()
    d.end = failStep(d, step, tooLate(d, step, own))
    const pending = walk(d)
    if (pending === null) this.#finish()
    else void this.#follow(pending)
  }

  interrupt(): void {
    const d = this.#d
    const step = d.step as Step
    this.#turn++
    StepContext.cutOff(d.context as StepContext)
    aborted(d, step, 'request aborted')
    d.end = interrupted(d)
    this.#finish()
  }
}
