// Ownership: a stack of things to release, in reverse order of acquiring, each with its own chance even if another fails.

export type Release = () => void | Promise<void>

export interface Disposer {
  /** Adds a release. Once everything is released it runs at once, and its failure is an unhandled rejection. */
  defer(release: Release): void
  /** Runs all releases in reverse order; rejects with an AggregateError if any failed. Idempotent. */
  dispose(): Promise<void>
}

export function createDisposer(): Disposer {
  const stack: Release[] = []
  let disposed: Promise<void> | undefined
  let empty = false

  async function run(): Promise<void> {
    const failures: unknown[] = []
    for (let release = stack.pop(); release; release = stack.pop()) {
      try {
        await release()
      } catch (error) {
        failures.push(error)
      }
    }
    empty = true
    if (failures.length > 0) throw new AggregateError(failures, 'releasing failed')
  }

  return {
    defer(release) {
      if (empty) void Promise.resolve().then(release)
      else stack.push(release)
    },
    dispose() {
      if (disposed === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>()
        // set before the first release runs: it may call dispose itself
        disposed = promise
        resolve(run())
      }
      return disposed
    },
  }
}
