// The record of one dispatch, step by step: what explain, the audit and spans are made from. Costs nothing when absent.

export type StepVerdict =
  | 'pass'
  | 'patch'
  | 'deny'
  | 'respond'
  | 'ask'
  | 'fault'
  | 'skipped'
  | 'aborted'

/** One step of one dispatch (docs/pipeline.md section 10). */
export interface StepTrace {
  readonly entry: string
  readonly plugin: string
  readonly mode: string
  /** Whether the conditions matched the payload when the entry's turn came; null when it never came. */
  readonly matched: boolean | null
  readonly verdict?: StepVerdict
  /** Whether the verdict took effect; a permissive deny is recorded only. */
  readonly effective?: boolean
  readonly code?: string
  readonly reason?: string
  /** Paths that a patch changed; never their values. */
  readonly changed?: readonly string[]
  /** How long the step took. */
  readonly ms?: number
  readonly failedOpen?: boolean
  /** Why the step did not run or was cut short: `condition`, `breaker`, `dry run`, `not reached`, `sibling denied`, `request aborted`. */
  readonly skipped?: string
}

export interface Recorder {
  step(point: string, step: StepTrace): void
}

/** Keeps the steps of a bounded number of dispatches, in order. */
export function createRecorder(
  limit = 1000,
): Recorder & { readonly steps: readonly (StepTrace & { point: string })[] } {
  const steps: (StepTrace & { point: string })[] = []
  return {
    steps,
    step(point, step) {
      if (steps.length < limit) steps.push({ point, ...step })
    },
  }
}
