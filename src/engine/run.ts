// The runner: one flat loop over compiled steps, synchronous until the first promise, then one async loop. No closures per step.
import { AppError } from '../base/errors.ts'
import type { Plan, Step } from './compile.ts'
import { type RequestContext, StepContext } from './context.ts'
import { Dispatch, denied, failStep, faulted, isThenable, leftOut, within } from './dispatch.ts'
import type { EngineParts } from './engine.ts'
import { runGuards } from './guards.ts'
import { observe } from './observe.ts'
import type { Outcome } from './outcome.ts'
import { passedSoFar, poisoned, settle } from './settle.ts'
import type { Recorder } from './trace.ts'

export interface DispatchOptions {
  /** Length of the payload as raw bytes, where the caller has it; checked against the limit of the point. */
  readonly bytes?: number
  /** Attached by explain and tests; observers are then waited for. */
  readonly recorder?: Recorder
}

/** The limits a runner works under (`limits` in the configuration), resolved for one point. */
export interface RunLimits {
  readonly bytes: number
  readonly depth: number
  /** Milliseconds for the whole dispatch. */
  readonly budget: number
}

/** Runs a payload through chain, guards and observers of one plan. Never rejects: a fault is an outcome. */
export function run(
  plan: Plan,
  payload: object,
  request: RequestContext,
  parts: EngineParts,
  limits: RunLimits,
  replan: (target: string) => Plan | null,
  options?: DispatchOptions,
): Outcome<object> | Promise<Outcome<object>> {
  const d = new Dispatch(payload, plan, request, parts, {
    limits,
    budget: limits.budget,
    recorder: options?.recorder ?? null,
    replan,
  })
  if (options?.bytes !== undefined && options.bytes > limits.bytes) {
    d.leaky = true
    const fault = new AppError(
      'PAYLOAD_TOO_LARGE',
      `${plan.point}: ${options.bytes} bytes, the limit is ${limits.bytes}`,
      {
        data: { point: plan.point },
      },
    )
    return finish(d, faulted(d, fault))
  }
  return runChain(d)
}

function runChain(d: Dispatch): Outcome<object> | Promise<Outcome<object>> {
  while (d.reached < d.plan.chain.length) {
    const step = d.plan.chain[d.reached++] as Step
    const pending = call(d, step)
    if (pending !== null) return runChainAsync(d, step, pending)
    if (d.end !== null) return finish(d, d.end)
  }
  return runRest(d)
}

async function runChainAsync(
  d: Dispatch,
  first: Step,
  firstPending: PendingStep,
): Promise<Outcome<object>> {
  let step = first
  let pending: PendingStep | null = firstPending
  for (;;) {
    if (pending !== null) await settleLater(d, step, pending)
    if (d.end !== null) return finish(d, d.end)
    if (d.request.aborted)
      return finish(
        d,
        faulted(d, new AppError('DISPATCH_ABORTED', `${d.plan.point}: the request was cancelled`)),
      )
    if (d.reached >= d.plan.chain.length) return runRest(d)
    step = d.plan.chain[d.reached++] as Step
    pending = call(d, step)
  }
}

interface PendingStep {
  readonly context: StepContext
  readonly result: PromiseLike<unknown>
}

/** Calls one step. What it answered at once is settled; a promise comes back to be waited for. */
function call(d: Dispatch, step: Step): PendingStep | null {
  try {
    if ((step.predicate !== null || step.breaker !== null || step.external) && leftOut(d, step)) {
      d.settledRank = step.rank
      return null
    }
    const context = new StepContext(d.request, step, step.timeout, false)
    const result = step.handler(d.view, context)
    if (result !== undefined && isThenable(result)) return { context, result }
    d.end = settle(d, step, result)
  } catch (error) {
    d.end = d.poison !== null ? poisoned(d, step) : failStep(d, step, error)
  }
  d.settledRank = step.rank
  return null
}

async function settleLater(
  d: Dispatch,
  step: Step,
  { context, result }: PendingStep,
): Promise<void> {
  try {
    d.end = settle(d, step, await within(d, step, context, result))
    StepContext.end(context, false)
  } catch (error) {
    StepContext.end(context, true)
    d.end = d.poison !== null ? poisoned(d, step) : failStep(d, step, error)
  }
  d.settledRank = step.rank
}

function runRest(d: Dispatch): Outcome<object> | Promise<Outcome<object>> {
  d.settledRank = Number.POSITIVE_INFINITY
  if (d.plan.guards.length === 0) return conclude(d)
  const end = runGuards(d)
  return end instanceof Promise
    ? end.then((late) => (late ? finish(d, late) : conclude(d)))
    : end
      ? finish(d, end)
      : conclude(d)
}

// deny > ask > respond > pass: nobody denied, so what is left is decided here
function conclude(d: Dispatch): Outcome<object> | Promise<Outcome<object>> {
  const { payload, changed, question, answer } = d
  if (question !== null) {
    // elicitation is not wired yet: a question that cannot be put is a refusal, never a pass
    const reason = 'this call needs a confirmation, and the client cannot be asked'
    return finish(d, denied(d, question.step, { code: 'ASK_UNAVAILABLE', reason }))
  }
  if (answer !== null)
    return finish(d, {
      kind: 'respond',
      payload,
      changed,
      answer: answer.value,
      entry: answer.entry,
    })
  return finish(d, { kind: 'pass', payload, changed })
}

function finish(d: Dispatch, outcome: Outcome<object>): Outcome<object> | Promise<Outcome<object>> {
  const { plan, request, parts } = d
  if (parts.passes) {
    request.passes ??= []
    if (
      plan.allUnconditional &&
      d.notPassed === null &&
      d.earlier === null &&
      outcome.kind === 'pass'
    )
      request.passes.push(plan.pass)
    else
      request.passes.push({ point: plan.point, entries: [...passedSoFar(d), ...guardsPassed(d)] })
  }
  parts.sink.dispatched(plan.point, parts.clock.now() - d.startedAt, outcome.kind)
  if (plan.observers.length === 0) return outcome
  const seen = observe(d, outcome)
  return d.recorder === null ? outcome : seen.then(() => outcome)
}

function guardsPassed(d: Dispatch): string[] {
  if (d.settledRank !== Number.POSITIVE_INFINITY) return []
  return d.plan.guards.map((step) => step.entry).filter((name) => !d.notPassed?.has(name))
}
