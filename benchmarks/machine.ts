// What a report has to say about where it was made: machine, versions, revision; it measures nothing.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { isBuilt, ROOT } from './load/gateway.ts'
import { PINNED } from './load/process.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  /** GiB. */
  readonly memory: number
  readonly kernel: string
  /** Whether the server under test had a core of its own. */
  readonly pinned: boolean
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    pinned: PINNED,
  }
}

export interface Revision {
  readonly commit: string
  /** Whether there were changes that are not committed. */
  readonly dirty: boolean
  /** What ran: `dist`, or the sources where it was missing or older. */
  readonly code: 'built' | 'sources'
}

export function revision(): Revision {
  const commit = said('git', ['rev-parse', '--short', 'HEAD']) ?? 'unknown'
  // the results themselves change with every run
  const changes = said('git', ['status', '--porcelain', '--', '.', ':!benchmarks/results'])
  return { commit, dirty: changes !== '', code: isBuilt() ? 'built' : 'sources' }
}

const PACKAGES = ['undici', 'express', 'p-timeout', '@modelcontextprotocol/server']

/** Of everything that any case runs, as far as it is installed. */
export function versions(): Readonly<Record<string, string>> {
  const packages = PACKAGES.map((name) => [name, packageVersion(name)])
  const wrk = /wrk (?:debian\/)?([\d.]+)/.exec(loud('wrk', ['-v']))?.[1]
  const nginx = /nginx\/([\d.]+)/.exec(loud('nginx', ['-v']))?.[1]
  const all = [['node', process.versions.node], ...packages, ['wrk', wrk], ['nginx', nginx]]
  return Object.fromEntries(all.filter(([, version]) => version !== undefined))
}

function packageVersion(name: string): string | undefined {
  try {
    const file = new URL(`node_modules/${name}/package.json`, ROOT)
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  } catch {
    return undefined
  }
}

function said(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return undefined
  }
}

// both write their version to stderr, and wrk thinks that asking for it is an error
function loud(command: string, args: readonly string[]): string {
  return said('sh', ['-c', `${command} ${args.join(' ')} 2>&1 || true`]) ?? ''
}

export function load(): number[] {
  return loadavg().map((value) => Math.round(value * 100) / 100)
}
