// What the engine tells of itself while it runs; whoever listens cannot take a dispatch down.
import type { AppError } from '../../base/errors.ts'
import type { RequestContext } from '../context.ts'
import type { Outcome } from '../outcome.ts'
import type { VerdictKind, Violation } from '../verdict.ts'

/** Which entry an event is about. */
export interface StepName {
  readonly entry: string
  readonly plugin: string
  readonly modeName: string
}

interface StepEvent {
  readonly point: string
  readonly step: StepName
  readonly request: RequestContext
}

/** A verdict other than pass. */
export interface VerdictEvent extends StepEvent {
  readonly verdict: VerdictKind
  /** False: recorded only (permissive, audit), or discarded because the operation was answered already. */
  readonly effective: boolean
  readonly violation: Violation | undefined
  readonly changed: readonly string[] | undefined
}

/** A fault, or (`fault: null`) a call that was skipped because the breaker is open. */
export interface FaultEvent extends StepEvent {
  readonly fault: AppError | null
  readonly failedOpen: boolean
}

/** Told of everything that is more than a pass. Must not throw and must not wait. */
export interface EngineSink {
  verdict(event: VerdictEvent): void
  fault(event: FaultEvent): void
  dispatched(point: string, ms: number, outcome: Outcome<object>['kind']): void
  observerDropped(point: string): void
}

/** The sink as the engine calls it: one that throws is counted, and the dispatch goes on. */
export function guarded(sink: EngineSink, failed: () => void): EngineSink {
  return {
    verdict(event) {
      try {
        sink.verdict(event)
      } catch {
        failed()
      }
    },
    fault(event) {
      try {
        sink.fault(event)
      } catch {
        failed()
      }
    },
    dispatched(point, ms, outcome) {
      try {
        sink.dispatched(point, ms, outcome)
      } catch {
        failed()
      }
    },
    observerDropped(point) {
      try {
        sink.observerDropped(point)
      } catch {
        failed()
      }
    },
  }
}
