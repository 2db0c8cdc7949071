// What an answer of a chain entry does: the table of docs/pipeline.md sections 4 and 5, applied to one dispatch.
import { AppError } from '../../base/errors.ts'
import type { Step } from '../compile.ts'
import type { Outcome } from '../outcome.ts'
import { changedPaths } from '../payload/changes.ts'
import { plainJson } from '../payload/copy.ts'
import { applyPatch } from '../payload/patch.ts'
import type { StepTrace } from '../trace.ts'
import { type Question, Verdict, type Violation } from '../verdict.ts'
import { type Dispatch, denied, elapsed, markNotPassed, trace } from './dispatch.ts'
import { failStep } from './fault.ts'

/** Null: the dispatch goes on. */
export function settle(d: Dispatch, step: Step, result: unknown): Outcome<object> | null {
  if (d.view.poison !== null) return poisoned(d, step)
  if (result === undefined) {
    pass(d, step)
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

/** The entry has nothing to say. */
export function pass(d: Dispatch, step: Step): void {
  step.stats.pass++
  if (step.breaker !== null && step.breaker.faults !== 0) step.breaker.succeeded()
  if (d.recorder !== null) trace(d, step, { verdict: 'pass', ms: elapsed(d) })
}

/** A plugin read what cannot be read; neither catching the error nor `on_error` undoes that. */
export function poisoned(d: Dispatch, step: Step): Outcome<object> | null {
  const fault = d.view.poison
  d.renewView()
  return failStep(d, step, fault)
}

/** The verdict, if this point allows it. Throws a fault otherwise. */
export function verdictOf(d: Dispatch, result: unknown): Verdict {
  if (typeof result !== 'object' || result === null || !Verdict.is(result)) {
    const what = `answered ${describe(result)}; return nothing, patch(), deny(), respond() or ask()`
    throw new AppError('PLUGIN_BAD_VERDICT', what)
  }
  const { rules, point } = d.plan
  const allowed =
    rules.observe ||
    (result.kind === 'patch' ? Object.keys(rules.writable).length > 0 : rules[result.kind])
  if (!allowed)
    throw new AppError('PLUGIN_VERDICT_NOT_ALLOWED', `${result.kind} is not allowed at ${point}`)
  return result
}

function describe(result: unknown): string {
  if (result === null) return 'null'
  if (Array.isArray(result)) return 'an array'
  return typeof result === 'object' ? 'an object that is no verdict' : `a ${typeof result}`
}

function apply(d: Dispatch, step: Step, verdict: Verdict): Outcome<object> | null {
  const { rules } = d.plan
  if (rules.observe) return note(d, step, verdict, false)
  if (verdict.kind === 'patch') return applyFields(d, step, verdict)
  // whatever else a redactor answers, it has not redacted
  if (step.redacts) d.leaky = true
  switch (verdict.kind) {
    case 'deny':
      note(d, step, verdict, step.mode.deny === 'apply')
      return step.mode.deny === 'apply' ? denied(d, step, verdict.value as Violation) : null
    case 'respond': {
      const value = plainJson(verdict.value, d.plan.limits, 'answer')
      if (rules.answer && !rules.answer(value))
        throw new AppError(
          'PLUGIN_PATCH_INVALID',
          'the answer has the wrong shape for this operation',
        )
      if (!step.entitled && rules.entitled?.(value))
        throw new AppError(
          'PLUGIN_PERMISSION',
          'answered what only an entry that is granted it may answer',
        )
      const counts =
        step.mode.answer === 'apply' && (d.answer === null || rules.joins !== undefined)
      if (counts) d.answer = joined(d, step, value)
      return note(d, step, verdict, counts)
    }
    case 'ask': {
      const counts = step.mode.answer === 'apply'
      if (counts) d.question = merged(d.question, verdict.value as Question, step)
      return note(d, step, verdict, counts)
    }
  }
}

function joined(d: Dispatch, { entry }: Step, value: unknown): Dispatch['answer'] {
  if (d.answer === null) return { value, entry }
  return { value: d.plan.rules.joins?.(d.answer.value, value), entry: d.answer.entry }
}

function applyFields(d: Dispatch, step: Step, verdict: Verdict): null {
  const before = d.payload
  const { payload, fields } = applyPatch(
    before,
    verdict.value as object,
    d.plan.rules,
    d.plan.limits,
  )
  const paths = d.recorder === null ? fields : changedPaths(before, payload)
  if (d.answer !== null && d.plan.rules.joins === undefined) {
    // the operation is answered already: what this entry would have changed never reaches anyone
    if (step.redacts) d.leaky = true
    return note(d, step, verdict, false, fields, paths)
  }
  if (payload !== before) d.replacePayload(payload)
  note(d, step, verdict, true, fields, paths)
  retarget(d, step, before)
  return null
}

// a rename must not slip past anybody: what comes after this entry is chosen anew, by the new name
function retarget(d: Dispatch, step: Step, before: object): void {
  const { plan } = d
  const field = plan.rules.target?.field
  if (field === undefined) return
  const target = (d.payload as Record<string, unknown>)[field]
  if (target === (before as Record<string, unknown>)[field] || typeof target !== 'string') return
  const next = plan.replan(target)
  if (next === plan) return
  d.earlier = passedSoFar(d)
  d.plan = next ?? { ...plan, chain: [], guards: [], observers: [], excluded: [] }
  const at = d.plan.chain.findIndex((other) => other.rank > step.rank)
  d.reached = at === -1 ? d.plan.chain.length : at
  d.skippedTo = d.reached
}

/** Entries of the chain that passed in this dispatch, for the audit record of the request. */
export function passedSoFar(d: Dispatch): readonly string[] {
  const passed = [...(d.earlier ?? [])]
  for (const { entry } of d.plan.chain.slice(d.skippedTo, d.reached))
    if (!d.notPassed?.has(entry)) passed.push(entry)
  return passed
}

/** Counts a verdict other than pass and tells sink and recorder. Names and paths of changed fields, never values. */
export function note(
  d: Dispatch,
  step: Step,
  verdict: Verdict,
  effective: boolean,
  fields?: readonly string[],
  paths: readonly string[] | undefined = fields,
  ms = d.recorder === null ? 0 : elapsed(d),
): null {
  const { stats } = step
  const { kind } = verdict
  if (kind === 'deny' && !effective) stats.wouldDeny++
  else stats[kind]++
  const violation = kind === 'deny' ? (verdict.value as Violation) : undefined
  if (d.recorder !== null) {
    const rest: Partial<StepTrace> = {
      verdict: kind,
      effective,
      ms,
      ...(paths ? { changed: paths } : {}),
      ...(violation ? { code: violation.code, reason: violation.reason } : {}),
    }
    trace(d, step, rest)
  }
  const { sink } = d.plan.parts
  const event = { point: d.plan.point, step, request: d.request, verdict: kind, effective }
  sink.verdict({ ...event, violation, changed: fields })
  return null
}

/** One question at most: the texts of all who ask, in their order, under the form of the first that has one. */
function merged(
  before: Dispatch['question'],
  question: Question,
  step: Step,
): Dispatch['question'] {
  if (before === null) return { value: question, step }
  const { message, schema = question.schema } = before.value
  const value = { message: `${message}\n\n${question.message}`, ...(schema && { schema }) }
  return { value, step: before.step }
}
