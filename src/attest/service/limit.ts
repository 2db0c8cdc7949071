// How long an attestation is waited for: one deadline over everything that is done for it.
import type { Clock } from '../../base/clock.ts'
import { Denial } from '../denial.ts'

export interface Limit {
  readonly signal: AbortSignal
  /** It is over: nothing is waited for any more. */
  end(): void
}

/** One deadline over everything that is waited for. */
export function limited(clock: Clock, ms: number, outer: AbortSignal | undefined): Limit {
  const own = new AbortController()
  const disarm = clock.after(ms, () => own.abort())
  const signal = outer ? AbortSignal.any([outer, own.signal]) : own.signal
  return { signal, end: disarm }
}

export function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Denial('internal.timeout'))
    if (signal.aborted) late()
    signal.addEventListener('abort', late, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late))
  })
}
