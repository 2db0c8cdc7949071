// What a run must reach: so many checks passed, and every one that fails named with its reason. Runs nothing.
import type { Check, Results } from './suite.ts'

export interface Figure {
  /** At least. The goal of the run is in `goal`; raise this one when more is reached. */
  passed: number
  goal: number
  /** Why a check fails, by `scenario > name of the check`, or by scenario alone; `*` stands for any text. */
  failing: Readonly<Record<string, string>>
  /** What the checks that fail without being named wait for; left out when none may. */
  waits?: string
}

/** The runs, by their names in `figures.json`. */
export type Figures = Readonly<Record<string, Figure>>

export interface Standing {
  readonly passed: number
  /** `scenario > name: message` of each check that failed. */
  readonly failed: readonly string[]
  /** Those of them that nobody named. */
  readonly unnamed: readonly string[]
  /** Why the run is not good enough; empty when it is. */
  readonly faults: readonly string[]
}

export function stand(figure: Figure, results: Results): Standing {
  const names = Object.keys(figure.failing)
  const patterns = names.map((name) => [name, patternOf(name)] as const)
  const used = new Set<string>()
  const failed: string[] = []
  const unnamed: string[] = []
  for (const [scenario, check] of failures(results)) {
    const key = `${scenario} > ${check.name}`
    const line = check.errorMessage === undefined ? key : `${key}: ${check.errorMessage}`
    failed.push(line)
    const named = patterns.filter(([, pattern]) => pattern.test(key))
    for (const [name] of named) used.add(name)
    if (named.length === 0) unnamed.push(line)
  }
  const passed = [...results.values()].flat().filter(({ status }) => status === 'SUCCESS').length
  const faults = [
    ...(passed < figure.passed ? [`${passed} passed, at least ${figure.passed} must`] : []),
    ...(figure.waits === undefined ? unnamed.map((line) => `fails without a reason: ${line}`) : []),
    ...names
      .filter((name) => !used.has(name))
      .map((name) => `has a reason, but does not fail: ${name}`),
  ]
  return { passed, failed, unnamed, faults }
}

function* failures(results: Results): Generator<[string, Check]> {
  for (const [scenario, checks] of results)
    for (const check of checks) if (check.status === 'FAILURE') yield [scenario, check]
}

function patternOf(name: string): RegExp {
  const text = name.split('*').map(RegExp.escape).join('.*')
  return new RegExp(`^${text}${name.includes(' > ') ? '' : ' > .*'}$`)
}
