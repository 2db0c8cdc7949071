// One dispatch from beginning to end: chain, guards, the decision between what they said, and what is told of it.
import { AppError } from '../../base/errors.ts'
import type { Plan, Step } from '../compile.ts'
import type { RequestContext } from '../context.ts'
import type { Outcome } from '../outcome.ts'
import type { Recorder } from '../trace.ts'
import { deny, type Violation } from '../verdict.ts'
import { ChainWait, walk } from './chain.ts'
import { Dispatch, denied, faulted, interrupted, trace } from './dispatch.ts'
import { runGuards } from './guards.ts'
import { observe } from './observe.ts'
import { note, passedSoFar } from './settle.ts'

export interface DispatchOptions {
  /** Length of the payload as raw bytes, where the caller has it; checked against the limit of the point. */
  readonly bytes?: number
  /** Attached by explain and tests; observers are then waited for. */
  readonly recorder?: Recorder
  /** The caller can put a question to a person; without it a question is a refusal. */
  readonly asks?: boolean
}

/** The limits a runner works under (`limits` in the configuration), resolved for one point. */
export interface RunLimits {
  readonly bytes: number
  readonly depth: number
  /** Milliseconds for the whole dispatch. */
  readonly budget: number
}

type Ended = Outcome<object> | Promise<Outcome<object>>

/** Runs a payload through chain, guards and observers of one plan. Never rejects: a fault is an outcome. */
export function run(
  plan: Plan,
  payload: object,
  request: RequestContext,
  options?: DispatchOptions,
): Ended {
  const d = new Dispatch(plan, payload, request, options?.recorder ?? null)
  if (options?.asks) d.asks = true
  if (options?.bytes !== undefined && options.bytes > plan.limits.bytes)
    return tooLarge(d, options.bytes)
  if (request.aborted && !plan.rules.observe) return refuse(d, interrupted(d))
  const pending = walk(d)
  return pending === null ? afterChain(d) : ChainWait.start(d, pending, afterChain)
}

// before anybody had a turn
function refuse(d: Dispatch, end: Outcome<object>): Ended {
  d.end = end
  return finish(d, end)
}

// nobody is shown what is over the limit; observers alone are no reason to refuse it
function tooLarge(d: Dispatch, bytes: number): Ended {
  const { plan, payload } = d
  d.leaky = true
  if (plan.rules.observe || plan.chain.length + plan.guards.length === 0)
    return finish(d, { kind: 'pass', payload, changed: false })
  const text = `${plan.point}: ${bytes} bytes, the limit is ${plan.limits.bytes}`
  return refuse(
    d,
    faulted(d, new AppError('PAYLOAD_TOO_LARGE', text, { data: { point: plan.point } })),
  )
}

function afterChain(d: Dispatch): Ended {
  if (d.end !== null) return finish(d, d.end)
  if (d.plan.guards.length === 0) return conclude(d, null)
  const end = runGuards(d)
  return end instanceof Promise ? end.then((late) => conclude(d, late)) : conclude(d, end)
}

// deny > ask > respond > pass
function conclude(d: Dispatch, guarded: Outcome<object> | null): Ended {
  if (guarded !== null) return finish(d, guarded)
  d.guarded = true
  const { payload, changed, question, answer } = d
  if (question !== null) return finish(d, d.asks ? asked(d, question) : unasked(d, question.step))
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

function asked(d: Dispatch, { value, step }: NonNullable<Dispatch['question']>): Outcome<object> {
  const { payload, changed, plan } = d
  const place = { plugin: step.plugin, entry: step.entry, point: plan.point }
  const refusal = (violation: Violation) => ({ ...violation, ...place })
  return { kind: 'ask', payload, changed, question: value, entry: step.entry, refusal }
}

// a question that cannot be put is a refusal, never a pass
function unasked(d: Dispatch, step: Step): Outcome<object> {
  const reason = 'this call needs a confirmation, and the client cannot be asked'
  const verdict = deny({ code: 'ASK_UNAVAILABLE', reason })
  note(d, step, verdict, true)
  return denied(d, step, verdict.value as Violation)
}

function finish(d: Dispatch, outcome: Outcome<object>): Ended {
  const { plan, recorder } = d
  const { parts } = plan
  if (parts.passes) notePasses(d, outcome)
  if (recorder !== null) traceUnreached(d)
  parts.sink.dispatched(plan.point, parts.clock.now() - d.startedAt, outcome.kind)
  if (plan.observers.length === 0) return outcome
  const seen = observe(d, outcome)
  return seen === null ? outcome : seen.then(() => outcome)
}

function notePasses(d: Dispatch, outcome: Outcome<object>): void {
  const { plan, request } = d
  request.passes ??= []
  if (outcome.kind === 'pass' && d.notPassed === null && d.earlier === null) {
    request.passes.push(plan.pass)
    return
  }
  const entries = [...passedSoFar(d)]
  if (d.guarded)
    for (const { entry } of plan.guards) if (!d.notPassed?.has(entry)) entries.push(entry)
  request.passes.push({ point: plan.point, entries })
}

/** The record names every entry of the point, also those whose turn never came. */
function traceUnreached(d: Dispatch): void {
  const { chain, guards, excluded } = d.plan
  const guarded = d.end === null && d.reached >= chain.length
  for (const step of [...chain.slice(d.reached), ...(guarded ? [] : guards)])
    trace(d, step, { matched: null, verdict: 'skipped', skipped: 'not reached' })
  for (const step of excluded)
    trace(d, step, { matched: false, verdict: 'skipped', skipped: 'condition' })
}
