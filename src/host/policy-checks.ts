// Whether what a policy does can be done at its points, known before anything runs: the outcome of `rules` against the table.
import { isObject } from '../base/json.ts'
import { suggest } from '../base/suggest.ts'
import { declarationOf, type PointName } from '../points/table.ts'
import { type PlannedEntry, RULES } from './loading/plan.ts'
import type { Path } from './problem.ts'

type Fail = (path: Path, message: string, suggestion?: string) => void

export function checkOutcome(entry: PlannedEntry, point: PointName, fail: Fail): void {
  if (entry.use !== RULES) return
  const { then, patch, respond } = entry.config as Record<string, unknown>
  const rules = declarationOf(point)
  const path = [...entry.configPath, 'then']
  if (then === 'deny' && !rules.deny)
    fail(path, `nothing can be denied at ${point}; use then: alert or log`)
  if (then === 'respond' && !rules.respond)
    fail(path, `${point} cannot be answered; use it at a point whose operation can`)
  if (then === 'respond' && isObject(respond) && rules.entitled?.(respond))
    fail([...entry.configPath, 'respond'], `a policy grants nothing at ${point}; a role does`)
  if (then === 'ask' && !rules.ask)
    fail(
      path,
      `nobody can be asked at ${point}; a person is asked before tools, prompts and resources`,
    )
  if (then !== 'patch' || typeof patch !== 'object' || patch === null) return
  const writable = Object.keys(rules.writable)
  for (const field of Object.keys(patch))
    if (!writable.includes(field))
      fail(
        [...entry.configPath, 'patch', field],
        writable.length === 0
          ? `nothing is writable at ${point}`
          : `the field ${field} is not writable at ${point}; writable: ${writable.join(', ')}`,
        suggest(field, writable),
      )
}
