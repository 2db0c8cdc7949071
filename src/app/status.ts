// What /readyz says, put together from what the rooms know of themselves.
import type { Readiness } from '../admin/server.ts'
import type { StepStats } from '../engine/stats.ts'
import { toldOf } from '../upstream/report.ts'
import type { Assembly } from './generation/assemble.ts'

export interface StatusInput {
  readonly draining: boolean
  readonly auditHealthy: boolean
  readonly stats: readonly StepStats[]
  /** Undefined: there is no control plane. */
  readonly control?: ControlStatus | undefined
}

/** How the control plane is, and whether what it holds is in force. */
export interface ControlStatus {
  /** Whether the store can be read. */
  readonly healthy: boolean
  readonly revision: number
  /** Why what was written last is not in force. */
  readonly behind: string | undefined
}

/** Not ready: starting, draining, or without a server it must not be without. The rest is told and does not take traffic away. */
export function readinessOf(
  assembly: Assembly | undefined,
  { draining, auditHealthy, stats, control }: StatusInput,
): Readiness {
  const servers = [...(assembly?.servers.values() ?? [])].map(({ upstream }) => ({
    name: upstream.name,
    ...toldOf(upstream),
    admission: upstream.admission,
    eras: upstream.status.eras,
    required: upstream.required,
    restarts: upstream.status.restarts,
  }))
  const entries = assembly?.plugins.entries ?? []
  const reasons = [
    ...(assembly ? [] : ['starting']),
    ...(draining ? ['draining'] : []),
    ...servers
      .filter((server) => server.required && server.state !== 'ready')
      .map((server) => `the server ${server.name} is ${server.state}`),
  ]
  return {
    ready: reasons.length === 0,
    reasons,
    generation: assembly?.runtime.generation.id ?? 0,
    servers,
    not_loaded: entries
      .filter((entry) => entry.state !== 'loaded' && entry.state !== 'disabled')
      .map(({ name, plugin, state, reason }) => ({ name, plugin, state, reason })),
    break_glass: entries.filter((entry) => entry.breakGlass).map((entry) => entry.name),
    failed_open: stats
      .filter((step) => step.failedOpen > 0)
      .map(({ point, entry, failedOpen }) => ({ point, entry, count: failedOpen })),
    audit: auditHealthy ? 'ok' : 'records cannot be written',
    ...(control ? { control: controlOf(control) } : {}),
  }
}

function controlOf({ healthy, revision, behind }: ControlStatus): object {
  const store = healthy ? 'ok' : 'cannot be read: what runs stays in force, nothing can be changed'
  return { store, revision, ...(behind === undefined ? {} : { behind }) }
}
