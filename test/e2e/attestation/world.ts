// A gateway with appraisal policies in front of attested servers, in this process, and what a client and an operator see of it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type RunningGateway, startGateway } from '../../../src/app.ts'
import type { AuditEvent } from '../../../src/audit/record.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Store } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../support/directory.ts'

export interface WorldOptions {
  readonly servers: readonly object[]
  /** Of the section `attestation`, but for the policies. */
  readonly attestation?: object
  readonly policies: readonly object[]
  /** Of the entry; `enforce` by default. */
  readonly mode?: string
  readonly more?: object
  readonly files?: Readonly<Record<string, string | Buffer>>
  readonly store?: Store
}

export interface World extends AsyncDisposable {
  readonly gateway: RunningGateway
  readonly folder: string
  /** Records of the audit of one kind, in their order. */
  audit(kind: AuditEvent['kind']): Promise<readonly AuditEvent[]>
  /** Calls the tool of a server as a client does. */
  call(server: string): Promise<{ readonly ok: boolean; readonly text: string }>
  admission(server: string): { readonly admission: string; readonly reason: string | undefined }
  /** Waits, at most so long, until the server is admitted so. */
  until(server: string, admission: string, ms?: number): Promise<void>
  metrics(): Promise<string>
  writePolicy(index: number, policy: object): void
}

export async function world(options: WorldOptions): Promise<World> {
  const { servers, attestation = {}, policies, files = {}, mode = 'enforce', more = {} } = options
  const directory = await temporaryDirectory({})
  const folder = directory.path
  const writePolicy = (index: number, policy: object) =>
    writeFileSync(join(folder, `policy-${index}.yaml`), stringify(policy), { mode: 0o600 })
  for (const [index, policy] of policies.entries()) writePolicy(index, policy)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const config = {
    version: 1,
    listen: { port: 0 },
    admin: { port: 0 },
    network: { allowed_hosts: ['127.0.0.1', 'localhost'] },
    servers,
    attestation: {
      policies: [join(folder, 'policy-*.yaml')],
      // other tests use the machine, too
      deadline: '30s',
      ...attestation,
    },
    plugins: {
      enabled: true,
      allowed: ['attest', 'rules'],
      entries: [{ name: 'attestation', use: 'attest', mode, grants: { attestation: true } }],
    },
    audit: { sinks: [{ type: 'file', path: join(folder, 'audit.jsonl') }] },
    ...more,
  }
  writeFileSync(join(folder, 'gateway.yaml'), stringify(config), { mode: 0o600 })
  const gateway = await startGateway({
    configFile: join(folder, 'gateway.yaml'),
    log: silentLogger,
    ...(options.store ? { store: options.store } : {}),
  })
  const upstream = (server: string) => {
    const found = gateway.gateway.state().servers.get(server)
    if (!found) throw new Error(`no server ${server}`)
    return found.upstream
  }
  const admission = (server: string) => {
    const { admission, admissionReason: reason } = upstream(server)
    return { admission, reason }
  }
  return {
    gateway,
    folder,
    admission,
    writePolicy,
    async audit(kind) {
      const { readFile } = await import('node:fs/promises')
      const text = await readFile(join(folder, 'audit.jsonl'), 'utf8')
      const all = text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as AuditEvent)
      return all.filter((event) => event.kind === kind)
    },
    call: (server) => callTool(gateway.url, `${server}__where`),
    async until(server, wanted, ms = 10_000) {
      const late = Date.now() + ms
      while (admission(server).admission !== wanted) {
        if (Date.now() > late) {
          const now = JSON.stringify(admission(server))
          throw new Error(`${server} is not ${wanted} after ${ms} ms but ${now}`)
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    metrics: async () => String(await gateway.gateway.adminHandle.metrics()),
    async [Symbol.asyncDispose]() {
      await gateway.stop({ now: true })
      await directory[Symbol.asyncDispose]()
    },
  }
}

let ids = 0

/** Calls a tool as a client of the modern era does. */
export async function callTool(url: string, name: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: ++ids,
      method: 'tools/call',
      params: {
        name,
        arguments: {},
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  })
  const text = await response.text()
  return { ok: /"text":\s*"here"/.test(text), text }
}
