// The state of one dispatch and the small things every phase does to it; the loops are in chain.ts, guards.ts and observe.ts.
import { AppError } from '../../base/errors.ts'
import type { Plan, Step } from '../compile.ts'
import type { RequestContext } from '../context.ts'
import type { Outcome, OutcomeSummary } from '../outcome.ts'
import { View } from '../payload/view.ts'
import type { Recorder, StepTrace } from '../trace.ts'
import type { Question, StampedViolation, Violation } from '../verdict.ts'
import type { StepContext } from './step-context.ts'
import { textOf } from './thrown.ts'

/** All that one dispatch remembers. A class with every field set, so that its shape never changes. */
export class Dispatch {
  plan: Plan
  payload: object
  readonly request: RequestContext
  readonly recorder: Recorder | null
  readonly startedAt: number
  /** What all steps that see the same payload share: nobody can write to it, so nobody needs one of their own. */
  view: View
  /** The step that is waited for. */
  step: Step | null = null
  /** What the step that is waited for was handed. */
  context: StepContext | null = null
  /** Entries of the plan's chain that had their turn, or are having it. */
  reached = 0
  end: Outcome<object> | null = null
  changed = false
  answer: { readonly value: unknown; readonly entry: string } | null = null
  /** The caller can put a question to a person. */
  asks = false
  question: { readonly value: Question; readonly step: Step } | null = null
  /** A redactor had its turn without redacting: it failed, denied, or its patch was discarded. */
  leaky = false
  /** Guards have all settled. */
  guarded = false
  notPassed: Set<string> | null = null
  /** Where in the present plan's chain this dispatch came in, after a rename. */
  skippedTo = 0
  /** Who passed before a rename. */
  earlier: readonly string[] | null = null
  /** How it ended, for observers. */
  summary: OutcomeSummary | undefined = undefined
  /** When the present step began; read only when somebody records. */
  stepAt = 0

  constructor(plan: Plan, payload: object, request: RequestContext, recorder: Recorder | null) {
    this.plan = plan
    this.payload = payload
    this.request = request
    this.recorder = recorder
    this.startedAt = plan.parts.clock.now()
    this.view = new View(payload, plan.parts.writes)
  }

  get deadlineAt(): number {
    return this.startedAt + this.plan.limits.budget
  }

  replacePayload(next: object): void {
    this.payload = next
    this.changed = true
    this.renewView()
  }

  /** What holds the old view can no longer disturb this dispatch. */
  renewView(): void {
    this.view = new View(this.payload, this.plan.parts.writes)
  }
}

/** Ends the dispatch with a refusal. */
export function denied(d: Dispatch, step: Step, violation: Violation): Outcome<object> {
  const place = { plugin: step.plugin, entry: step.entry, point: d.plan.point }
  const stamped: StampedViolation = { ...violation, ...place }
  return { kind: 'deny', payload: d.payload, changed: d.changed, violation: stamped }
}

/** Ends the dispatch with a fault. */
export function faulted(d: Dispatch, fault: AppError): Outcome<object> {
  return { kind: 'fault', payload: d.payload, changed: d.changed, fault }
}

/** Ends the dispatch because its caller went away. */
export function interrupted(d: Dispatch): Outcome<object> {
  const { point } = d.plan
  const fault = new AppError('DISPATCH_ABORTED', `${point}: the request was cancelled`, {
    data: { point },
  })
  return faulted(d, fault)
}

export function markNotPassed(d: Dispatch, step: Step): void {
  d.notPassed ??= new Set()
  d.notPassed.add(step.entry)
}

export function trace(d: Dispatch, step: Step, rest: Partial<StepTrace>): void {
  d.recorder?.step(d.plan.point, {
    entry: step.entry,
    plugin: step.plugin,
    mode: step.modeName,
    matched: true,
    ...rest,
  })
}

/** Milliseconds since the step began, where somebody records. */
export function elapsed(d: Dispatch, since = d.stepAt): number {
  return d.plan.parts.clock.now() - since
}

/** Whether the step is to be left out now; notes why. Throws what the condition throws. */
export function leftOut(d: Dispatch, step: Step): boolean {
  if (step.predicate !== null && !matches(d.payload, d.request, step)) {
    step.stats.unmatched++
    skip(d, step, { matched: false, skipped: 'condition' })
    return true
  }
  if (step.external && d.request.identity.dryRun === true) {
    if (step.redacts) d.leaky = true
    skip(d, step, { skipped: 'dry run' })
    return true
  }
  if (step.breaker === null || !step.breaker.skips()) return false
  step.stats.failedOpen++
  if (step.redacts) d.leaky = true
  skip(d, step, { skipped: 'breaker', failedOpen: true })
  d.plan.parts.sink.fault({
    point: d.plan.point,
    step,
    request: d.request,
    fault: null,
    failedOpen: true,
  })
  return true
}

/** Whether its condition holds; an error in it is a fault of the entry. */
export function matches(payload: object, request: RequestContext, step: Step): boolean {
  try {
    return step.predicate === null || step.predicate(payload, request)
  } catch (error) {
    throw new AppError('PLUGIN_CONDITION_FAILED', `the condition failed: ${textOf(error)}`, {
      cause: error,
    })
  }
}

function skip(d: Dispatch, step: Step, why: Partial<StepTrace>): void {
  markNotPassed(d, step)
  if (d.recorder !== null) trace(d, step, { verdict: 'skipped', ...why })
}

/** A step was given up through no fault of its own. */
export function aborted(d: Dispatch, step: Step, why: string): void {
  step.stats.aborted++
  step.breaker?.released()
  markNotPassed(d, step)
  if (step.redacts && wouldMatch(d, step)) d.leaky = true
  if (d.recorder !== null) trace(d, step, { verdict: 'aborted', skipped: why })
}

/** Of a redactor whose turn never came: one whose conditions do not match had it; one that cannot tell is taken to match. */
export function wouldMatch(d: Dispatch, step: Step): boolean {
  try {
    return matches(d.payload, d.request, step)
  } catch {
    return true
  }
}

/** Whether an answer is to be waited for. May run a getter of the plugin's. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Why a step that was waited for is waited for no longer. */
export function tooLate(d: Dispatch, step: Step, own: boolean): AppError {
  return own
    ? new AppError('PLUGIN_TIMEOUT', `no answer within ${step.timeout} ms`)
    : new AppError(
        'DISPATCH_TIMEOUT',
        `the time budget of the point, ${d.plan.limits.budget} ms, is used up`,
      )
}
