// From cells to a report: summaries, claims with their verdicts, JSON and Markdown; it measures nothing.
import type { BenchmarkCase, Claim } from './case.ts'
import type { Cell, Measured } from './harness.ts'
import { bootstrap, type Interval, type Summary, summarise } from './statistics.ts'

/** `not measured`: what it is compared with was not there; that is never a pass. */
export type Verdict = 'stretch' | 'pass' | 'fail' | 'reported' | 'not measured'

export interface ClaimResult extends Claim {
  readonly interval: Interval
  readonly verdict: Verdict
}

export interface CaseResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly notes: readonly string[]
  readonly summaries: Readonly<Record<string, Summary>>
  readonly claims: readonly ClaimResult[]
  readonly dirty: number
  readonly cells: readonly Cell[]
  readonly sink: number
}

export interface Report {
  readonly schema: 1
  readonly when: string
  readonly command: string
  readonly revision: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] }
  readonly cases: readonly CaseResult[]
}

export function resultOf(about: BenchmarkCase, { cells, sink }: Measured): CaseResult {
  const of = (variant: string) => cells.filter((cell) => cell.variant === variant)
  const summaries = Object.fromEntries(
    about.variants.map(({ name }) => [name, summarise(of(name).map(({ cost }) => cost))]),
  )
  const claims = about.claims.map((claim): ClaimResult => {
    const values = of(claim.variant).map((cell) => {
      const beside = (variant: string | undefined) =>
        variant === undefined ? undefined : of(variant).find(({ round }) => round === cell.round)
      return measured(claim, cell, beside(claim.reference), beside(claim.base))
    })
    const interval = bootstrap(values)
    return { ...claim, interval, verdict: judge(claim, interval) }
  })
  const { name, title, unit, notes } = about
  const dirty = cells.filter((cell) => cell.dirty).length
  return { name, title, unit, notes, summaries, claims, dirty, cells, sink }
}

// paired within the round: what slows the machine slows both
function measured(
  claim: Claim,
  cell: Cell,
  reference: Cell | undefined,
  base: Cell | undefined,
): number {
  const per = claim.per ?? 1
  const under = claim.base === undefined ? 0 : quantity(claim, base)
  const value = quantity(claim, cell) - under
  const other = quantity(claim, reference) - under
  if (claim.measure === 'ratio') return value / other
  return (claim.measure === 'difference' ? value - other : value) / per
}

function quantity({ of }: Claim, cell: Cell | undefined): number {
  return (of === undefined ? cell?.cost : cell?.seen[of]) ?? Number.NaN
}

/** The bad end of the interval decides: the high one, or the low one where more is better. */
export function judge({ must, stretch, more = false }: Limits, interval: Interval): Verdict {
  if (Number.isNaN(interval.median)) return 'not measured'
  if (must === undefined) return 'reported'
  const within = (limit: number) => (more ? interval.low >= limit : interval.high <= limit)
  if (stretch !== undefined && within(stretch)) return 'stretch'
  return within(must) ? 'pass' : 'fail'
}

export type Limits = Pick<Claim, 'must' | 'stretch' | 'more'>

export function markdown(report: Report): string {
  const { revision, node, cpu, cores, load } = report
  const head = [
    '# Benchmarks',
    '',
    `Made by \`${report.command}\` at ${report.when}, revision ${revision}, Node ${node}, ${cores} cores of ${cpu}, load ${load.before.join(' ')} before and ${load.after.join(' ')} after.`,
    'A claim passes only if the bad end of its 95 % interval does. Ratios are paired within rounds of one run; absolute numbers are of this machine.',
  ]
  return `${[...head, ...report.cases.flatMap(section)].join('\n')}\n`
}

function section(result: CaseResult): string[] {
  const claims = result.claims.map(({ id, what, interval, unit, must, stretch, verdict }) =>
    row([
      id,
      what,
      `${number(interval.median)}${unit} (${number(interval.low)} to ${number(interval.high)})`,
      limit(must, unit),
      limit(stretch, unit),
      verdict,
    ]),
  )
  const variants = Object.entries(result.summaries).map(([name, { median, min, mad }]) =>
    row([name, number(median), number(min), number(mad)]),
  )
  return [
    '',
    `## ${result.title}`,
    '',
    ...result.notes.map((note) => `* ${note}`),
    `* ${result.dirty} of ${result.cells.length} cells were measured while others used more than a quarter of a core.`,
    '',
    ...table(['claim', 'what', 'measured (95 %)', 'must', 'stretch', 'verdict'], claims),
    '',
    ...table(['variant', `median ${result.unit}`, 'min', 'MAD'], variants),
  ]
}

function table(head: readonly string[], rows: readonly string[]): string[] {
  return [row(head), row(head.map(() => '---')), ...rows]
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function limit(value: number | undefined, unit: string): string {
  return value === undefined ? '' : `${number(value)}${unit}`
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-GB', { maximumFractionDigits: digits })
}
