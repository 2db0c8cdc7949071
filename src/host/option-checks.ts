// What the schemas of `plugins` and `policies` cannot say: names, points, and keys that belong together; it loads no plugin.
import { suggest } from '../base/suggest.ts'
import type { Check, Report } from '../config/load.ts'
import { POINT_ALIASES, POINT_NAMES, POINTS } from '../points/table.ts'
import type { PluginEntry, PluginsOptions, Policy } from './options.ts'
import { isRange } from './version.ts'

/** Every point and alias; true when the gateway fires it, otherwise what it waits for. */
export type KnownPoints = ReadonlyMap<string, boolean | string>

/** The points as the table has them. */
export function knownPoints(): KnownPoints {
  const known = new Map<string, boolean | string>(
    POINT_NAMES.map((name) => [name, POINTS[name].wired]),
  )
  for (const [alias, name] of Object.entries(POINT_ALIASES)) known.set(alias, POINTS[name].wired)
  return known
}

type Path = (string | number)[]

/** The checks of the two sections against the table of points. */
export function createPluginChecks(points: KnownPoints = knownPoints()): Check[] {
  return [
    {
      sections: ['plugins'],
      run(config, report) {
        const { entries, defaults } = config.plugins as PluginsOptions
        entries.forEach((entry, index) => {
          const path = ['plugins', 'entries', index]
          checkPoints(entry.hooks ?? [], [...path, 'hooks'], points, report)
          checkErrors(entry, defaults.on_error, path, report)
          if (entry.version !== undefined && !isRange(entry.version))
            report(
              [...path, 'version'],
              `plugins.entries[${index}].version: expected a range such as ^1.2.0, found "${entry.version}"`,
            )
        })
      },
    },
    {
      sections: ['policies', 'plugins'],
      run(config, report) {
        const { defaults } = config.plugins as PluginsOptions
        ;(config.policies as readonly Policy[]).forEach((policy, index) => {
          checkPoints(policy.on, ['policies', index, 'on'], points, report)
          checkErrors(policy, defaults.on_error, ['policies', index], report)
          checkOutcome(policy, index, report)
        })
      },
    },
    { sections: ['policies', 'plugins'], run: checkNames },
  ]
}

/** The check of the `limits.points` names, which are points too. */
export function createLimitChecks(points: KnownPoints = knownPoints()): Check[] {
  return [
    {
      sections: ['limits'],
      run(config, report) {
        const { points: limits } = config.limits as { points: Readonly<Record<string, number>> }
        for (const name of Object.keys(limits))
          checkPoint(name, ['limits', 'points', name], points, report, { key: true })
      },
    },
  ]
}

function checkPoints(
  names: readonly string[],
  path: Path,
  points: KnownPoints,
  report: Report,
): void {
  names.forEach((name, index) => {
    checkPoint(name, [...path, index], points, report)
  })
}

function checkPoint(
  name: string,
  path: Path,
  points: KnownPoints,
  report: Report,
  options = {},
): void {
  const fires = points.get(name)
  if (fires === undefined)
    report(path, `there is no point "${name}"`, {
      ...options,
      suggestion: suggest(name, points.keys()),
    })
  else if (fires !== true) {
    const wait = typeof fires === 'string' ? `: waits for ${fires}` : ''
    report(path, `the point ${name} is declared, not yet fired${wait}`, {
      ...options,
      notBuilt: true,
    })
  }
}

// docs/pipeline.md section 5: observers never take a call down, and only `disable` has a breaker
function checkErrors(
  entry: PluginEntry | Policy,
  fallback: string,
  path: Path,
  report: Report,
): void {
  const observes = entry.mode === 'audit' || entry.mode === 'background'
  if (observes && entry.on_error !== undefined)
    report(
      [...path, 'on_error'],
      `on_error has no meaning with mode: ${entry.mode}; its faults are counted and harm nobody`,
      { key: true },
    )
  else if (entry.breaker !== undefined && (observes || (entry.on_error ?? fallback) !== 'disable'))
    report([...path, 'breaker'], 'a breaker needs on_error: disable', { key: true })
}

/** What each `then` needs and may have, besides what every policy has. */
const OUTCOMES: Readonly<
  Record<Policy['then'], { needs?: keyof Policy; may: readonly (keyof Policy)[] }>
> = {
  deny: { needs: 'reason', may: ['code'] },
  patch: { needs: 'patch', may: [] },
  respond: { needs: 'respond', may: [] },
  ask: { needs: 'reason', may: [] },
  label: { needs: 'labels', may: [] },
  alert: { needs: 'reason', may: ['severity', 'code'] },
  log: { may: ['reason', 'code'] },
}
const OUTCOME_KEYS = ['code', 'reason', 'patch', 'respond', 'labels', 'severity'] as const

function checkOutcome(policy: Policy, index: number, report: Report): void {
  const path = ['policies', index]
  const { needs, may } = OUTCOMES[policy.then]
  if (needs !== undefined && policy[needs] === undefined)
    report(path, `policies[${index}]: the key "${needs}" is missing; then: ${policy.then} needs it`)
  for (const key of OUTCOME_KEYS)
    if (policy[key] !== undefined && key !== needs && !may.includes(key))
      report([...path, key], `${key} has no meaning with then: ${policy.then}`, { key: true })
  const changes = policy.then === 'patch' || policy.then === 'respond' || policy.then === 'ask'
  if (policy.mode === 'guard' && changes)
    report(
      [...path, 'mode'],
      `a guard sees the final payload and cannot ${policy.then}; use mode: enforce`,
    )
}

function checkNames(config: Readonly<Record<string, unknown>>, report: Report): void {
  const { entries } = config.plugins as PluginsOptions
  const policies = config.policies as readonly Policy[]
  const names = new Set([...entries, ...policies].map(({ name }) => name))
  const taken = new Set(entries.map(({ name }) => name))
  policies.forEach(({ name }, index) => {
    if (taken.has(name))
      report(
        ['policies', index, 'name'],
        `the name "${name}" is already used by an entry of plugins.entries`,
      )
  })
  entries.forEach((entry, index) => {
    for (const relation of ['before', 'after'] as const)
      entry[relation]?.forEach((other, place) => {
        if (!names.has(other))
          report(
            ['plugins', 'entries', index, relation, place],
            `there is no entry or policy "${other}"`,
            { suggestion: suggest(other, names) },
          )
      })
  })
}
