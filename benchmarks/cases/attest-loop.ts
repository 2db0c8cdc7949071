// Attesting beside requests (P28): how long the loop of the gateway stands still, and what a call waits, while a server is attested again and again.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { BenchmarkCase, Trial } from '../case.ts'
import { type Call, verify } from '../load/call.ts'
import { isBuilt, NAMESPACE } from '../load/gateway.ts'
import { type Service, startScript } from '../load/process.ts'
import { temporary } from '../load/temporary.ts'
import type { Watched } from '../load/turns.ts'
import { load } from '../load/wrk.ts'
import { startUpstream } from '../references/table.ts'

const WAIT = 'nothing is attested'
const ATTEST = 'ten attestations a second'
const SERVER = 'attested'
const SECONDS = 2
const SOURCE = ['--conditions=portcullis-source']

export async function openAttestLoop(): Promise<BenchmarkCase> {
  const folder = temporary('attest')
  const services: Service[] = []
  const close = async () => {
    for (const service of services.reverse()) await service.stop()
    folder.remove()
  }
  const script = (name: string) => new URL(`../attest/${name}`, import.meta.url)
  try {
    const upstream = await startUpstream()
    services.push(upstream)
    const attested = await startScript(SERVER, script('attested-server.ts'), {}, { core: 'load', flags: SOURCE }) // biome-ignore format: a row
    services.push(attested)
    const config = writeConfig(folder.path, upstream.url, attested.ready)
    const flags = isBuilt() ? [] : SOURCE
    const host = await startScript('the gateway', script('host.ts'), { config, server: SERVER }, { core: 'subject', flags }) // biome-ignore format: a row
    services.push(host)
    await verify(callOf(host))
    return { ...about(host), close }
  } catch (error) {
    await close()
    throw error
  }
}

function about(host: Service): BenchmarkCase {
  return {
    name: 'attest-loop',
    title: 'Attesting beside requests',
    unit: 'ms of the longest turn',
    notes: [
      'One connection calls a tool of a server that nobody attests, one call after the other; meanwhile the gateway has another server attested: a fresh TLS connection, a challenge, a synthetic report of SEV-SNP, its appraisal in the thread, the record in the audit. Once an hour is the default.',
      'The longest turn of the loop is elapsed time, or CPU time of its own thread where that is less; the longest stall is elapsed time and has in it whatever other threads and processes took of the core, as has the 99th percentile of the calls.',
    ],
    variants: [observed(WAIT, host, '/wait'), observed(ATTEST, host, '/attest')],
    claims: [
      { id: 'P28', what: 'the longest turn of the loop while servers are attested', variant: ATTEST, measure: 'value', unit: ' ms', must: 5 },
      { id: 'P28 p99', what: 'the 99th percentile of calls meanwhile, less that without', variant: ATTEST, reference: WAIT, measure: 'difference', of: 'p99', unit: ' ms', must: 1 },
      { id: 'P28 stall', what: 'the longest stall, less that without', variant: ATTEST, reference: WAIT, measure: 'difference', of: 'stall', unit: ' ms' },
    ],
    shown: ['stall', 'p50', 'p99', 'requests', 'attested'],
    rounds: (quick) => (quick ? 5 : 11),
    warmUp: async () => {
      for (const path of ['/attest', '/wait', '/attest']) await observed('', host, path).trial(true)
    },
  } // biome-ignore format: a table
}

function observed(name: string, host: Service, path: string): Trial {
  return {
    name,
    async trial() {
      const [{ p50, p99, requests }, { turn, stall, result }] = await Promise.all([
        load(callOf(host), { connections: 1, seconds: SECONDS }),
        sleep(400).then(() => ask(host, path)),
      ])
      if (path === '/attest' && result === 0) throw new Error('nothing was attested')
      return { times: 1, cost: turn, seen: { stall, p50, p99, requests, attested: result }, others: 0 } // biome-ignore format: a row
    },
  }
}

function callOf({ ready }: Service): Call {
  const port = Number(ready.port)
  return { port, path: '/mcp', tool: `${NAMESPACE}echo`, payload: 'small', era: 'modern' }
}

async function ask({ ready }: Service, path: string): Promise<Watched<number>> {
  const answer = await fetch(`http://127.0.0.1:${ready.port}${path}`)
  return (await answer.json()) as Watched<number>
}

function writeConfig(folder: string, url: string, attested: Service['ready']): string {
  const policy = {
    version: 1,
    id: 'attested',
    tls: { anchors: ['live'], identity: { any_of: [{ dns: 'localhost' }] }, revocation: { mode: 'off' } },
    evidence: {
      require: { any_of: ['sev-snp'] },
      'sev-snp': {
        products: ['Milan'],
        min_tcb: { Milan: { bl: 0, tee: 0, snp: 0, ucode: 0 } },
        revocation: 'prefer',
        reference: { measurement: [`sha384:${'4d'.repeat(48)}`] },
      },
    },
  } // biome-ignore format: a row
  const config = {
    version: 1,
    network: { allowed_hosts: ['127.0.0.1', 'localhost'] },
    servers: [
      { name: 'bench', url },
      { name: SERVER, url: attested.url, attestation: 'attested' },
    ],
    attestation: {
      policies: [join(folder, 'policy.yaml')],
      anchors: { live: { pem: attested.anchor } },
      roots: { synthetic: { family: 'amd', pem: attested.root, synthetic: true } },
    },
    plugins: {
      enabled: true,
      allowed: ['attest'],
      entries: [{ name: 'attestation', use: 'attest', grants: { attestation: true } }],
    },
    telemetry: { log: { level: 'warn' } },
  }
  const file = join(folder, 'gateway.yaml')
  writeFileSync(join(folder, 'policy.yaml'), stringify(policy), { mode: 0o600 })
  writeFileSync(file, stringify(config), { mode: 0o600 })
  return file
}
