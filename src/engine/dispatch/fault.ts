// The fault boundary: whatever a plugin threw becomes an error with a code and a place, and `on_error` decides what it does.
import { AppError, ERRORS, type ErrorCode, isAppError } from '../../base/errors.ts'
import type { Step } from '../compile.ts'
import type { Outcome } from '../outcome.ts'
import { type Dispatch, faulted, markNotPassed, trace } from './dispatch.ts'
import { textOf } from './thrown.ts'

/** Faults that no `on_error` forgives: they are not the entry's to forgive. */
const CLOSED: ReadonlySet<ErrorCode> = new Set([
  'NUMBER_UNSAFE', 'DISPATCH_TIMEOUT', 'DISPATCH_ABORTED',
]) // biome-ignore format: a table

/**
 * Counts the fault and applies `on_error`. Returns what ends the dispatch, or null when it goes on without the step (failed
 * open: counted, reported, traced).
 */
export function failStep(d: Dispatch, step: Step, error: unknown): Outcome<object> | null {
  const fault = faultOf(d, step, error)
  const { observe } = d.plan.rules
  const open = !observe && step.onError !== 'fail' && !CLOSED.has(fault.code)
  step.stats.fault++
  markNotPassed(d, step)
  if (step.redacts) d.leaky = true
  if (step.breaker !== null) {
    // out of budget or out of callers is no sign that the entry is broken
    if (fault.code === 'DISPATCH_TIMEOUT' || fault.code === 'DISPATCH_ABORTED')
      step.breaker.released()
    else step.breaker.failed()
  }
  if (d.recorder !== null) {
    const rest = {
      code: fault.code,
      reason: fault.message,
      failedOpen: open,
      effective: !open && !observe,
    }
    trace(d, step, { verdict: 'fault', ...rest })
  }
  d.plan.parts.sink.fault({
    point: d.plan.point,
    step,
    request: d.request,
    fault,
    failedOpen: open,
  })
  if (open) step.stats.failedOpen++
  return open || observe ? null : faulted(d, fault)
}

/** An error that names plugin, entry and point, whatever was thrown. */
export function faultOf(d: Dispatch, step: Step, error: unknown): AppError {
  const { point } = d.plan
  const data = { plugin: step.plugin, entry: step.entry, point }
  const code = codeOf(error)
  const cause = causeOf(error, code)
  return new AppError(code ?? 'PLUGIN_THREW', `${step.entry} at ${point}: ${textOf(error)}`, {
    data,
    ...(cause === undefined ? {} : { cause }),
  })
}

// a plugin can catch an error of ours, write to it and throw it again
function codeOf(error: unknown): ErrorCode | null {
  try {
    return isAppError(error) && Object.hasOwn(ERRORS, error.code) ? error.code : null
  } catch {
    return null
  }
}

// only errors are kept as causes: anything else that was thrown may be a payload
function causeOf(error: unknown, code: ErrorCode | null): unknown {
  try {
    if (code !== null) return (error as AppError).cause
    return error instanceof Error ? error : undefined
  } catch {
    return undefined
  }
}
