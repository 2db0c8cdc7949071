// Work done one after the other in the order of asking, up to a bound; it does not know what the work is.

/** A message must not overtake one that a policy is still looking at. */
export interface Sequence {
  /** False when too many are waiting. A failure is told to `failed` and does not hold up the next. */
  push(work: () => Promise<void>): boolean
  /** Resolves when all that was pushed so far is done. */
  settled(): Promise<void>
}

const MAX_WAITING = 256

export function createSequence(failed: (error: unknown) => void): Sequence {
  // made on first use: most calls have no messages of their own
  let tail: Promise<void> | undefined
  let waiting = 0
  return {
    push(work) {
      if (waiting >= MAX_WAITING) return false
      waiting++
      tail = (tail ?? Promise.resolve())
        .then(work)
        .catch(failed)
        .finally(() => waiting--)
      return true
    },
    settled: () => tail ?? Promise.resolve(),
  }
}
