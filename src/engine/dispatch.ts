// The state of one dispatch and what every step does to it; the loops that drive it are in run.ts, guards.ts and observe.ts.
import { AppError, isAppError, messageOf } from '../base/errors.ts'
import type { Plan, Step } from './compile.ts'
import { type RequestContext, StepContext } from './context.ts'
import type { EngineParts } from './engine.ts'
import type { Outcome } from './outcome.ts'
import type { PatchLimits } from './patch.ts'
import type { Recorder, StepTrace } from './trace.ts'
import type { Question, StampedViolation, Violation } from './verdict.ts'
import { type ViewGuard, viewOf } from './view.ts'

/** All that one dispatch remembers. A class with every field set, so that its shape never changes. */
export class Dispatch implements ViewGuard {
  payload: object
  plan: Plan
  readonly request: RequestContext
  readonly parts: EngineParts
  readonly limits: PatchLimits
  readonly recorder: Recorder | null
  readonly startedAt: number
  readonly deadlineAt: number
  /** The plan for another target, when a patch renames it. */
  readonly replan: (target: string) => Plan | null
  poison: AppError | null = null
  changed = false
  answer: { readonly value: unknown; readonly entry: string } | null = null
  question: { readonly value: Question; readonly step: Step } | null = null
  /** The rank up to which the chain has settled. */
  settledRank = -1
  /** A redactor had its turn without redacting: it failed, denied, or its patch was discarded. */
  leaky = false
  end: Outcome<object> | null = null
  notPassed: Set<string> | null = null
  reached = 0
  /** Where in the present plan's chain this dispatch came in, after a rename. */
  skippedTo = 0
  earlier: readonly string[] | null = null
  #view: object | null = null

  constructor(
    payload: object,
    plan: Plan,
    request: RequestContext,
    parts: EngineParts,
    options: {
      limits: PatchLimits
      budget: number
      recorder: Recorder | null
      replan: (target: string) => Plan | null
    },
  ) {
    this.payload = payload
    this.plan = plan
    this.request = request
    this.parts = parts
    this.limits = options.limits
    this.recorder = options.recorder
    this.replan = options.replan
    this.startedAt = parts.clock.now()
    this.deadlineAt = this.startedAt + options.budget
  }

  /** One view for all steps that see the same payload: nobody can write to it, so nobody needs one of their own. */
  get view(): never {
    this.#view ??= viewOf(this.payload, this, this.parts.writes)
    return this.#view as never
  }

  replacePayload(next: object): void {
    this.payload = next
    this.#view = null
    this.changed = true
  }
}

/** Ends the dispatch with a refusal. */
export function denied(d: Dispatch, step: Step, violation: Violation): Outcome<object> {
  const stamped: StampedViolation = {
    ...violation,
    plugin: step.plugin,
    entry: step.entry,
    point: d.plan.point,
  }
  return { kind: 'deny', payload: d.payload, changed: d.changed, violation: stamped }
}

/** Ends the dispatch with a fault. */
export function faulted(d: Dispatch, fault: AppError): Outcome<object> {
  return { kind: 'fault', payload: d.payload, changed: d.changed, fault }
}

/**
 * The fault boundary: counts the fault and applies `on_error`. Returns what ends the dispatch, or null when it goes on
 * without the step (failed open: counted, reported, traced).
 */
export function failStep(d: Dispatch, step: Step, error: unknown): Outcome<object> | null {
  const fault = faultOf(d, step, error)
  step.stats.fault++
  markNotPassed(d, step)
  if (step.redacts) d.leaky = true
  const open =
    step.onError !== 'fail' &&
    fault.code !== 'NUMBER_UNSAFE' &&
    fault.code !== 'DISPATCH_TIMEOUT' &&
    fault.code !== 'DISPATCH_ABORTED'
  if (step.breaker) step.breaker.failed()
  if (d.recorder)
    trace(d, step, {
      verdict: 'fault',
      code: fault.code,
      reason: fault.message,
      failedOpen: open,
      effective: !open,
    })
  d.parts.sink.fault({ point: d.plan.point, step, request: d.request, fault, failedOpen: open })
  if (!open) return faulted(d, fault)
  step.stats.failedOpen++
  return null
}

/** An error that names plugin, entry and point, whatever was thrown. */
export function faultOf(d: Dispatch, step: Step, error: unknown): AppError {
  const where = { plugin: step.plugin, entry: step.entry, point: d.plan.point }
  if (isAppError(error))
    return new AppError(error.code, `${step.entry} at ${d.plan.point}: ${error.message}`, {
      cause: error.cause,
      data: where,
    })
  return new AppError('PLUGIN_THREW', `${step.entry} at ${d.plan.point}: ${messageOf(error)}`, {
    cause: error,
    data: where,
  })
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

/** Whether the step is to be left out now; notes why. Throws what the condition throws. */
export function leftOut(d: Dispatch, step: Step): boolean {
  if (step.predicate !== null && !matches(d, step)) {
    step.stats.unmatched++
    skip(d, step, { matched: false, skipped: 'condition' })
    return true
  }
  if (step.breaker?.skips()) {
    step.stats.failedOpen++
    if (step.redacts) d.leaky = true
    skip(d, step, { skipped: 'breaker', failedOpen: true })
    d.parts.sink.fault({
      point: d.plan.point,
      step,
      request: d.request,
      fault: null,
      failedOpen: true,
    })
    return true
  }
  if (step.external && d.request.identity.dryRun) {
    skip(d, step, { skipped: 'dry run' })
    return true
  }
  return false
}

function matches(d: Dispatch, step: Step): boolean {
  try {
    return step.predicate?.(d.payload, d.request) ?? true
  } catch (error) {
    throw new AppError('PLUGIN_CONDITION_FAILED', `the condition failed: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function skip(d: Dispatch, step: Step, why: Partial<StepTrace>): void {
  markNotPassed(d, step)
  if (d.recorder) trace(d, step, { verdict: 'skipped', ...why })
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/**
 * Waits for a step no longer than its own timeout and what is left of the dispatch. The step is listed as in flight
 * meanwhile; a result that comes later is dropped.
 */
export function within(
  d: Dispatch,
  step: Step,
  context: StepContext,
  pending: PromiseLike<unknown>,
  budgetEnd = d.deadlineAt,
): Promise<unknown> {
  const { parts } = d
  const now = parts.clock.now()
  const own = now + step.timeout
  const at = own < budgetEnd ? own : budgetEnd
  const flight = { point: d.plan.point, entry: step.entry, plugin: step.plugin, since: now }
  parts.inflight.add(flight)
  return new Promise((resolve, reject) => {
    const deadline = parts.wheel.armAt(at, () => {
      parts.inflight.delete(flight)
      StepContext.end(context, true)
      reject(
        own < budgetEnd
          ? new AppError('PLUGIN_TIMEOUT', `no answer within ${step.timeout} ms`)
          : new AppError(
              'DISPATCH_TIMEOUT',
              `the time budget of the point is used up after ${Math.round(at - d.startedAt)} ms`,
            ),
      )
    })
    pending.then(
      (value) => {
        parts.wheel.disarm(deadline)
        parts.inflight.delete(flight)
        resolve(value)
      },
      (error) => {
        parts.wheel.disarm(deadline)
        parts.inflight.delete(flight)
        reject(error)
      },
    )
  })
}
