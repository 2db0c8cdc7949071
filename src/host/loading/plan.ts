// The sections `plugins` and `policies` as one list of entries with all defaults filled in; it looks for no plugin.
import type { ConditionSet } from '../../engine/condition.ts'
import type { Mode, OnError } from '../../engine/mode.ts'
import type { Permissions } from '../../plugin.ts'
import { POINT_ALIASES, type PointName } from '../../points/table.ts'
import type { PluginEntry, PluginsOptions, Policy } from '../options.ts'
import type { Path } from '../problem.ts'

/** The plugin that runs the section `policies`. */
export const RULES = 'rules'

/** One entry or policy, ready to be loaded. */
export interface PlannedEntry {
  readonly kind: 'entry' | 'policy'
  readonly name: string
  readonly use: string
  readonly description: string | undefined
  /** A range of versions. */
  readonly version: string | undefined
  /** Undefined: all that the plugin declares. */
  readonly hooks: readonly PointName[] | undefined
  readonly mode: Mode | 'disabled'
  readonly priority: number
  readonly order: number
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly conditions: readonly ConditionSet[] | undefined
  readonly when: string | undefined
  /** Undefined: what the plugin says of itself, else the default. */
  readonly timeout: number | undefined
  readonly defaultTimeout: number
  readonly onError: OnError
  readonly breaker: { readonly faults: number; readonly open: number }
  readonly required: boolean
  readonly grants: Permissions
  readonly config: Readonly<Record<string, unknown>>
  /** Where it stands in the configuration, and where its `hooks` and its `config` do. */
  readonly path: Path
  readonly hooksPath: Path
  readonly configPath: Path
}

/** Entries in file order, then policies in file order: that order decides between equal priorities. */
export function planEntries(plugins: PluginsOptions, policies: readonly Policy[]): PlannedEntry[] {
  const entries = plugins.entries.map((entry, index) => fromEntry(entry, index, plugins))
  const rules = policies.map((policy, index) =>
    fromPolicy(policy, index, entries.length + index, plugins),
  )
  return [...entries, ...rules]
}

function fromEntry(entry: PluginEntry, index: number, plugins: PluginsOptions): PlannedEntry {
  const path = ['plugins', 'entries', index]
  return {
    kind: 'entry',
    use: entry.use,
    description: undefined,
    version: entry.version,
    hooks: entry.hooks?.map(pointOf),
    before: entry.before ?? [],
    after: entry.after ?? [],
    required: entry.required ?? requiredBy(entry.mode),
    grants: entry.grants,
    config: entry.config,
    path,
    hooksPath: [...path, 'hooks'],
    configPath: [...path, 'config'],
    ...scheduleOf(entry, index, plugins),
  }
}

function fromPolicy(
  policy: Policy,
  index: number,
  order: number,
  plugins: PluginsOptions,
): PlannedEntry {
  const path = ['policies', index]
  // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
  const outcome: Record<string, unknown> = { then: policy.then }
  for (const key of OUTCOME_KEYS) if (policy[key] !== undefined) outcome[key] = policy[key]
  return {
    kind: 'policy',
    use: RULES,
    description:
      policy.description ?? (policy.reason ? `${policy.then}: ${policy.reason}` : policy.then),
    version: undefined,
    hooks: policy.on.map(pointOf),
    before: [],
    after: [],
    required: requiredBy(policy.mode),
    grants: {},
    config: outcome,
    path,
    hooksPath: [...path, 'on'],
    configPath: path,
    ...scheduleOf(policy, order, plugins),
  }
}

const OUTCOME_KEYS = ['code', 'reason', 'patch', 'respond', 'labels', 'severity'] as const

function scheduleOf(
  source: PluginEntry | Policy,
  order: number,
  { defaults }: PluginsOptions,
): Pick<
  PlannedEntry,
  | 'name'
  | 'mode'
  | 'priority'
  | 'order'
  | 'conditions'
  | 'when'
  | 'timeout'
  | 'defaultTimeout'
  | 'onError'
  | 'breaker'
> {
  // docs/pipeline.md section 5: the default does not apply to observers; their faults never take a call down
  const observes = source.mode === 'audit' || source.mode === 'background'
  return {
    name: source.name,
    mode: source.mode,
    priority: source.priority,
    order,
    conditions: source.conditions,
    when: source.when,
    timeout: source.timeout,
    defaultTimeout: defaults.timeout,
    onError: observes ? 'ignore' : (source.on_error ?? defaults.on_error),
    breaker: source.breaker ?? defaults.breaker,
  }
}

function requiredBy(mode: string): boolean {
  return mode === 'enforce' || mode === 'guard'
}

function pointOf(name: string): PointName {
  return POINT_ALIASES[name] ?? (name as PointName)
}
