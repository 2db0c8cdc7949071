// The configuration as it is in force: what was loaded with what the store adds; validated whole, started by others.
import { isAppError } from '../../base/errors.ts'
import type { LoadedConfig, Loader } from '../../config/load.ts'
import { problemsOf } from '../../config/problem.ts'
import { plainOf } from '../../config/source/tree.ts'
import type { Kind } from '../../identity/rights.ts'
import { type DeclaredBodies, declaredBodies } from '../../registry/declared.ts'
import { type Addition, overlay } from '../../registry/overlay.ts'
import type { Stored } from '../../store/store.ts'
import type { GatewayConfig } from '../sections.ts'

export interface Effective {
  readonly loaded: LoadedConfig<GatewayConfig>
  /** Entities that are not part of it, by `nameOf`, and why. */
  readonly waiting: ReadonlyMap<string, string>
}

export const nameOf = (kind: string, id: string): string => `${kind} ${id}`

/** What is declared, secrets and all. */
export function declaredIn(base: LoadedConfig<GatewayConfig>): DeclaredBodies {
  return declaredBodies(plainOf(base.tree) as Record<string, unknown>)
}

// a server that does not fit is not served; a policy that does not fit leaves something unprotected, and nothing may go on so
const MAY_WAIT: readonly Kind[] = ['server', 'virtual_server']

/** Throws CONFIG_INVALID when a policy or plugin entry of the store does not go with the rest. */
export function effectiveConfig(
  loader: Loader<GatewayConfig>,
  base: LoadedConfig<GatewayConfig>,
  entities: readonly Stored[],
): Effective {
  const { additions, shadowed } = overlay(entities, namesIn(base))
  const waiting = new Map(
    shadowed.map(({ kind, id }) => [
      nameOf(kind, id),
      'the configuration declares one of this name, or an older policy or entry has it',
    ]),
  )
  for (let left: readonly Addition[] = additions; ; ) {
    try {
      return { loaded: extended(loader, base, left), waiting }
    } catch (error) {
      const misfits = misfitsOf(error)
      const next = left.filter(({ kind, id }) => {
        const reason = MAY_WAIT.includes(kind) ? misfits.get(nameOf(kind, id)) : undefined
        if (reason !== undefined) waiting.set(nameOf(kind, id), reason)
        return reason === undefined
      })
      if (next.length === left.length) throw error
      left = next
    }
  }
}

function extended(
  loader: Loader<GatewayConfig>,
  base: LoadedConfig<GatewayConfig>,
  additions: readonly Addition[],
): LoadedConfig<GatewayConfig> {
  return loader.extend(
    base,
    additions.map(({ kind, id, path, value }) => ({ path, value, source: nameOf(kind, id) })),
  )
}

/** Problems by the entity they stand in. */
function misfitsOf(error: unknown): ReadonlyMap<string, string> {
  const problems = isAppError(error) ? problemsOf(error) : []
  return new Map(problems.map(({ file, message }) => [file, message]))
}

function namesIn(base: LoadedConfig<GatewayConfig>): (kind: Kind) => ReadonlySet<string> {
  const bodies = declaredIn(base)
  const of = (kind: Kind) => [...(bodies.get(kind)?.keys() ?? [])]
  // entries and policies have their names in common
  const entries = new Set([...of('plugin'), ...of('policy')])
  return (kind) => (kind === 'plugin' || kind === 'policy' ? entries : new Set(of(kind)))
}
