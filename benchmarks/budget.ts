// The limits that continuous integration holds a quick run to: coarser than the goals, because its machines are noisy.
import { readFileSync } from 'node:fs'
import type { ClaimResult } from './report.ts'
import { judge } from './report.ts'

export interface Budget {
  /** The cases of a quick run. */
  readonly cases: readonly string[]
  /** By the id of a claim. */
  readonly limits: Readonly<Record<string, number>>
}

export function readBudget(): Budget {
  return parseBudget(readFileSync(new URL('budget.json', import.meta.url), 'utf8'))
}

/** Throws when it is not of the shape: a budget that holds nothing to anything must not look like one. */
export function parseBudget(text: string): Budget {
  const { cases, limits } = JSON.parse(text) as Partial<Budget>
  if (!Array.isArray(cases) || cases.length === 0) throw new Error('budget.json: no cases')
  const entries = Object.entries(limits ?? {})
  const wrong = entries.find(([, limit]) => !(typeof limit === 'number' && limit > 0))
  if (wrong) throw new Error(`budget.json: the limit of ${wrong[0]} is no positive number`)
  if (entries.length === 0) throw new Error('budget.json: no limits')
  return { cases, limits: limits ?? {} }
}

/** What is over the budget, or in it and was not measured, one sentence each. */
export function overBudget({ limits }: Budget, claims: readonly ClaimResult[]): string[] {
  return Object.entries(limits).flatMap(([id, limit]) => {
    const claim = claims.find((candidate) => candidate.id === id)
    if (!claim) return [`${id} was not measured`]
    const { interval, more = false } = claim
    const verdict = judge({ must: limit, more }, interval)
    if (verdict === 'pass') return []
    const [bad, least] = more ? [interval.low, 'at least'] : [interval.high, 'at most']
    return [`${id}: ${claim.what}: ${bad.toFixed(2)}${claim.unit}, ${least} ${limit}${claim.unit}`]
  })
}
