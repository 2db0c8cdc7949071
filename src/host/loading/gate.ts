// The two gates of docs/pipeline.md section 8: nothing loads unless both are open, and what was configured never silently stays out.
import { AppError } from '../../base/errors.ts'
import { suggest } from '../../base/suggest.ts'
import type { PluginsOptions } from '../options.ts'
import {
  type LoadProblem,
  type Locate,
  loadProblem,
  type Path,
  problemsError,
  problemText,
} from '../problem.ts'
import type { PlannedEntry } from './plan.ts'

export interface GateInput {
  readonly plugins: PluginsOptions
  readonly entries: readonly PlannedEntry[]
  /** Names given with `--unsafe-without`. */
  readonly without: readonly string[]
  readonly locate: Locate
}

/** The entries that may load. Throws PLUGIN_GATE with every place that is closed. */
export function passGates({ plugins, entries, without, locate }: GateInput): PlannedEntry[] {
  refuseUnknown(without, entries)
  const left = entries.filter((entry) => !without.includes(entry.name))
  const problems = left.flatMap((entry) => closedFor(entry, plugins, locate))
  if (problems.length > 0) throw gateError(problems)
  return left
}

function closedFor(entry: PlannedEntry, plugins: PluginsOptions, locate: Locate): LoadProblem[] {
  const what = entry.kind === 'policy' ? 'policy' : 'entry'
  if (!plugins.enabled) {
    const message = `the ${what} "${entry.name}" is configured but plugins.enabled is false; it would protect nothing`
    return [loadProblem('PLUGIN_GATE', locate(entry.path), entry.path, message)]
  }
  if (plugins.allowed.includes(entry.use)) return []
  const path: Path = entry.kind === 'policy' ? entry.path : [...entry.path, 'use']
  const message = `the ${what} "${entry.name}" uses the plugin "${entry.use}", which is not in plugins.allowed`
  return [
    loadProblem('PLUGIN_GATE', locate(path), path, message, suggest(entry.use, plugins.allowed)),
  ]
}

// the name operators and their scripts look for; the code stays that of the table
function gateError(problems: readonly LoadProblem[]): AppError {
  const error = new AppError(
    'PLUGIN_GATE',
    `${problems.map(problemText).join('\n')}\nset plugins.enabled and list the id in plugins.allowed, or start with --unsafe-without NAME`,
    { data: { problems } },
  )
  error.name = 'PolicyViolationError'
  return error
}

// a slip of the hand must not leave in force what the operator wanted out, nor hide that it is in force
function refuseUnknown(without: readonly string[], entries: readonly PlannedEntry[]): void {
  const names = entries.map((entry) => entry.name)
  const unknown = without.filter((name) => !names.includes(name))
  if (unknown.length === 0) return
  throw problemsError(
    unknown.map((name) =>
      loadProblem(
        'CONFIG_INVALID',
        undefined,
        [],
        `--unsafe-without ${name}: there is no such entry or policy`,
        suggest(name, names),
      ),
    ),
  )
}
