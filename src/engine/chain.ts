// The serial chain: one flat loop over compiled steps, synchronous until the first promise, then resumed after each.
import type { Step } from './compile.ts'
import { aborted, type Dispatch, interrupted, isThenable, leftOut, tooLate } from './dispatch.ts'
import { failStep } from './fault.ts'
import { Flight } from './flight.ts'
import type { Outcome } from './outcome.ts'
import { poisoned, settle } from './settle.ts'
import { StepContext } from './step-context.ts'
import { View } from './view.ts'

/** A step that answered with a promise. */
export interface Pending {
  readonly context: StepContext
  readonly result: PromiseLike<unknown>
}

/** Runs steps until one has to be waited for, which comes back, or the chain has ended. */
export function walk(d: Dispatch): Pending | null {
  while (d.end === null && d.reached < d.plan.chain.length) {
    const step = d.plan.chain[d.reached++] as Step
    const pending = call(d, step)
    if (pending !== null) return pending
  }
  return null
}

function call(d: Dispatch, step: Step): Pending | null {
  d.step = step
  if (d.recorder !== null) d.stepAt = d.plan.parts.clock.now()
  try {
    if ((step.gated || (step.breaker !== null && step.breaker.openUntil !== 0)) && leftOut(d, step))
      return null
    const context = new StepContext(d, step)
    // not called as a method: a handler has no business with the step it is compiled into
    const { handler } = step
    const result = handler(View.of(d.view), context)
    if (result !== undefined && isThenable(result)) return { context, result }
    StepContext.done(context)
    d.end = settle(d, step, result)
  } catch (error) {
    d.end = d.view.poison !== null ? poisoned(d, step) : failStep(d, step, error)
  }
  return null
}

/** The rest of a chain in which something has to be waited for: listed, bounded, and ended at once when the caller goes. */
export class ChainWait extends Flight {
  readonly #d: Dispatch
  readonly #resume: (d: Dispatch) => Outcome<object> | Promise<Outcome<object>>
  #resolve: (outcome: Outcome<object> | Promise<Outcome<object>>) => void = () => {}
  #context: StepContext
  /** Which waiting is the present one; an answer to an earlier one is dropped. */
  #turn = 0

  private constructor(
    d: Dispatch,
    first: Pending,
    resume: (d: Dispatch) => Outcome<object> | Promise<Outcome<object>>,
  ) {
    super()
    this.#d = d
    this.#resume = resume
    this.#context = first.context
    this.point = d.plan.point
    this.budgetEnd = d.deadlineAt
  }

  /** Resolves with what `resume` makes of the dispatch when its chain has ended. */
  static start(
    d: Dispatch,
    first: Pending,
    resume: (d: Dispatch) => Outcome<object> | Promise<Outcome<object>>,
  ): Promise<Outcome<object>> {
    const wait = new ChainWait(d, first, resume)
    return new Promise((resolve) => {
      wait.#resolve = resolve
      d.request.enter(wait)
      if (d.request.aborted) wait.interrupt()
      else void wait.#follow(first)
    })
  }

  async #follow(first: Pending): Promise<void> {
    const d = this.#d
    const turn = this.#turn
    let pending: Pending | null = first
    while (pending !== null) {
      const step = d.step as Step
      this.step = step
      this.#context = pending.context
      d.plan.parts.flights.add(this)
      try {
        const result = await pending.result
        if (turn !== this.#turn) return
        StepContext.done(pending.context)
        d.end = settle(d, step, result)
      } catch (error) {
        if (turn !== this.#turn) return
        StepContext.done(pending.context)
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
    StepContext.cutOff(this.#context)
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
    StepContext.cutOff(this.#context)
    aborted(d, step, 'request aborted')
    d.end = interrupted(d)
    this.#finish()
  }
}
