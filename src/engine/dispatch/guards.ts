// Guards: all at once on the final payload; the first denial aborts the siblings, and a denial beats a sibling's fault.
import { AppError } from '../../base/errors.ts'
import type { Step } from '../compile.ts'
import type { Outcome } from '../outcome.ts'
import { View } from '../payload/view.ts'
import type { Violation } from '../verdict.ts'
import {
  aborted,
  type Dispatch,
  denied,
  elapsed,
  interrupted,
  isThenable,
  leftOut,
  markNotPassed,
  tooLate,
  trace,
} from './dispatch.ts'
import { failStep } from './fault.ts'
import { Flight } from './flight.ts'
import { note, verdictOf } from './settle.ts'
import { StepContext } from './step-context.ts'

type End = Outcome<object> | null

interface Found {
  readonly rank: number
  readonly end: Outcome<object>
}

/** Null when every guard passed. */
export function runGuards(d: Dispatch): End | Promise<End> {
  const phase = new GuardPhase(d)
  const { guards } = d.plan
  for (let i = 0; i < guards.length; i++) {
    phase.start(guards[i] as Step)
    if (phase.denial === null) continue
    phase.abortOpen('sibling denied')
    for (const unstarted of guards.slice(i + 1)) aborted(d, unstarted, 'sibling denied')
    return phase.denial.end
  }
  return phase.open.size === 0 ? phase.end : phase.settled()
}

/** The guards of one dispatch; the best end so far is a denial before a fault, then the lowest rank. */
class GuardPhase {
  readonly d: Dispatch
  readonly open = new Set<GuardWait>()
  denial: Found | null = null
  fault: Found | null = null
  #over = false
  #resolve: (end: End) => void = () => {}

  constructor(d: Dispatch) {
    this.d = d
  }

  get end(): End {
    return this.denial?.end ?? this.fault?.end ?? null
  }

  start(step: Step): void {
    const { d } = this
    const at = d.recorder === null ? 0 : d.plan.parts.clock.now()
    // a view of its own: guards run at the same time, and what one of them read must not be laid to another
    const view = new View(d.payload, d.plan.parts.writes)
    try {
      if (leftOut(d, step)) return
      const context = new StepContext(d, step)
      const { handler } = step
      const result = handler(view.root as never, context)
      if (result !== undefined && isThenable(result)) {
        const wait = new GuardWait(this, step, context, view, at)
        this.open.add(wait)
        void wait.follow(result)
      } else {
        StepContext.done(context)
        this.judge(step, view, result, at)
      }
    } catch (error) {
      this.fail(step, view.poison ?? error)
    }
  }

  /** Resolves when a guard denied or all have settled; each is bounded by its deadline. */
  settled(): Promise<End> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.d.request.enter(this)
      if (this.d.request.aborted) this.interrupt()
    })
  }

  judge(step: Step, view: View, result: unknown, at: number): void {
    const { d } = this
    try {
      if (view.poison !== null) throw view.poison
      if (result === undefined) {
        step.stats.pass++
        if (d.recorder !== null) trace(d, step, { verdict: 'pass', ms: elapsed(d, at) })
      } else {
        const verdict = verdictOf(d, result)
        if (d.plan.rules.observe) note(d, step, verdict, false)
        else if (verdict.kind === 'deny') this.#deny(step, verdict, at)
        else
          throw new AppError(
            'PLUGIN_VERDICT_NOT_ALLOWED',
            `a guard may deny or pass, it answered ${verdict.kind}`,
          )
      }
      step.breaker?.succeeded()
    } catch (error) {
      this.fail(step, error)
    }
  }

  #deny(step: Step, verdict: Parameters<typeof note>[2], at: number): void {
    const { d } = this
    markNotPassed(d, step)
    if (step.redacts) d.leaky = true
    note(d, step, verdict, true, undefined, undefined, d.recorder === null ? 0 : elapsed(d, at))
    if (this.denial === null || step.rank < this.denial.rank)
      this.denial = { rank: step.rank, end: denied(d, step, verdict.value as Violation) }
  }

  fail(step: Step, error: unknown): void {
    const end = failStep(this.d, step, error)
    if (end && (this.fault === null || step.rank < this.fault.rank))
      this.fault = { rank: step.rank, end }
  }

  /** One of those waited for has settled, in whatever way. */
  closed(wait: GuardWait): void {
    this.open.delete(wait)
    // those that settle in the same turn still count: the lowest priority number among them is reported
    if (this.denial !== null) queueMicrotask(() => this.#conclude('sibling denied'))
    else if (this.open.size === 0) this.#conclude('')
  }

  interrupt(): void {
    this.#finish(interrupted(this.d), 'request aborted')
  }

  #conclude(why: string): void {
    if (!this.#over) this.#finish(this.end, why)
  }

  #finish(end: End, why: string): void {
    this.#over = true
    this.abortOpen(why)
    this.d.request.leave(this)
    this.#resolve(end)
  }

  abortOpen(why: string): void {
    for (const wait of this.open) wait.abort(why)
    this.open.clear()
  }
}

/** One guard that is waited for. */
class GuardWait extends Flight {
  readonly #phase: GuardPhase
  readonly #step: Step
  readonly #context: StepContext
  readonly #view: View
  readonly #at: number
  #over = false

  constructor(phase: GuardPhase, step: Step, context: StepContext, view: View, at: number) {
    super()
    this.#phase = phase
    this.#step = step
    this.#context = context
    this.#view = view
    this.#at = at
    this.step = step
    this.point = phase.d.plan.point
    this.budgetEnd = phase.d.deadlineAt
  }

  async follow(pending: PromiseLike<unknown>): Promise<void> {
    this.#phase.d.plan.parts.flights.add(this)
    let result: unknown
    let error: unknown
    let failed = false
    try {
      result = await pending
    } catch (thrown) {
      failed = true
      error = thrown
    }
    if (this.#over) return
    this.#over = true
    this.#phase.d.plan.parts.flights.remove(this)
    StepContext.done(this.#context)
    if (failed) this.#phase.fail(this.#step, this.#view.poison ?? error)
    else this.#phase.judge(this.#step, this.#view, result, this.#at)
    this.#phase.closed(this)
  }

  expired(own: boolean): void {
    this.#over = true
    StepContext.cutOff(this.#context)
    this.#phase.fail(this.#step, tooLate(this.#phase.d, this.#step, own))
    this.#phase.closed(this)
  }

  abort(why: string): void {
    this.#over = true
    this.#phase.d.plan.parts.flights.remove(this)
    StepContext.cutOff(this.#context)
    aborted(this.#phase.d, this.#step, why)
  }
}
