// `npm run conformance`: the suite against the fixture, directly and through the gateway, compared under wired.json.
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { startFixture } from '../support/fixture.ts'
import { startGateway } from '../support/gateway.ts'
import { root } from '../support/paths.ts'
import { compare, count, directFaults, type Expectation, type Row } from './compare.ts'
import { type Results, type Revision, revisions, runSuite } from './suite.ts'

const help = `usage: node test/conformance/run.ts [--direct-only] [--write] [--verbose]
  --direct-only  run against the fixture alone
  --write        write test/conformance/report.json
  --verbose      show the differences of left out scenarios, too`

const { values: options } = parseArgs({
  options: {
    'direct-only': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) {
  console.log(help)
} else {
  process.exitCode = (await run()) ? 0 : 1
}

async function run(): Promise<boolean> {
  const list = await readList()
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
  const gateway = await runThroughGateway()
  const report: Record<string, unknown> = {}
  for (const revision of revisions) {
    const rows = compare(list[revision], direct[revision], gateway[revision])
    print(revision, rows)
    report[revision] = Object.fromEntries(rows.map(summarise))
    good &&= rows.every(({ verdict }) => verdict !== 'differs' && verdict !== 'unlisted')
  }
  if (options.write) {
    await writeFile(`${root}/test/conformance/report.json`, `${JSON.stringify(report, null, 2)}\n`)
  }
  return good
}

// Without messages and times, so that two runs of the same code write the same report.
function summarise({ scenario, verdict, direct, gateway }: Row): [string, object] {
  const inShort = ({ passed, failed }: Row['direct']) => `${passed}/${failed}`
  return [scenario, { verdict, direct: inShort(direct), gateway: inShort(gateway) }]
}

async function readList(): Promise<Record<Revision, Expectation>> {
  return JSON.parse(await readFile(`${root}/test/conformance/wired.json`, 'utf8'))
}

async function runDirect(): Promise<Record<Revision, Results>> {
  await using fixture = await startFixture()
  // Awaited here: the fixture is stopped when this function returns.
  return await runBoth(fixture.url)
}

async function runThroughGateway(): Promise<Record<Revision, Results>> {
  await using fixture = await startFixture()
  const config = await readFile(`${root}/test/conformance/gateway.yaml`, 'utf8')
  await using gateway = await startGateway(config, { env: { FIXTURE_URL: fixture.url }, cwd: root })
  return await runBoth(gateway.url)
}

async function runBoth(url: string): Promise<Record<Revision, Results>> {
  const [legacy, modern] = await Promise.all(revisions.map((revision) => runSuite(url, revision)))
  return { '2025-11-25': legacy ?? new Map(), '2026-07-28': modern ?? new Map() }
}

function print(revision: Revision, rows: readonly Row[]): void {
  console.log(`\n${revision}, through the gateway (passed/failed)`)
  const width = Math.max(...rows.map(({ scenario }) => scenario.length))
  for (const { scenario, verdict, direct, gateway, differences } of rows) {
    const counts = `${direct.passed}/${direct.failed}`.padStart(6)
    const behind = `${gateway.passed}/${gateway.failed}`.padStart(6)
    console.log(`  ${scenario.padEnd(width)} ${counts} ${behind}  ${verdict}`)
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
