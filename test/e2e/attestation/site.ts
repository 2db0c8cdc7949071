// Gateways with appraisal policies as processes of their own, over one store: they can be killed and started again, and more than one can run.
import { readFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import type { AuditEvent } from '../../../src/audit/record.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { bin, node, nodeFlags } from '../../support/paths.ts'
import { type RunningProcess, startProcess } from '../../support/process.ts'
import { callTool } from './world.ts'

export interface SiteOptions {
  readonly servers: readonly object[]
  /** Of the section `attestation`, but for the policies. */
  readonly attestation: object
  readonly policies: readonly object[]
  /** URL of the store; without it a file of SQLite that is there as long as the site is. */
  readonly store?: string
}

export interface SiteGateway {
  call(server: string): Promise<{ readonly ok: boolean; readonly text: string }>
  /** What it wrote of attestations of a server, now and before it was started again. */
  records(server: string): Promise<readonly AuditEvent[]>
  kill(): Promise<void>
}

export interface Site extends AsyncDisposable {
  /** `name`: what is started again under it goes on where it was. */
  start(name: string): Promise<SiteGateway>
}

export async function makeSite(options: SiteOptions): Promise<Site> {
  const { servers, attestation, policies, store = 'sqlite:./portcullis.db' } = options
  const directory = await temporaryDirectory({})
  const { path: folder } = directory
  const running: RunningProcess[] = []
  for (const [index, policy] of policies.entries())
    await directory.write(`policy-${index}.yaml`, stringify(policy))

  const configOf = (name: string) => ({
    version: 1,
    listen: { port: 0 },
    admin: { port: 0 },
    network: { allowed_hosts: ['127.0.0.1', 'localhost'] },
    store: { url: store, keys: [Buffer.alloc(32, 1).toString('base64')] },
    servers,
    attestation: { policies: ['./policy-*.yaml'], ...attestation },
    plugins: {
      enabled: true,
      allowed: ['attest'],
      entries: [{ name: 'attestation', use: 'attest', grants: { attestation: true } }],
    },
    audit: { sinks: [{ type: 'file', path: `./${name}.jsonl` }] },
  })

  return {
    async start(name) {
      await directory.write(`${name}.yaml`, stringify(configOf(name)))
      const process = await startProcess(
        node,
        [...nodeFlags, bin, 'start', '--config', `${name}.yaml`, '--no-watch'],
        { cwd: folder, until: /"event":"ready","url":"([^"]+)"/, timeout: 40_000 },
      )
      running.push(process)
      const [, url = ''] = process.match
      return {
        call: (server) => callTool(url, `${server}__where`),
        async records(server) {
          const text = await readFile(`${folder}/${name}.jsonl`, 'utf8').catch(() => '')
          const events = text
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line) as AuditEvent)
          return events.filter((event) => event.kind === 'attestation' && event.server === server)
        },
        async kill() {
          process.child.kill('SIGKILL')
          await process.exited
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((process) => process.stop()))
      await directory[Symbol.asyncDispose]()
    },
  }
}
