// Observers: audit and background entries, run after the outcome is known, off the caller's path, on what they may see.
import type { Step } from './compile.ts'
import { StepContext } from './context.ts'
import { type Dispatch, faultOf, isThenable, trace, within } from './dispatch.ts'
import type { Outcome } from './outcome.ts'
import { noteVerdict, verdictOf } from './settle.ts'
import { viewOf } from './view.ts'

export const WITHHELD = '[withheld]'

/** A bounded queue of finished dispatches that observers have yet to see. */
export interface ObserverQueue {
  push(job: () => Promise<void>, point: string): Promise<void>
  readonly depth: number
  /** Resolves when all that was queued has been seen. */
  idle(): Promise<void>
}

export function createObserverQueue(
  defer: (run: () => void) => void,
  bound: number,
  dropped: (point: string) => void,
): ObserverQueue {
  let depth = 0
  const waiters: (() => void)[] = []
  const done = () => {
    depth--
    if (depth === 0) for (const wake of waiters.splice(0)) wake()
  }
  return {
    push(job, point) {
      if (depth >= bound) {
        dropped(point)
        return Promise.resolve()
      }
      depth++
      return new Promise((resolve) => {
        defer(() => {
          job().finally(() => {
            done()
            resolve()
          })
        })
      })
    },
    get depth() {
      return depth
    },
    idle: () => (depth === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
  }
}

/** Hands the finished dispatch to its observers. */
export function observe(d: Dispatch, outcome: Outcome<object>): Promise<void> {
  const { plan, parts } = d
  const payload = withheld(d) ? withhold(outcome.payload, plan.rules.content) : outcome.payload
  const summary = summarise(outcome)
  return parts.observers.push(async () => {
    await Promise.all(
      plan.observers.map((step) => watch(d, step, outcome.payload, payload, summary)),
    )
  }, plan.point)
}

// a redactor later in the chain, or one that failed, has not redacted what the observers would read
function withheld(d: Dispatch): boolean {
  if (d.plan.redactors === 0 && !d.leaky) return false
  return d.leaky || d.plan.chain.some((step) => step.redacts && step.rank > d.settledRank)
}

function withhold(payload: object, content: readonly string[]): object {
  const copy: Record<string, unknown> = { ...payload }
  for (const field of content) if (Object.hasOwn(copy, field)) copy[field] = WITHHELD
  return copy
}

/** What an observer is told of how the dispatch ended. */
export interface OutcomeSummary {
  readonly kind: Outcome<object>['kind']
  readonly code?: string
  readonly reason?: string
}

function summarise(outcome: Outcome<object>): OutcomeSummary {
  if (outcome.kind === 'deny')
    return { kind: 'deny', code: outcome.violation.code, reason: outcome.violation.reason }
  if (outcome.kind === 'fault') return { kind: 'fault', code: outcome.fault.code }
  return { kind: outcome.kind }
}

async function watch(
  d: Dispatch,
  step: Step,
  raw: object,
  shown: object,
  outcome: OutcomeSummary,
): Promise<void> {
  const guard = { poison: null }
  try {
    if (step.predicate !== null && !step.predicate(raw, d.request)) {
      step.stats.unmatched++
      if (d.recorder) trace(d, step, { matched: false, verdict: 'skipped', skipped: 'condition' })
      return
    }
    if (step.external && d.request.identity.dryRun) {
      if (d.recorder) trace(d, step, { verdict: 'skipped', skipped: 'dry run' })
      return
    }
    const context = new StepContext(d.request, step, step.timeout, true, outcome)
    let result = step.handler(viewOf(shown, guard, d.parts.writes) as never, context)
    // the dispatch is over, so an observer has its own timeout and not what was left of the budget
    if (isThenable(result))
      result = await within(d, step, context, result, Number.POSITIVE_INFINITY)
    StepContext.end(context, false)
    if (guard.poison !== null) throw guard.poison
    report(d, step, result)
  } catch (error) {
    step.stats.fault++
    const fault = faultOf(d, step, error)
    if (d.recorder) trace(d, step, { verdict: 'fault', code: fault.code, reason: fault.message })
    d.parts.sink.fault({ point: d.plan.point, step, request: d.request, fault, failedOpen: false })
  }
}

function report(d: Dispatch, step: Step, result: unknown): void {
  if (result === undefined || step.mode.deny === 'ignore') {
    step.stats.pass++
    if (d.recorder) trace(d, step, { verdict: 'pass' })
    return
  }
  noteVerdict(d, step, verdictOf(d, result), false)
}
