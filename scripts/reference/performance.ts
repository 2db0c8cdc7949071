// docs/performance.md: its text from the template beside this file, its numbers from the last full run of the benchmarks; it measures nothing.
import { readFileSync } from 'node:fs'
import { number } from '../../benchmarks/markdown.ts'
import type { CaseResult, ClaimResult, Report } from '../../benchmarks/report.ts'
import { table } from './markdown.ts'

const TEMPLATE = new URL('performance.template.md', import.meta.url)
const RESULTS = new URL('../../benchmarks/results/latest.json', import.meta.url)

export function performanceReference(): string {
  const report = JSON.parse(readFileSync(RESULTS, 'utf8')) as Report
  return fill(readFileSync(TEMPLATE, 'utf8'), report)
}

/** `{{run}}`, `{{claims}}`, `{{missed}}`, and `{{ID}}` of a claim. Throws for a name that the run does not have. */
function fill(template: string, report: Report): string {
  const claims = new Map(
    report.cases.flatMap(({ claims: of }) => of.map((claim) => [claim.id, claim] as const)),
  )
  return template.replace(/\{\{([^}]+)\}\}/g, (_all, name: string) => {
    if (name === 'run') return runOf(report)
    if (name === 'claims') return claimTable(report.cases)
    if (name === 'missed') return missedList(report.cases)
    const claim = claims.get(name)
    if (!claim) throw new Error(`the last run has no claim ${name}`)
    return measured(claim)
  })
}

function runOf({ when, command, revision, machine, versions }: Report): string {
  const { commit, dirty, code } = revision
  const { node, wrk, nginx } = versions as Partial<Record<string, string>>
  const tools = [node && `Node ${node}`, wrk && `wrk ${wrk}`, nginx && `nginx ${nginx}`]
  return [
    `\`${command}\` on ${when.slice(0, 10)}`,
    `commit ${commit}${dirty ? ' with uncommitted changes' : ''}`,
    code === 'built' ? 'built code' : 'run from source',
    tools.filter(Boolean).join(', '),
    `${machine.cores} cores of ${machine.cpu}`,
  ].join('; ')
}

function claimTable(cases: readonly CaseResult[]): string {
  const rows = cases.flatMap(({ name, claims }) =>
    claims
      .filter(({ must, stretch }) => must !== undefined || stretch !== undefined)
      .map((claim) => [
        claim.id,
        claim.what,
        measured(claim),
        limit(claim, claim.must),
        limit(claim, claim.stretch),
        claim.verdict,
        `\`npm run bench -- --only ${name}\``,
      ]),
  )
  const head = ['goal', 'what', 'measured (95 %)', 'must', 'stretch', 'verdict', 'command']
  return table(head, rows).trimEnd()
}

function missedList(cases: readonly CaseResult[]): string {
  const missed = cases.flatMap(({ claims }) =>
    claims.filter(({ verdict }) => verdict === 'fail').map((claim) => claim.id),
  )
  return missed.length === 0 ? 'none' : missed.join(', ')
}

function measured({ interval, unit, verdict }: ClaimResult): string {
  if (verdict === 'not measured') return 'not measured'
  const { median, low, high } = interval
  return `${number(median)}${unit} (${number(low)} to ${number(high)})`
}

function limit({ more, unit }: ClaimResult, value: number | undefined): string {
  return value === undefined ? '' : `${more ? '≥' : '≤'} ${number(value)}${unit}`
}
