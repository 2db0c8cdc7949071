// Which plots show a case: its costs, its throughput, and lines where its variants or rounds are points of a curve.
import { bars, type Line, lines } from './plot.ts'
import type { CaseResult } from './report.ts'

/** By what the file's name ends with. */
export function plotsOf(result: CaseResult): ReadonlyMap<string, string> {
  if (result.curve?.along === 'variants') return new Map([['', scaling(result)]])
  if (result.curve?.along === 'rounds') return new Map([['', course(result, result.curve.of)]])
  const { plotted } = result
  if (plotted) return new Map([['', seenBars(result, plotted.of, plotted.unit)]])
  const plots = new Map([['', costs(result)]])
  if (Object.values(result.variants).every(({ seen }) => (seen.throughput ?? 0) > 0))
    plots.set(
      '-throughput',
      seenBars(result, 'throughput', 'requests per second on one core, more is better'),
    )
  return plots
}

function costs({ title, unit, variants }: CaseResult): string {
  const rows = Object.entries(variants).map(([name, { median, interval, ours }]) => ({
    name,
    value: median,
    low: interval.low,
    high: interval.high,
    ours,
  }))
  return bars(title, `${unit}, less is better`, rows)
}

function seenBars({ title, variants }: CaseResult, what: string, unit: string): string {
  const rows = Object.entries(variants).map(([name, { seen, ours }]) => ({
    name,
    value: seen[what] ?? 0,
    ours,
  }))
  return bars(title, unit, rows)
}

/** Variants named `10 sync, 200 B, c=32`: one line per kind, over the number. */
function scaling({ title, unit, variants }: CaseResult): string {
  const series = new Map<string, [number, number][]>()
  for (const [name, { median }] of Object.entries(variants)) {
    const [, count = '', kind = '', rest = ''] =
      /^(\d+) (sync|async|plugins), (.*)$/.exec(name) ?? []
    if (!rest.endsWith('c=32')) continue
    // none is where both kinds begin
    for (const each of kind === 'plugins' ? ['sync', 'async'] : [kind]) {
      const key = `${each}, ${rest.replace(', c=32', '')}`
      series.set(key, [...(series.get(key) ?? []), [Number(count), median]])
    }
  }
  const drawn = [...series].map(([name, points]): Line => ({ name, points }))
  return lines(`${title}, 32 connections`, unit, 'plugins before and after each call', drawn)
}

function course({ title, cells, variants }: CaseResult, what: string): string {
  const series = Object.keys(variants).map((name) => ({
    name,
    points: cells
      .filter(({ variant }) => variant === name)
      .map(({ round, seen }) => [round, seen[what] ?? 0] as const),
  }))
  return lines(title, what, 'segment', series)
}
