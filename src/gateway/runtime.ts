// One generation of everything a request needs, pinned while it is in use: reload swaps the whole and drains the old.
import type { Principal } from '../engine/context.ts'
import type { EngineLimits, Generation } from '../engine/engine.ts'
import type { Authenticator, Authorizer } from '../identity/access.ts'
import type { Points } from '../points/table.ts'
import type { Era, Upstream } from '../upstream/client.ts'
import type { Challenges } from './access/challenge.ts'
import { type Access, createAccess } from './access/check.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { LimitsOptions, ListenOptions } from './options.ts'
import { selectCatalog } from './virtual/catalog.ts'
import type { VirtualServer } from './virtual/selection.ts'

/** Who may connect, and what they may do. */
export interface Gate {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  /** Who is at the other end of our own pipes. */
  readonly owner: Principal
  /** Undefined: no credentials are asked for, so nobody is told how to get any. */
  readonly challenges: Challenges | undefined
}

/** Immutable but for the count of requests that hold it. */
export interface Runtime {
  readonly generation: Generation<Points>
  readonly gate: Gate
  /** Who decides what callers may do; null: nobody, everybody may do everything. */
  readonly access: Access | null
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly catalogs: Readonly<Record<Era, Catalog>>
  readonly limits: LimitsOptions
  readonly engineLimits: EngineLimits
  readonly listen: ListenOptions
  /** What of it is shown; undefined: everything. */
  readonly virtualServer: VirtualServer | undefined
  /** The same runtime as each virtual server shows it, by name. */
  readonly virtualServers: ReadonlyMap<string, Runtime>
  /** Their names, by path. */
  readonly virtualPaths: ReadonlyMap<string, string>
  /** True the first time it is asked for a key: for what the log says once per generation. */
  once(key: string): boolean
  /** Holds the runtime for one request; the returned function lets go, once. */
  pin(): () => void
  /** Resolves when nobody holds it any more. */
  drained(): Promise<void>
}

export interface RuntimeParts
  extends Omit<
    Runtime,
    'access' | 'pin' | 'drained' | 'once' | 'virtualServer' | 'virtualServers' | 'virtualPaths'
  > {
  readonly selections: readonly VirtualServer[]
}

export function createRuntime({ selections, ...parts }: RuntimeParts): Runtime {
  let held = 0
  const waiting: (() => void)[] = []
  const told = new Set<string>()
  const virtualServers = new Map<string, Runtime>()
  const whole: Runtime = {
    ...parts,
    access: createAccess(parts.gate.authorizer, parts.generation),
    virtualServer: undefined,
    virtualServers,
    virtualPaths: new Map(selections.map(({ path, name }) => [path, name])),
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
  const { legacy, modern } = parts.catalogs
  for (const virtualServer of selections) {
    const catalogs = {
      legacy: selectCatalog(legacy, virtualServer),
      modern: selectCatalog(modern, virtualServer),
    }
    virtualServers.set(virtualServer.name, { ...whole, virtualServer, catalogs })
  }
  return whole
}
