// The time one outgoing request may take, joined with the caller's own signal.
import type { Clock } from '../base/clock.ts'

export interface Limit {
  readonly signal: AbortSignal
  /** Rejects when the signal fires: undici looks at it only once it is connected. */
  readonly over: Promise<never>
  readonly expired: boolean
  end(): void
}

export function createLimit(timeout: number, given: AbortSignal | undefined, clock: Clock): Limit {
  const controller = new AbortController()
  let expired = false
  const end = clock.after(timeout, () => {
    expired = true
    controller.abort()
  })
  const signal = given ? AbortSignal.any([given, controller.signal]) : controller.signal
  const over = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  over.catch(() => {})
  return {
    signal,
    over,
    get expired() {
      return expired
    },
    end,
  }
}
