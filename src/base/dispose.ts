// Ownership: a stack of things to release, in reverse order of acquiring, each with its own chance even if another fails.

export type Release = () => void | Promise<void>

export interface Disposer {
  /** Adds a release; after `dispose` it runs at once. */
  defer(release: Release): void
  /** Runs all releases in reverse order; rejects with an AggregateError if any failed. Idempotent. */
  dispose(): Promise<void>
}

export function createDisposer(): Disposer {
  const stack: Release[] = []
  let disposed: Promise<void> | undefined

  async function run(): Promise<void> {
    const failures: unknown[] = []
    for (let release = stack.pop(); release; release = stack.pop()) {
      try {
        await release()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'releasing failed')
  }

  return {
    defer(release) {
      if (disposed) void Promise.resolve().then(release)
      else stack.push(release)
    },
    dispose() {
      disposed ??= run()
      return disposed
    },
  }
}
