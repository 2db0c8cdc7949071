// Runs the conformance suite against one URL and returns every check it made; judges nothing.
import { readdir, readFile } from 'node:fs/promises'
import { temporaryDirectory } from '../support/directory.ts'
import { modules, node } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'

export type Status = 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'

export interface Check {
  id: string
  name: string
  status: Status
  errorMessage?: string
}

/** The checks of each scenario, by its name. */
export type Results = ReadonlyMap<string, readonly Check[]>

export const revisions = ['2025-11-25', '2026-07-28'] as const
export type Revision = (typeof revisions)[number]

// The suite writes no checks for a scenario that it could not run to the end.
const broken = JSON.stringify([
  { id: 'ran', name: 'Ran', status: 'FAILURE', errorMessage: 'the scenario broke off' },
])

export async function runSuite(url: string, revision: Revision): Promise<Results> {
  await using directory = await temporaryDirectory()
  const suite = modules('@modelcontextprotocol/conformance/dist/index.js')
  const args = ['server', '--url', url, '--requirements', revision, '-o', directory.path]
  const run = await runProcess(node, [suite, ...args, '--timeout', '15000'], { timeout: 240_000 })
  const results = new Map<string, Check[]>()
  for (const folder of await readdir(directory.path)) {
    const scenario = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/.exec(folder)?.[1]
    if (scenario === undefined) continue
    const text = await readFile(`${directory.path}/${folder}/checks.json`, 'utf8').catch(
      () => broken,
    )
    results.set(scenario, JSON.parse(text) as Check[])
  }
  if (run.code === null || results.size === 0) {
    throw new Error(`the suite did not finish against ${url}:\n${run.stdout}${run.stderr}`)
  }
  return results
}
