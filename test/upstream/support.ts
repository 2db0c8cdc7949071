// What the tests of this folder share: options for fixture servers, waiting for a condition, whether a process lives.
import { readFileSync } from 'node:fs'
import type { StdioOptions } from '../../src/upstream/options.ts'

const FIXTURES = new URL('../fixtures/upstream/', import.meta.url).pathname

export function stdioOptions(script: string, ...flags: string[]): StdioOptions {
  return {
    kind: 'stdio',
    name: 'odd',
    command: process.execPath,
    args: [`${FIXTURES}${script}`, ...flags],
    env: {},
    cwd: undefined,
    tags: [],
    environment: undefined,
    tenant: undefined,
    required: false,
    queue: 64,
    health: { every: 0, timeout: 1000, restart: { least: 20, most: 200, max: 5 } },
  }
}

/** Repeats an assertion until it holds or time is up. */
export async function eventually(check: () => void, ms = 4000): Promise<void> {
  for (const end = performance.now() + ms; ; ) {
    try {
      check()
      return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A zombie that nobody reaped yet does not live. */
export function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z'
  } catch {
    return false
  }
}
