// How a dispatch can end, as a value; a refusal is a violation, a fault is an error, and they are never mixed.
import type { AppError } from '../base/errors.ts'
import type { Question, StampedViolation, Violation } from './verdict.ts'

interface Base<P> {
  /** The payload as of the deciding step. */
  readonly payload: P
  /** Whether any patch was applied to it. */
  readonly changed: boolean
}

export interface PassOutcome<P> extends Base<P> {
  readonly kind: 'pass'
}
export interface DenyOutcome<P> extends Base<P> {
  readonly kind: 'deny'
  readonly violation: StampedViolation
}
export interface RespondOutcome<P, A> extends Base<P> {
  readonly kind: 'respond'
  readonly answer: A
  /** The entry that answered. */
  readonly entry: string
}
export interface FaultOutcome<P> extends Base<P> {
  readonly kind: 'fault'
  /** `data` names plugin, entry and point. */
  readonly fault: AppError
}

/** A person has to be asked; only where the caller said that it can. */
export interface AskOutcome<P> extends Base<P> {
  readonly kind: 'ask'
  readonly question: Question
  /** The entry that asked first. */
  readonly entry: string
  /** What the other side gets when the answer is not yes. */
  refusal(violation: Violation): StampedViolation
}

export type Outcome<P, A = unknown> =
  | PassOutcome<P>
  | DenyOutcome<P>
  | RespondOutcome<P, A>
  | FaultOutcome<P>
  | AskOutcome<P>

/** What an observer is told of how the dispatch ended. */
export interface OutcomeSummary {
  readonly kind: Outcome<object>['kind']
  readonly code?: string
  readonly reason?: string
}

export function summaryOf(outcome: Outcome<object>): OutcomeSummary {
  if (outcome.kind === 'deny')
    return { kind: 'deny', code: outcome.violation.code, reason: outcome.violation.reason }
  if (outcome.kind === 'fault') return { kind: 'fault', code: outcome.fault.code }
  return { kind: outcome.kind }
}
