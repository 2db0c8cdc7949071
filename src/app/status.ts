// What /readyz says, put together from what the rooms know of themselves.
import type { Readiness } from '../admin/server.ts'
import type { StepStats } from '../engine/stats.ts'
import type { Assembly } from './assemble.ts'

export interface StatusInput {
  readonly draining: boolean
  readonly auditHealthy: boolean
  readonly stats: readonly StepStats[]
}

/** Not ready: starting, draining, or without a server it must not be without. The rest is told and does not take traffic away. */
export function readinessOf(
  assembly: Assembly | undefined,
  { draining, auditHealthy, stats }: StatusInput,
): Readiness {
  const servers = [...(assembly?.servers.values() ?? [])].map(({ upstream }) => ({
    name: upstream.name,
    state: upstream.status.state,
    eras: upstream.status.eras,
    required: upstream.required,
    restarts: upstream.status.restarts,
    ...(upstream.status.error ? { reason: upstream.status.error } : {}),
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
  }
}
