// From cells to results: summaries, claims and their verdicts; it measures nothing and formats nothing.
import type { BenchmarkCase, Claim } from './case.ts'
import type { Cell, Measured } from './harness.ts'
import type { Machine, Revision } from './machine.ts'
import { bootstrap, type Interval, type Summary, summarise } from './statistics.ts'

/** `not measured`: what it is compared with was not there; that is never a pass. */
export type Verdict = 'stretch' | 'pass' | 'fail' | 'reported' | 'not measured'

export interface ClaimResult extends Claim {
  readonly interval: Interval
  readonly verdict: Verdict
}

export interface VariantResult extends Summary {
  /** Of the median. */
  readonly interval: Interval
  /** Medians of what else was seen. */
  readonly seen: Readonly<Record<string, number>>
  readonly ours: boolean
}

export interface CaseResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly notes: readonly string[]
  readonly shown: readonly string[]
  readonly curve?: BenchmarkCase['curve']
  readonly plotted?: BenchmarkCase['plotted']
  readonly variants: Readonly<Record<string, VariantResult>>
  readonly claims: readonly ClaimResult[]
  readonly versions: Readonly<Record<string, string>>
  readonly dirty: number
  readonly cells: readonly Cell[]
  readonly sink: number
  /** Seconds. */
  readonly took: number
}

/** A case that could not run, or stopped because an answer was wrong. */
export interface Failure {
  readonly name: string
  readonly reason: string
}

export interface Report {
  readonly schema: 2
  readonly when: string
  readonly command: string
  readonly revision: Revision
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] }
  readonly cases: readonly CaseResult[]
  readonly failures: readonly Failure[]
}

export function resultOf(about: BenchmarkCase, measured: Measured, took: number): CaseResult {
  const { cells, sink } = measured
  const { name, title, unit, notes, shown = DEFAULT_SHOWN, versions = {}, curve, plotted } = about
  const variants = about.variants.map((variant) => [
    variant.name,
    variantOf(
      cells.filter((cell) => cell.variant === variant.name),
      variant.ours === true,
    ),
  ])
  return {
    name,
    title,
    unit,
    notes,
    shown,
    ...(curve ? { curve } : {}),
    ...(plotted ? { plotted } : {}),
    variants: Object.fromEntries(variants),
    claims: about.claims.map((claim) => claimOf(claim, cells)),
    versions,
    dirty: cells.filter((cell) => cell.dirty).length,
    cells,
    sink,
    took,
  }
}

const DEFAULT_SHOWN = ['throughput', 'saturation']

function variantOf(cells: readonly Cell[], ours: boolean): VariantResult {
  const costs = cells.map(({ cost }) => cost)
  const names = new Set(cells.flatMap(({ seen }) => Object.keys(seen)))
  const middle = (name: string) =>
    summarise(cells.map(({ seen }) => seen[name] ?? Number.NaN)).median
  const seen = Object.fromEntries([...names].map((name) => [name, middle(name)]))
  return { ...summarise(costs), interval: bootstrap(costs), seen, ours }
}

/** One value per round, and the median of those. */
export function claimOf(claim: Claim, cells: readonly Cell[]): ClaimResult {
  const of = (variant: string) => cells.filter((cell) => cell.variant === variant)
  const mine = of(claim.variant)
  const values = (claim.last === undefined ? mine : mine.slice(-claim.last)).map((cell) => {
    // paired within the round: what slows the machine slows both
    const beside = (variant: string | undefined) =>
      variant === undefined ? undefined : of(variant).find(({ round }) => round === cell.round)
    return measured(claim, cell, beside(claim.reference), beside(claim.base))
  })
  const interval = bootstrap(values)
  return { ...claim, interval, verdict: judge(claim, interval) }
}

function measured(
  claim: Claim,
  cell: Cell,
  reference: Cell | undefined,
  base: Cell | undefined,
): number {
  const per = claim.per ?? 1
  const under = claim.base === undefined ? 0 : quantity(claim, base)
  const value = quantity(claim, cell) - under
  if (claim.measure === 'value') return value / per
  const other = quantity(claim, reference) - under
  return claim.measure === 'ratio' ? value / other : (value - other) / per
}

function quantity({ of }: Claim, cell: Cell | undefined): number {
  return (of === undefined ? cell?.cost : cell?.seen[of]) ?? Number.NaN
}

export type Limits = Pick<Claim, 'must' | 'stretch' | 'more'>

/** The bad end of the interval decides: the high one, or the low one where more is better. */
export function judge({ must, stretch, more = false }: Limits, interval: Interval): Verdict {
  if (Number.isNaN(interval.median)) return 'not measured'
  const within = (limit: number) => (more ? interval.low >= limit : interval.high <= limit)
  if (stretch !== undefined && within(stretch)) return 'stretch'
  if (must === undefined) return 'reported'
  return within(must) ? 'pass' : 'fail'
}
