// What became of an entry, as the status that listings and /readyz show; it decides nothing.
import type { PlannedEntry } from './loading/plan.ts'
import type { Attempt, ReadyEntry } from './loading/stages.ts'
import type { EntryStatus } from './status.ts'

/** Why an entry that was named with `--unsafe-without` is not there. */
export const BROKEN_GLASS = 'left out by --unsafe-without'

export function statusOf(
  entry: PlannedEntry,
  result: { readonly ready: ReadyEntry; readonly attempt: Attempt } | undefined,
  withoutIt: boolean,
): EntryStatus {
  const facts = result?.ready.facts
  const attempt = result?.attempt
  const loaded = attempt?.state === 'loaded' ? attempt.registrations : undefined
  const reason = withoutIt
    ? BROKEN_GLASS
    : attempt === undefined
      ? 'mode: disabled'
      : reasonOf(attempt)
  return {
    name: entry.name,
    plugin: entry.use,
    version: facts?.version ?? '',
    source: facts?.source,
    kind: entry.kind,
    mode: entry.mode,
    priority: entry.priority,
    hooks: (loaded?.map(({ point }) => point) ??
      entry.hooks ??
      facts?.hooks ??
      []) as EntryStatus['hooks'],
    state: attempt?.state ?? 'disabled',
    ...(reason === undefined ? {} : { reason }),
    required: entry.required,
    redacts: facts?.redacts ?? false,
    description: entry.description ?? facts?.description ?? '',
    ...(withoutIt ? { breakGlass: true as const } : {}),
  }
}

function reasonOf(attempt: Attempt): string | undefined {
  return attempt.state === 'loaded' ? undefined : attempt.reason
}
