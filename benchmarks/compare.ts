// Two revisions in one run: the other one in a worktree beside, with the benchmarks of this one, cells of both interleaved.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BenchmarkCase, Claim, OpenCase, Sample, Trial } from './case.ts'
import { openFleet, type Row } from './cases/fleet.ts'
import { ROOT } from './load/gateway.ts'
import { temporary } from './load/temporary.ts'
import { gateway } from './references/table.ts'

export interface Comparisons {
  readonly cases: Readonly<Record<string, OpenCase>>
  close(): Promise<void>
}

const HERE = 'this'

export async function comparisons(revision: string): Promise<Comparisons> {
  const commit = git('rev-parse', '--short', '--verify', `${revision}^{commit}`)
  const around = temporary('compare')
  const folder = join(around.path, commit)
  git('worktree', 'add', '--detach', folder, commit)
  const remove = () => {
    git('worktree', 'remove', '--force', folder)
    around.remove()
  }
  // also when it is interrupted, and before the folder is gone without git knowing
  process.prependOnceListener('exit', remove)
  const close = async () => {
    process.off('exit', remove)
    remove()
  }
  try {
    const other = pathToFileURL(`${folder}/`)
    prepare(other)
    const cases = {
      'compare-runner': () => openRunners(commit, other),
      'compare-proxy': (quick: boolean) => openProxies(commit, other, quick),
    }
    return { cases, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Packages as its lock says, and these benchmarks in place of its own: what measures is the same for both. */
function prepare(other: URL): void {
  const lock = (root: URL) => readFileSync(new URL('package-lock.json', root), 'utf8')
  if (lock(other) === lock(ROOT))
    symlinkSync(new URL('node_modules', ROOT).pathname, new URL('node_modules', other).pathname)
  else execFileSync('npm', ['ci', '--include=dev'], { cwd: other, stdio: ['ignore', 2, 2] })
  const benchmarks = new URL('benchmarks', other).pathname
  rmSync(benchmarks, { recursive: true, force: true })
  cpSync(new URL('benchmarks', ROOT).pathname, benchmarks, { recursive: true })
}

const SMALL = { tool: 'echo', payload: 'small' } as const
const LARGE = { tool: 'big', payload: 'large' } as const
const KINDS = [
  { what: 'no plugins', plugins: 0, call: SMALL },
  { what: '10 plugins', plugins: 10, call: SMALL },
  { what: '50 plugins', plugins: 50, call: SMALL },
  { what: '10 plugins, 64 KB', plugins: 10, call: LARGE },
] as const

async function openProxies(commit: string, other: URL, quick: boolean): Promise<BenchmarkCase> {
  const rows = KINDS.flatMap(({ what, plugins, call }): Row[] =>
    [ROOT, other].map((root) => ({
      name: `${root === ROOT ? HERE : commit}: ${what}`,
      // both from source: there is no build of the other
      start: gateway({ form: 'express', plugins, root, code: 'sources', sink: 'file' }),
      ...call,
    })),
  )
  const fleet = await openFleet(rows, quick)
  return {
    name: 'compare-proxy',
    title: `End to end: this to ${commit}`,
    unit: 'us of CPU per request',
    notes: [`Both revisions mounted in Express, run from source, cells interleaved.`],
    claims: KINDS.flatMap(({ what }) => [
      ratio(commit, what, 'CPU'),
      { ...ratio(commit, what, 'throughput'), of: 'throughput', more: true },
    ]),
    rounds: (quick) => (quick ? 5 : 11),
    ...fleet.parts,
  }
}

const RUNNERS = ['bare loop', 'runner (P6)', 'runner, each reads a field']

async function openRunners(commit: string, other: URL): Promise<BenchmarkCase> {
  const hosts = [await startCells(ROOT), await startCells(other)]
  const variants = RUNNERS.flatMap((what): Trial[] =>
    hosts.map((host, index) => ({
      name: `${index === 0 ? HERE : commit}: ${what}`,
      ours: index === 0,
      trial: () => host.cell(what),
    })),
  )
  return {
    name: 'compare-runner',
    title: `Hook runner: this to ${commit}`,
    unit: 'ns per dispatch',
    notes: ['Each revision in a process of its own, 50 plugins. The bare loop is the same code in both: its ratio is how far noise goes.'],
    variants,
    claims: RUNNERS.map((what) => ratio(commit, what, 'time')),
    rounds: (quick) => (quick ? 7 : 21),
    async close() {
      for (const host of hosts) host.stop()
    },
  } // biome-ignore format: a note
}

const ratio = (commit: string, what: string, of: string): Claim => ({
  id: `${what}, ${of}`,
  what: `this to ${commit}`,
  variant: `${HERE}: ${what}`,
  reference: `${commit}: ${what}`,
  measure: 'ratio',
  unit: 'x',
})

interface CellHost {
  cell(variant: string): Promise<Sample>
  stop(): void
}

async function startCells(root: URL): Promise<CellHost> {
  const script = new URL('benchmarks/load/cells.ts', root).pathname
  const child = spawn(process.execPath, ['--conditions=portcullis-source', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(() => Promise.reject(new Error(`${script} ended`)))
  // it ends in the end; that is an error only for who waits for a cell
  gone.catch(() => {})
  const answer = async () => {
    const [message] = await Promise.race([once(child, 'message'), gone])
    return message as Sample
  }
  await answer()
  return {
    cell(variant) {
      child.send(variant)
      return answer()
    },
    stop: () => child.kill(),
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim()
}
