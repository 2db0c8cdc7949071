// One generation of everything a request needs, pinned while it is in use: reload swaps the whole and drains the old.
import type { EngineLimits, Generation } from '../engine/engine.ts'
import type { Points } from '../points/table.ts'
import type { Era, Upstream } from '../upstream/client.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { LimitsOptions, ListenOptions } from './options.ts'

/** Immutable but for the count of requests that hold it. */
export interface Runtime {
  readonly generation: Generation<Points>
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly catalogs: Readonly<Record<Era, Catalog>>
  readonly limits: LimitsOptions
  readonly engineLimits: EngineLimits
  readonly listen: ListenOptions
  /** True the first time it is asked for a key: for what the log says once per generation. */
  once(key: string): boolean
  /** Holds the runtime for one request; the returned function lets go, once. */
  pin(): () => void
  /** Resolves when nobody holds it any more. */
  drained(): Promise<void>
}

export function createRuntime(parts: Omit<Runtime, 'pin' | 'drained' | 'once'>): Runtime {
  let held = 0
  const waiting: (() => void)[] = []
  const told = new Set<string>()
  return {
    ...parts,
    once(key) {
      if (told.has(key)) return false
      told.add(key)
      return true
    },
    pin() {
      held++
      let released = false
      return () => {
        if (released) return
        released = true
        if (--held === 0) for (const wake of waiting.splice(0)) wake()
      }
    },
    drained: () =>
      held === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
  }
}
