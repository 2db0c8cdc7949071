// All entries of one load against what plugins there are: every mistake with its place, before any plugin code runs.
import type { ExpressionCompiler } from '../../engine/condition.ts'
import type { Catalogue } from '../discovery/discover.ts'
import { type LoadProblem, type Locate, problemsError } from '../problem.ts'
import type { SharedServices } from '../services/services.ts'
import { bindEntry } from './bind.ts'
import { createConfigurer } from './configure.ts'
import type { PlannedEntry } from './plan.ts'
import type { ReadyEntry } from './stages.ts'

export interface CheckInput {
  readonly locate: Locate
  readonly compiler: ExpressionCompiler
  readonly warnings: LoadProblem[]
  readonly services: Pick<SharedServices, 'configSchemas'>
  find(): Promise<Catalogue>
}

/** All entries are checked before any of their code runs, so that one load names all that is wrong. */
export async function checkEntries(
  entries: readonly PlannedEntry[],
  input: CheckInput,
): Promise<ReadyEntry[]> {
  if (entries.length === 0) return []
  const { locate, compiler, warnings } = input
  const catalogue = await input.find()
  const problems: LoadProblem[] = [...catalogue.problems]
  const report = (problem: LoadProblem): void => void problems.push(problem)
  const configure = createConfigurer(locate, report, input.services.configSchemas)
  const ready: ReadyEntry[] = []
  for (const entry of entries) {
    const bound = bindEntry(entry, {
      catalogue,
      compiler,
      locate,
      report,
      warn: (problem) => warnings.push(problem),
    })
    const settings = bound && (await configure(bound))
    if (bound && settings) ready.push({ ...bound, settings })
  }
  const used = new Set(entries.map((entry) => entry.use))
  for (const { id, problems: broken } of catalogue.broken)
    if (!used.has(id)) warnings.push(...broken)
  if (problems.length > 0) throw problemsError(problems)
  return ready
}
