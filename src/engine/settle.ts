// What an answer of a chain entry does: the table of HOOKS.md sections 4 and 5, applied to one dispatch.
import { AppError } from '../base/errors.ts'
import type { Step } from './compile.ts'
import {
  type Dispatch,
  denied,
  failStep,
  faulted,
  faultOf,
  markNotPassed,
  trace,
} from './dispatch.ts'
import type { Outcome } from './outcome.ts'
import { applyPatch, plainJson } from './patch.ts'
import { type Question, Verdict, type Violation } from './verdict.ts'

/** Null: the dispatch goes on. */
export function settle(d: Dispatch, step: Step, result: unknown): Outcome<object> | null {
  if (d.poison !== null) return poisoned(d, step)
  if (result === undefined) {
    step.stats.pass++
    if (step.breaker !== null) step.breaker.succeeded()
    if (d.recorder !== null) trace(d, step, { verdict: 'pass' })
    return null
  }
  try {
    const verdict = verdictOf(d, result)
    markNotPassed(d, step)
    const end = apply(d, step, verdict)
    step.breaker?.succeeded()
    return end
  } catch (error) {
    return failStep(d, step, error)
  }
}

/** A plugin read what cannot be read; neither catching the error nor `on_error` undoes that. */
export function poisoned(d: Dispatch, step: Step): Outcome<object> {
  const fault = d.poison
  d.poison = null
  return failStep(d, step, fault) ?? faulted(d, faultOf(d, step, fault))
}

/** The verdict, if this point allows it. Throws a fault otherwise. */
export function verdictOf(d: Dispatch, result: unknown): Verdict {
  if (typeof result !== 'object' || result === null || !Verdict.is(result)) {
    const what =
      result === null
        ? 'null'
        : Array.isArray(result)
          ? 'an array'
          : typeof result === 'object'
            ? 'an object that is no verdict'
            : `a ${typeof result}`
    throw new AppError(
      'PLUGIN_BAD_VERDICT',
      `answered ${what}; return nothing, patch(), deny(), respond() or ask()`,
    )
  }
  const { rules, point } = d.plan
  const allowed =
    rules.observe ||
    (result.kind === 'patch' ? Object.keys(rules.writable).length > 0 : rules[result.kind])
  if (!allowed)
    throw new AppError('PLUGIN_VERDICT_NOT_ALLOWED', `${result.kind} is not allowed at ${point}`)
  return result
}

function apply(d: Dispatch, step: Step, verdict: Verdict): Outcome<object> | null {
  if (d.plan.rules.observe) return note(d, step, verdict, false)
  switch (verdict.kind) {
    case 'patch':
      return applyFields(d, step, verdict)
    case 'deny':
      if (step.mode.deny !== 'apply') return note(d, step, verdict, false)
      note(d, step, verdict, true)
      if (step.redacts) d.leaky = true
      return denied(d, step, verdict.value as Violation)
    case 'respond': {
      const { answer } = d.plan.rules
      const value = plainJson(verdict.value, d.limits, 'answer')
      if (answer && !answer(value))
        throw new AppError(
          'PLUGIN_PATCH_INVALID',
          'the answer has the wrong shape for this operation',
        )
      const counts = step.mode.answer === 'apply' && d.answer === null
      if (counts) d.answer = { value, entry: step.entry }
      return note(d, step, verdict, counts)
    }
    case 'ask': {
      const counts = step.modeName === 'enforce'
      if (counts) d.question ??= { value: verdict.value as Question, step }
      return note(d, step, verdict, counts)
    }
  }
}

function applyFields(d: Dispatch, step: Step, verdict: Verdict): null {
  if (d.answer !== null) {
    // the operation is answered already: what this entry would have changed never reaches anyone
    if (step.redacts) d.leaky = true
    return note(d, step, verdict, false)
  }
  const before = d.payload
  d.replacePayload(applyPatch(before, verdict.value as object, d.plan.rules, d.limits))
  note(d, step, verdict, true)
  const field = d.plan.rules.target?.field
  if (field && Object.hasOwn(verdict.value as object, field)) retarget(d, step, before, field)
  return null
}

// a rename must not slip past anybody: what comes after this entry is chosen anew, by the new name
function retarget(d: Dispatch, step: Step, before: object, field: string): void {
  const target = (d.payload as Record<string, unknown>)[field]
  if (target === (before as Record<string, unknown>)[field] || typeof target !== 'string') return
  const plan = d.replan(target)
  if (plan === d.plan) return
  d.earlier = passedSoFar(d)
  d.plan = plan ?? { ...d.plan, chain: [], guards: [], observers: [] }
  const next = d.plan.chain.findIndex((other) => other.rank > step.rank)
  d.reached = next === -1 ? d.plan.chain.length : next
  d.skippedTo = d.reached
}

/** Entries that passed in this dispatch, for the audit record of the request. */
export function passedSoFar(d: Dispatch): readonly string[] {
  const names = d.plan.chain.slice(d.skippedTo, d.reached).map((step) => step.entry)
  return [...(d.earlier ?? []), ...names].filter((name) => !d.notPassed?.has(name))
}

function note(d: Dispatch, step: Step, verdict: Verdict, effective: boolean): null {
  const { stats } = step
  if (verdict.kind === 'deny' && !effective) stats.wouldDeny++
  else stats[verdict.kind]++
  const changed = verdict.kind === 'patch' ? Object.keys(verdict.value as object) : undefined
  const violation = verdict.kind === 'deny' ? (verdict.value as Violation) : undefined
  if (d.recorder !== null) {
    trace(d, step, {
      verdict: verdict.kind,
      effective,
      ...(changed ? { changed } : {}),
      ...(violation ? { code: violation.code, reason: violation.reason } : {}),
    })
  }
  d.parts.sink.verdict({
    point: d.plan.point,
    step,
    request: d.request,
    verdict: verdict.kind,
    effective,
    violation,
    changed,
  })
  return null
}

export { note as noteVerdict }
