// Observers: audit and background entries, run after the outcome is known, off the caller's path, on what they may see.

import type { Step } from '../compile.ts'
import { type Outcome, summaryOf } from '../outcome.ts'
import { changedPaths } from '../payload/changes.ts'
import { applyPatch } from '../payload/patch.ts'
import { View } from '../payload/view.ts'
import {
  type Dispatch,
  elapsed,
  isThenable,
  matches,
  tooLate,
  trace,
  wouldMatch,
} from './dispatch.ts'
import { faultOf } from './fault.ts'
import { Flight } from './flight.ts'
import { note, verdictOf } from './settle.ts'
import { StepContext } from './step-context.ts'

export const WITHHELD = '[withheld]'

/** A bounded queue of finished dispatches that observers have yet to see. */
export interface ObserverQueue {
  /** Null when it is full. */
  push(job: () => Promise<void>): Promise<void> | null
  readonly depth: number
  /** Resolves when all that was queued has been seen. */
  idle(): Promise<void>
}

export function createObserverQueue(
  defer: (run: () => void) => void,
  bound: number,
): ObserverQueue {
  let depth = 0
  const waiters: (() => void)[] = []
  const done = () => {
    depth--
    if (depth === 0) for (const wake of waiters.splice(0)) wake()
  }
  return {
    push(job) {
      if (depth >= bound) return null
      depth++
      return new Promise((resolve) => {
        defer(() => {
          job().then(() => {
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

/**
 * Hands the finished dispatch to its observers. When the queue is full, background entries are dropped and counted; audit
 * entries see every outcome, so the caller waits for them: the promise says until when, null that nobody need wait.
 */
export function observe(d: Dispatch, outcome: Outcome<object>): Promise<void> | null {
  const { observers, parts, point, rules } = d.plan
  d.payload = outcome.payload
  d.summary = summaryOf(outcome)
  const shown = withheld(d) ? withhold(outcome.payload, rules.content) : outcome.payload
  const watchAll = (steps: readonly Step[]) => async () => {
    await Promise.all(steps.map((step) => watch(d, step, shown)))
  }
  const queued = parts.observers.push(watchAll(observers))
  if (queued !== null) return d.recorder === null ? null : queued
  const audits = observers.filter((step) => step.mode.deny === 'record')
  for (let i = audits.length; i < observers.length; i++) parts.sink.observerDropped(point)
  return audits.length === 0 ? null : watchAll(audits)()
}

// a redactor later in the chain, or one that failed, has not redacted what the observers would read
function withheld(d: Dispatch): boolean {
  if (d.leaky) return true
  const { plan } = d
  if (!plan.redacting) return false
  const guards = d.end === null ? [] : plan.guards
  return [...plan.chain.slice(d.reached), ...guards].some(
    (step) => step.redacts && wouldMatch(d, step),
  )
}

function withhold(payload: object, content: readonly string[]): object {
  const copy: Record<string, unknown> = { ...payload }
  for (const field of content) if (Object.hasOwn(copy, field)) copy[field] = WITHHELD
  return copy
}

/** Never rejects, and an observer's fault takes nothing down. */
async function watch(d: Dispatch, step: Step, shown: object): Promise<void> {
  const at = d.recorder === null ? 0 : d.plan.parts.clock.now()
  const view = new View(shown, d.plan.parts.writes)
  try {
    if (leftOut(d, step)) return
    const context = new StepContext(d, step)
    const { handler } = step
    let result = handler(view.root as never, context)
    if (result !== undefined && isThenable(result))
      result = await new ObserverWait(d, step, context).answer(result)
    else StepContext.done(context)
    if (view.poison !== null) throw view.poison
    report(d, step, result, at)
  } catch (error) {
    step.stats.fault++
    const fault = faultOf(d, step, view.poison ?? error)
    if (d.recorder !== null)
      trace(d, step, {
        verdict: 'fault',
        code: fault.code,
        reason: fault.message,
        effective: false,
      })
    d.plan.parts.sink.fault({
      point: d.plan.point,
      step,
      request: d.request,
      fault,
      failedOpen: false,
    })
  }
}

function leftOut(d: Dispatch, step: Step): boolean {
  if (!matches(d.payload, d.request, step)) {
    step.stats.unmatched++
    if (d.recorder !== null)
      trace(d, step, { matched: false, verdict: 'skipped', skipped: 'condition' })
    return true
  }
  if (!step.external || d.request.identity.dryRun !== true) return false
  if (d.recorder !== null) trace(d, step, { verdict: 'skipped', skipped: 'dry run' })
  return true
}

function report(d: Dispatch, step: Step, result: unknown, at: number): void {
  const ms = d.recorder === null ? 0 : elapsed(d, at)
  if (result === undefined || step.mode.deny === 'ignore') {
    step.stats.pass++
    if (d.recorder !== null) trace(d, step, { verdict: 'pass', ms })
    return
  }
  const verdict = verdictOf(d, result)
  const diff =
    verdict.kind === 'patch' && !d.plan.rules.observe
      ? diffOf(d, verdict.value as object)
      : undefined
  note(d, step, verdict, false, diff, diff, ms)
}

// what the patch would have changed; one that could not be applied is a fault here too
function diffOf(d: Dispatch, fields: object): readonly string[] {
  const { payload } = applyPatch(d.payload, fields, d.plan.rules, d.plan.limits)
  return changedPaths(d.payload, payload)
}

/** An observer that is waited for: the dispatch is over, so it has its own timeout and not what was left of the budget. */
class ObserverWait extends Flight {
  readonly #d: Dispatch
  readonly #step: Step
  readonly #context: StepContext
  #reject: (error: unknown) => void = () => {}

  constructor(d: Dispatch, step: Step, context: StepContext) {
    super()
    this.#d = d
    this.#step = step
    this.#context = context
    this.step = step
    this.point = d.plan.point
  }

  answer(pending: PromiseLike<unknown>): Promise<unknown> {
    const { flights } = this.#d.plan.parts
    flights.add(this)
    return new Promise((resolve, reject) => {
      this.#reject = reject
      const settled = (run: () => void) => {
        flights.remove(this)
        StepContext.done(this.#context)
        run()
      }
      Promise.resolve(pending).then(
        (result) => settled(() => resolve(result)),
        (error) => settled(() => reject(error)),
      )
    })
  }

  expired(): void {
    StepContext.cutOff(this.#context)
    this.#reject(tooLate(this.#d, this.#step, true))
  }
}
