// Guards: all at once on the final payload; the first denial aborts the siblings, and a denial beats a sibling's fault.
import { AppError } from '../base/errors.ts'
import type { Step } from './compile.ts'
import { StepContext } from './context.ts'
import {
  type Dispatch,
  denied,
  failStep,
  isThenable,
  leftOut,
  markNotPassed,
  trace,
  within,
} from './dispatch.ts'
import type { Outcome } from './outcome.ts'
import { noteVerdict, verdictOf } from './settle.ts'
import type { Violation } from './verdict.ts'

type End = Outcome<object> | null

interface Waiting {
  readonly step: Step
  readonly context: StepContext
  readonly result: PromiseLike<unknown>
}

/** The best end so far: denials before faults, then the lowest rank. */
interface Verdicts {
  denial: { readonly rank: number; readonly end: Outcome<object> } | null
  fault: { readonly rank: number; readonly end: Outcome<object> } | null
}

/** Null when every guard passed. */
export function runGuards(d: Dispatch): End | Promise<End> {
  const found: Verdicts = { denial: null, fault: null }
  const waiting: Waiting[] = []
  const { guards } = d.plan
  for (let i = 0; i < guards.length; i++) {
    const step = guards[i] as Step
    start(d, step, found, waiting)
    if (found.denial) {
      for (const late of waiting) abort(d, late.step, late.context)
      for (const unstarted of guards.slice(i + 1)) abort(d, unstarted, null)
      return found.denial.end
    }
  }
  return waiting.length === 0 ? (found.fault?.end ?? null) : settleAll(d, waiting, found)
}

function start(d: Dispatch, step: Step, found: Verdicts, waiting: Waiting[]): void {
  try {
    if (leftOut(d, step)) return
    const context = new StepContext(d.request, step, step.timeout, true)
    const result = step.handler(d.view, context)
    if (result !== undefined && isThenable(result)) waiting.push({ step, context, result })
    else judge(d, step, result, found)
  } catch (error) {
    fail(d, step, error, found)
  }
}

/** Resolves when a guard denied or all have settled; each is bounded by its deadline. */
function settleAll(d: Dispatch, waiting: readonly Waiting[], found: Verdicts): Promise<End> {
  return new Promise((resolve) => {
    const open = new Set(waiting)
    let over = false
    const conclude = () => {
      if (over) return
      over = true
      for (const { step, context } of open) abort(d, step, context)
      resolve(found.denial?.end ?? found.fault?.end ?? null)
    }
    const settled = (one: Waiting, run: () => void) => {
      if (over) return
      open.delete(one)
      run()
      // those that settle in the same turn still count: the lowest priority number among them is reported
      if (found.denial) queueMicrotask(conclude)
      else if (open.size === 0) conclude()
    }
    for (const one of waiting) {
      within(d, one.step, one.context, one.result).then(
        (result) => settled(one, () => judge(d, one.step, result, found)),
        (error) => settled(one, () => fail(d, one.step, error, found)),
      )
    }
  })
}

function judge(d: Dispatch, step: Step, result: unknown, found: Verdicts): void {
  try {
    if (d.poison !== null) throw takePoison(d)
    if (result === undefined) {
      step.stats.pass++
      if (d.recorder !== null) trace(d, step, { verdict: 'pass' })
    } else {
      const verdict = verdictOf(d, result)
      if (verdict.kind !== 'deny')
        throw new AppError(
          'PLUGIN_VERDICT_NOT_ALLOWED',
          `a guard may deny or pass, it answered ${verdict.kind}`,
        )
      markNotPassed(d, step)
      noteVerdict(d, step, verdict, true)
      if (!found.denial || step.rank < found.denial.rank)
        found.denial = { rank: step.rank, end: denied(d, step, verdict.value as Violation) }
    }
    step.breaker?.succeeded()
  } catch (error) {
    fail(d, step, error, found)
  }
}

function fail(d: Dispatch, step: Step, error: unknown, found: Verdicts): void {
  const end = failStep(d, step, d.poison !== null ? takePoison(d) : error)
  if (end && (!found.fault || step.rank < found.fault.rank)) found.fault = { rank: step.rank, end }
}

function takePoison(d: Dispatch): AppError | null {
  const fault = d.poison
  d.poison = null
  return fault
}

function abort(d: Dispatch, step: Step, context: StepContext | null): void {
  step.stats.aborted++
  markNotPassed(d, step)
  if (context) StepContext.end(context, true)
  if (d.recorder !== null) trace(d, step, { verdict: 'aborted', skipped: 'sibling denied' })
}
