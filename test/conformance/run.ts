// `npm run conformance`: every run of the suite, compared with the direct one under wired.json and judged by figures.json.
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { root } from '../support/paths.ts'
import { compare, count, directFaults, type Expectation, type Row } from './compare.ts'
import { type Figures, stand } from './figures.ts'
import { type ByRevision, runClients, runDirect, runOver, runThroughGateway } from './runs.ts'
import { type Results, type Revision, revisions } from './suite.ts'

const help = `usage: node test/conformance/run.ts [--only PART] [--direct-only] [--write] [--verbose]
  --only PART    server, bridge or client; all three without it
  --direct-only  run against the fixture, and with its client, alone
  --write        write test/conformance/report.json
  --verbose      show the differences of left out scenarios, and every check that fails
A run is good when its figure in figures.json is reached and every check that fails is named there.`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    'direct-only': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const parts: Readonly<Record<string, (report: Report) => Promise<boolean>>> = {
  server: runServer,
  bridge: runBridges,
  client: runClientSide,
}

/** What is written: without messages and times, so that two runs of the same code write the same report. */
type Report = Record<string, object>

if (options.help) console.log(help)
else process.exitCode = (await run()) ? 0 : 1

async function run(): Promise<boolean> {
  const names = options.only === undefined ? Object.keys(parts) : [options.only]
  const report: Report = {}
  let good = true
  for (const name of names) {
    const part = parts[name]
    if (part === undefined) throw new Error(`there is no part ${name}\n${help}`)
    good = (await part(report)) && good
  }
  if (options.write && options.only === undefined)
    await writeFile(`${root}/test/conformance/report.json`, `${JSON.stringify(report, null, 2)}\n`)
  return good
}

async function runServer(report: Report): Promise<boolean> {
  const list = await readJson<Record<Revision, Expectation>>('wired.json')
  const direct = await runDirect()
  let good = true
  for (const revision of revisions) {
    const faults = directFaults(list[revision], direct[revision])
    const { passed, failed } = count([...direct[revision].values()].flat())
    console.log(`${revision}, directly: ${passed} passed, ${failed} failed`)
    for (const fault of faults) console.log(`  ${fault}`)
    good &&= faults.length === 0
  }
  if (options['direct-only']) return good
  const gateway: ByRevision = await runThroughGateway()
  for (const revision of revisions) {
    const rows = compare(list[revision], direct[revision], gateway[revision])
    print(revision, rows)
    report[revision] = Object.fromEntries(rows.map(summarise))
    good &&= rows.every(({ verdict }) => verdict !== 'differs' && verdict !== 'unlisted')
    good = (await judge(`gateway ${revision}`, gateway[revision])) && good
  }
  return good
}

async function runBridges(report: Report): Promise<boolean> {
  if (options['direct-only']) return true
  const runs = [
    ['modern over legacy', await runOver('legacy', '2026-07-28')],
    ['legacy over modern', await runOver('modern', '2025-11-25')],
  ] as const
  let good = true
  for (const [name, results] of runs) {
    report[name] = counts(results)
    good = (await judge(name, results)) && good
  }
  return good
}

async function runClientSide(report: Report): Promise<boolean> {
  const direct = await runClients('direct')
  const broken = [...direct].filter(([, checks]) => count(checks).failed > 0)
  console.log(`\nclient, directly: ${direct.size - broken.length} of ${direct.size} runs passed`)
  for (const [name, [check]] of broken) console.log(`  ${name}: ${check?.errorMessage}`)
  if (options['direct-only']) return broken.length === 0
  const through = await runClients('through')
  report.client = counts(through)
  return (await judge('client', through)) && broken.length === 0
}

/** Says where a run stands; true when its figure is reached and nothing fails without a reason. */
async function judge(name: string, results: Results): Promise<boolean> {
  const figure = (await readJson<Figures>('figures.json'))[name]
  if (figure === undefined) throw new Error(`figures.json has no ${name}`)
  const { passed, failed, unnamed, faults } = stand(figure, results)
  const required = `at least ${figure.passed}, the goal is ${figure.goal}`
  console.log(`\n${name}: ${passed} passed (${required}), ${failed.length} failed`)
  if (passed > figure.passed) console.log(`  the figure can be raised to ${passed}`)
  for (const fault of faults) console.log(`  ${fault}`)
  if (figure.waits !== undefined && unnamed.length > 0)
    console.log(`  ${unnamed.length} checks wait: ${figure.waits}`)
  if (options.verbose) for (const line of failed) console.log(`    ${line}`)
  return faults.length === 0
}

function counts(results: Results): object {
  return Object.fromEntries([...results].map(([name, checks]) => [name, inShort(count(checks))]))
}

function summarise({ scenario, verdict, direct, gateway }: Row): [string, object] {
  return [scenario, { verdict, direct: inShort(direct), gateway: inShort(gateway) }]
}

function inShort({ passed, failed }: Row['direct']): string {
  return `${passed}/${failed}`
}

async function readJson<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(`${root}/test/conformance/${name}`, 'utf8')) as T
}

function print(revision: Revision, rows: readonly Row[]): void {
  console.log(`\n${revision}, through the gateway (passed/failed)`)
  const width = Math.max(...rows.map(({ scenario }) => scenario.length))
  for (const { scenario, verdict, direct, gateway, differences } of rows) {
    const both = `${inShort(direct).padStart(6)} ${inShort(gateway).padStart(6)}`
    console.log(`  ${scenario.padEnd(width)} ${both}  ${verdict}`)
    const shown = verdict === 'differs' || verdict === 'unlisted' || options.verbose
    if (shown) for (const difference of differences) console.log(`      ${difference}`)
  }
  const named = (verdict: Row['verdict']) => rows.filter((row) => row.verdict === verdict)
  const verdicts = ['equal', 'excepted', 'differs', 'left out', 'unlisted'] as const
  console.log(`  ${verdicts.map((verdict) => `${named(verdict).length} ${verdict}`).join(', ')}`)
  const ready = named('left out').filter(
    ({ differences, direct }) => differences.length === 0 && direct.failed === 0,
  )
  if (ready.length > 0) {
    console.log(`  left out, yet equal: ${ready.map(({ scenario }) => scenario).join(', ')}`)
  }
}
