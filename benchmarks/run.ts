// Runs benchmark cases and writes one JSON and one Markdown report; `--quick` for a look, `--only NAME`, `--check` to fail on a claim.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { OpenCase } from './case.ts'
import { openBurst } from './cases/burst.ts'
import { openAsynchronous, openSynchronous, openTimeouts } from './cases/hook-runner.ts'
import { openLarge } from './cases/large.ts'
import { openLatency } from './cases/latency.ts'
import { openMatrix } from './cases/matrix.ts'
import { openMemory } from './cases/memory.ts'
import { openPayloads } from './cases/payloads.ts'
import { openProxy } from './cases/proxy.ts'
import { openStream } from './cases/stream.ts'
import { measure } from './harness.ts'
import { type CaseResult, markdown, type Report, resultOf } from './report.ts'

const CASES: Readonly<Record<string, OpenCase>> = {
  'hook-runner': openSynchronous,
  'hook-runner-async': openAsynchronous,
  timeouts: openTimeouts,
  payloads: openPayloads,
  proxy: openProxy,
  large: openLarge,
  latency: openLatency,
  stream: openStream,
  burst: openBurst,
  matrix: openMatrix,
  memory: openMemory,
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
  },
})
const before = load()
const results: CaseResult[] = []
for (const [name, open] of Object.entries(CASES)) {
  if (values.only && !values.only.includes(name)) continue
  console.error(`${name} ...`)
  const about = await open(values.quick)
  try {
    const options = values.quick ? { rounds: 7, cell: 5 } : { rounds: 31, cell: 20 }
    results.push(resultOf(about, await measure(about, options, values.quick)))
  } finally {
    await about.close?.()
  }
}
const report: Report = {
  schema: 1,
  when: new Date().toISOString(),
  command: `npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`,
  revision: revision(),
  node: process.versions.node,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  load: { before, after: load() },
  cases: results,
}
const text = markdown(report)
const folder = new URL('results/', import.meta.url)
mkdirSync(folder, { recursive: true })
const file = values.only || values.quick ? 'partial' : 'latest'
writeFileSync(new URL(`${file}.json`, folder), `${JSON.stringify(report)}\n`)
writeFileSync(new URL(`${file}.md`, folder), text)
console.log(text)
const failed = results.flatMap(({ claims }) => claims.filter(({ verdict }) => verdict === 'fail'))
if (values.check && failed.length > 0) {
  console.error(`failed: ${failed.map(({ id }) => id).join(', ')}`)
  process.exitCode = 1
}

function load(): number[] {
  return loadavg().map((value) => Math.round(value * 100) / 100)
}

function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}
