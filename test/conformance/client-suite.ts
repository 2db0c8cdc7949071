// Runs the client scenarios of the suite that need no authorisation, with the fixture's client directly or behind a gateway; judges nothing.
import { readdir, readFile } from 'node:fs/promises'
import { temporaryDirectory } from '../support/directory.ts'
import { modules, node, root } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'
import type { Check, Revision } from './suite.ts'

export const CLIENT_SCENARIOS: Readonly<Record<Revision, readonly string[]>> = {
  '2025-11-25': [
    'initialize',
    'tools_call',
    'elicitation-sep1034-client-defaults',
    'sse-retry',
    'json-schema-2020-12-preservation',
  ],
  '2026-07-28': [
    'tools_call',
    'request-metadata',
    'sep-2322-client-request-state',
    'http-standard-headers',
    'http-custom-headers',
    'http-invalid-tool-headers',
    'json-schema-ref-no-deref',
    'json-schema-2020-12-preservation',
  ],
}

export interface ClientRun {
  readonly checks: readonly Check[]
  /** What went wrong with the client itself; the suite counts it as a failure, too. */
  readonly broken: string | undefined
}

/** `direct` runs the fixture's client on the suite's own server, `through` on a gateway in front of it. */
export async function runClient(
  how: 'direct' | 'through',
  scenario: string,
  revision: Revision,
): Promise<ClientRun> {
  await using directory = await temporaryDirectory()
  const suite = modules('@modelcontextprotocol/conformance/dist/index.js')
  // the suite splits the command at spaces and gives it to a shell
  const program = {
    direct: `${root}test/fixtures/conformance/client.ts`,
    through: `--conditions=portcullis-source ${root}test/conformance/through.ts`,
  }[how]
  const args = ['client', '--command', `${node} ${program}`, '--scenario', scenario]
  const more = ['--spec-version', revision, '-o', directory.path, '--timeout', '30000']
  const run = await runProcess(node, [suite, ...args, ...more], { timeout: 60_000 })
  const [folder] = await readdir(directory.path)
  const text = await readFile(`${directory.path}/${folder}/checks.json`, 'utf8').catch(() => '[]')
  const failed = /CLIENT (TIMED OUT|EXITED WITH ERROR)/.exec(run.stderr)
  return {
    checks: JSON.parse(text) as Check[],
    broken: failed ? `${failed[0].toLowerCase()}: ${firstFault(run.stderr)}` : undefined,
  }
}

const firstFault = (output: string): string =>
  /^.*Error: .*$/m.exec(output.slice(output.indexOf('Stderr:')))?.[0] ?? 'it said nothing'
