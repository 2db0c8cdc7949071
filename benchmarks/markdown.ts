// A report as Markdown: all claims first, then each case with its plot and its variants; it decides nothing.
import type { CaseResult, ClaimResult, Report, VariantResult } from './report.ts'

/** `plots` maps the name of a case to the files that show it. */
export function markdown(report: Report, plots: ReadonlyMap<string, readonly string[]>): string {
  return `${[
    '# Benchmarks',
    '',
    ...head(report),
    '',
    ...overview(report.cases),
    ...report.failures.flatMap(({ name, reason }) => ['', `**${name} could not run:** ${reason}`]),
    ...report.cases.flatMap((result) => section(result, plots.get(result.name) ?? [])),
  ].join('\n')}\n`
}

function head({ command, when, revision, machine, versions, load, cases }: Report): string[] {
  const { commit, dirty, code } = revision
  const { cpu, cores, memory, kernel, pinned } = machine
  const all = Object.assign({}, versions, ...cases.map((result) => result.versions))
  const named = Object.entries(all as Record<string, string>)
  return [
    `Made by \`${command}\` at ${when}, revision ${commit}${dirty ? ' with uncommitted changes' : ''}, ${code === 'built' ? 'built code' : 'run from source'}.`,
    '',
    `* ${cores} cores of ${cpu}, ${memory} GiB, Linux ${kernel}; the server under test ${pinned ? 'had a core of its own' : 'was not pinned to a core'}.`,
    `* ${named.map(([name, version]) => `${name} ${version}`).join(', ')}.`,
    `* Load averages ${load.before.join(' ')} before and ${load.after.join(' ')} after.`,
    '* A claim passes only if the bad end of its 95 % interval does. Ratios are paired within rounds of one run; absolute numbers are of this machine.',
  ]
}

function overview(cases: readonly CaseResult[]): string[] {
  const rows = cases.flatMap(({ title, claims }) =>
    claims
      .filter(({ must, stretch }) => must !== undefined || stretch !== undefined)
      .map((claim) => row([...claimCells(claim), title])),
  )
  return rows.length === 0 ? [] : table([...CLAIM_HEAD, 'case'], rows)
}

const CLAIM_HEAD = ['claim', 'what', 'measured (95 %)', 'must', 'stretch', 'verdict']

function claimCells({ id, what, interval, unit, must, stretch, more, verdict }: ClaimResult) {
  const sign = more ? '≥ ' : '≤ '
  return [
    id,
    what,
    verdict === 'not measured'
      ? ''
      : `${number(interval.median)}${unit} (${number(interval.low)} to ${number(interval.high)})`,
    must === undefined ? '' : `${sign}${number(must)}${unit}`,
    stretch === undefined ? '' : `${sign}${number(stretch)}${unit}`,
    verdict,
  ]
}

function section(result: CaseResult, plots: readonly string[]): string[] {
  const { title, unit, notes, dirty, cells, claims, variants, took } = result
  const shown = result.shown.filter((name) =>
    Object.values(variants).some(({ seen }) => !Number.isNaN(seen[name] ?? Number.NaN)),
  )
  const rows = Object.entries(variants).map(([name, variant]) =>
    row(variantCells(name, variant, shown)),
  )
  return [
    '',
    `## ${title}`,
    '',
    ...notes.map((note) => `* ${note}`),
    `* ${dirty} of ${cells.length} cells were measured while others used more than a quarter of a core. The case took ${number(took)} s.`,
    ...plots.flatMap((file) => ['', `![${title}](${file})`]),
    ...(claims.length === 0
      ? []
      : [
          '',
          ...table(
            CLAIM_HEAD,
            claims.map((claim) => row(claimCells(claim))),
          ),
        ]),
    '',
    ...table(['variant', `median ${unit}`, '95 %', 'min', 'MAD', ...shown], rows),
  ]
}

function variantCells(name: string, variant: VariantResult, shown: readonly string[]): string[] {
  const { median, interval, min, mad, seen } = variant
  const range = `${number(interval.low)} to ${number(interval.high)}`
  const more = shown.map((what) => number(seen[what] ?? Number.NaN))
  return [name, number(median), range, number(min), number(mad), ...more]
}

function table(head: readonly string[], rows: readonly string[]): string[] {
  return [row(head), row(head.map(() => '---')), ...rows]
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

export function number(value: number): string {
  if (Number.isNaN(value)) return ''
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-GB', { maximumFractionDigits: digits })
}
