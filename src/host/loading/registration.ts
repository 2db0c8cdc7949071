// A loaded instance as registrations for the engine: the entry's settings beside each handler, and dry runs that keep nothing.
import type { Handler, Registration } from '../../engine/registry.ts'
import { mayAuthorize } from '../permissions.ts'
import type { DryRuns } from '../services/storage.ts'
import type { BoundEntry } from './bind.ts'
import type { LoadedInstance } from './instance.ts'

export function registrationsOf(
  { entry, facts }: BoundEntry,
  instance: LoadedInstance,
  dryRuns: DryRuns,
  digest: string,
): Registration[] {
  const { mode } = entry
  if (mode === 'disabled') return []
  return Array.from(instance.handlers, ([point, handler]) => ({
    entry: entry.name,
    plugin: facts.id,
    point,
    mode,
    priority: entry.priority,
    order: entry.order,
    timeout: entry.timeout ?? facts.timeout ?? entry.defaultTimeout,
    onError: entry.onError,
    ...(entry.onError === 'disable' ? { breaker: entry.breaker } : {}),
    redacts: facts.redacts,
    external: facts.sideEffects === 'external',
    entitled: mayAuthorize(facts.permissions, entry.grants),
    before: entry.before,
    after: entry.after,
    conditions: entry.conditions,
    when: entry.when,
    handler: withDryRuns(handler, dryRuns),
    digest,
    asynchronous: handler.constructor.name === 'AsyncFunction',
  }))
}

// what a dry run writes is dropped here, whatever the plugin does
function withDryRuns(handler: Handler, dryRuns: DryRuns): Handler {
  return (payload, context) =>
    context.dryRun ? dryRuns.run(() => handler(payload, context)) : handler(payload, context)
}
