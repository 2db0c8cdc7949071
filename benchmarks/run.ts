// Runs benchmark cases and writes a report: `npm run bench`, `-- --quick`, `-- --only NAME`, `-- --check`, `-- compare REVISION`, `-- soak`.
import { parseArgs } from 'node:util'
import { overBudget, readBudget } from './budget.ts'
import type { OpenCase } from './case.ts'
import { openAttest } from './cases/attest.ts'
import { openAttestLoop } from './cases/attest-loop.ts'
import { openAudit } from './cases/audit.ts'
import { openBurst } from './cases/burst.ts'
import { openColdStart } from './cases/cold-start.ts'
import { openConditions } from './cases/conditions.ts'
import { openConfigured } from './cases/configured.ts'
import { openControl } from './cases/control.ts'
import { openHookEngines } from './cases/hook-engines.ts'
import { openAsynchronous, openSynchronous, openTimeouts } from './cases/hook-runner.ts'
import { openLarge } from './cases/large.ts'
import { openLatency } from './cases/latency.ts'
import { openLimbo } from './cases/limbo.ts'
import { openLists } from './cases/lists.ts'
import { openMatrix } from './cases/matrix.ts'
import { openMemory } from './cases/memory.ts'
import { openNaive } from './cases/naive.ts'
import { openPayloads } from './cases/payloads.ts'
import { openPeers } from './cases/peers.ts'
import { openProxy } from './cases/proxy.ts'
import { openRateLimit } from './cases/rate-limit.ts'
import { openReload } from './cases/reload.ts'
import { openSessions } from './cases/sessions.ts'
import { openSoak } from './cases/soak.ts'
import { openStream } from './cases/stream.ts'
import { comparisons } from './compare.ts'
import { measure } from './harness.ts'
import { load, machine, revision, versions } from './machine.ts'
import { type CaseResult, type Failure, type Report, resultOf } from './report.ts'
import { writeReport } from './results.ts'

const CASES: Readonly<Record<string, OpenCase>> = {
  'hook-runner': openSynchronous,
  'hook-runner-async': openAsynchronous,
  timeouts: openTimeouts,
  naive: openNaive,
  payloads: openPayloads,
  conditions: openConditions,
  configured: openConfigured,
  'rate-limit': openRateLimit,
  audit: openAudit,
  control: openControl,
  attest: openAttest,
  'attest-loop': openAttestLoop,
  limbo: openLimbo,
  'cold-start': openColdStart,
  reload: openReload,
  sessions: openSessions,
  lists: openLists,
  peers: openPeers,
  'hook-engines': openHookEngines,
  proxy: openProxy,
  large: openLarge,
  latency: openLatency,
  stream: openStream,
  burst: openBurst,
  matrix: openMatrix,
  memory: openMemory,
}

/** Without limits, and long: run when somebody asks for them by name. */
const ON_DEMAND: ReadonlySet<string> = new Set(['matrix'])

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    minutes: { type: 'string', default: '10' },
  },
})
const { quick, check, only } = values
const budget = readBudget()
const before = load()
/** What ran, not what the checkout has become meanwhile. */
const ran = revision()
const cases: CaseResult[] = []
const failures: Failure[] = []
const selection = await select()
try {
  for (const [name, open] of Object.entries(selection.cases)) {
    await run(name, open)
    // after each case: what has been measured is not lost when a later one is interrupted
    writeReport(reportOf(), selection.file)
  }
} finally {
  await selection.close?.()
}
console.log(writeReport(reportOf(), selection.file))
for (const complaint of complaints()) {
  console.error(complaint)
  process.exitCode = 1
}

function reportOf(): Report {
  const args = process.argv.slice(2)
  return {
    schema: 2,
    when: new Date().toISOString(),
    command: `npm run bench${args.length > 0 ? ` -- ${args.join(' ')}` : ''}`,
    revision: ran,
    machine: machine(),
    versions: versions(),
    load: { before, after: load() },
    cases,
    failures,
  }
}

interface Selection {
  readonly cases: Readonly<Record<string, OpenCase>>
  /** Where the report goes. */
  readonly file: string
  close?(): Promise<void>
}

async function select(): Promise<Selection> {
  const [command, argument] = positionals
  if (command === 'compare' && argument !== undefined)
    return { ...(await comparisons(argument)), file: 'compare' }
  if (command === 'soak') return { cases: { soak: openSoak(Number(values.minutes)) }, file: 'soak' }
  if (command !== undefined) throw new Error(`compare REVISION or soak, not ${command}`)
  const unknown = only?.find((name) => !(name in CASES))
  if (unknown) throw new Error(`no case ${unknown}; there are ${Object.keys(CASES).join(', ')}`)
  const all = Object.keys(CASES).filter((name) => !ON_DEMAND.has(name))
  const wanted = only ?? (quick ? budget.cases : all)
  const chosen = Object.entries(CASES).filter(([name]) => wanted.includes(name))
  const file = only ? 'partial' : quick ? 'quick' : 'latest'
  return { cases: Object.fromEntries(chosen), file }
}

/** One that cannot run takes no other down. */
async function run(name: string, open: OpenCase): Promise<void> {
  console.error(`${name} ...`)
  const start = performance.now()
  try {
    const about = await open(quick)
    try {
      const options = quick ? { rounds: 7, cell: 5 } : { rounds: 31, cell: 20 }
      const measured = await measure(about, options, quick)
      cases.push(resultOf(about, measured, (performance.now() - start) / 1000))
    } finally {
      await about.close?.()
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    console.error(`${name} could not run: ${reason}`)
    failures.push({ name, reason })
  }
}

function complaints(): string[] {
  const stopped = failures.map(({ name }) => `${name} could not run`)
  if (!check) return stopped
  const claims = cases.flatMap((result) => result.claims)
  if (quick && !only) return [...stopped, ...overBudget(budget, claims)]
  const failed = claims.filter(({ verdict }) => verdict === 'fail')
  return [...stopped, ...failed.map(({ id, what }) => `${id} failed: ${what}`)]
}
