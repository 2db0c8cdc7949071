// From nothing to the first tool call that is answered (P19): the built gateway beside processes that do less, each started anew.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { BenchmarkCase, Trial } from '../case.ts'
import { type Call, verify } from '../load/call.ts'
import { MARKER } from '../load/canned.ts'
import { isBuilt, NAMESPACE, ROOT } from '../load/gateway.ts'
import { busyTicks } from '../load/proc.ts'
import { type Service, start, startScript } from '../load/process.ts'
import { startUpstream } from '../references/table.ts'

const HTTP = 'node:http'
const EXPRESS = 'express and undici'
const GATEWAY = 'portcullis start'

export async function openColdStart(): Promise<BenchmarkCase> {
  if (!isBuilt()) build()
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const upstream = await startUpstream()
  const starts: Readonly<Record<string, () => Promise<Started>>> = {
    [HTTP]: () => reference('bare-http.js', { marker: MARKER }),
    [EXPRESS]: () => reference('bare-express.js', { upstream: upstream.url }),
    [GATEWAY]: gateway(folder, upstream.url),
  }
  return {
    name: 'cold-start',
    title: 'Cold start',
    unit: 'ms until the first answer',
    notes: [
      `A process is started, says that it listens, and answers one tools/call; each variant starts one process per round. The built code of the gateway with one server over HTTP that is up, no plugins, its compile cache warm.`,
      `${HTTP} answers by itself and parses the request, no more; ${EXPRESS} forwards bytes to the same server, its compile cache warm too.`,
      'CPU is of all threads of the process.',
    ],
    variants: Object.entries(starts).map(([name, begin]) => trial(name, begin)),
    claims: [
      { id: 'P19', what: `cold start to a process with ${HTTP}`, variant: GATEWAY, reference: HTTP, measure: 'ratio', unit: 'x', must: 2.5, stretch: 2 },
      { id: 'P19 CPU', what: 'the same, CPU', variant: GATEWAY, reference: HTTP, measure: 'ratio', of: 'cpu', unit: 'x' },
      { id: 'P19 express', what: `cold start to ${EXPRESS}`, variant: GATEWAY, reference: EXPRESS, measure: 'ratio', unit: 'x' },
      { id: 'P19 floor', what: `${EXPRESS} to ${HTTP}`, variant: EXPRESS, reference: HTTP, measure: 'ratio', unit: 'x' },
    ],
    rounds: (quick) => (quick ? 7 : 11),
    async warmUp() {
      for (const begin of Object.values(starts))
        for (let i = 0; i < 2; i++) await (await firstAnswer(begin)).stop()
    },
    async close() {
      await upstream.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  } // biome-ignore format: a table
}

interface Started {
  readonly service: Service
  readonly port: number
  readonly tool: string
}

function build(): void {
  const tsc = new URL('node_modules/typescript/bin/tsc', ROOT).pathname
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2] as ['ignore', number, number] }
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], options)
  for (const script of ['scripts/bundle.ts', 'scripts/assets.ts'])
    execFileSync(process.execPath, [script], options)
}

async function reference(script: string, setting: object): Promise<Started> {
  const place = new URL(`../references/${script}`, import.meta.url)
  const service = await startScript(script, place, setting, { core: 'subject' })
  return { service, port: Number(service.ready.port), tool: 'echo' }
}

function gateway(folder: string, upstream: string): () => Promise<Started> {
  const file = join(folder, 'gateway.yaml')
  const config = {
    version: 1,
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    servers: [{ name: 'bench', url: upstream }],
    telemetry: { log: { level: 'warn' } },
  }
  writeFileSync(file, stringify(config))
  const bin = new URL('bin/portcullis.js', ROOT).pathname
  const args = [bin, 'start', '--config', file]
  return async () => {
    const service = await start({ name: GATEWAY, command: process.execPath, args, core: 'subject' })
    return {
      service,
      port: Number(new URL(String(service.ready.url)).port),
      tool: `${NAMESPACE}echo`,
    }
  }
}

/** A service that has answered once. */
async function firstAnswer(begin: () => Promise<Started>): Promise<Service> {
  const { service, port, tool } = await begin()
  try {
    const call: Call = { port, path: '/mcp', tool, payload: 'small', era: 'modern' }
    await verify(call)
    return service
  } catch (error) {
    await service.stop()
    throw error
  }
}

function trial(name: string, begin: () => Promise<Started>): Trial {
  return {
    name,
    async trial() {
      const before = { busy: busyMs(), own: process.cpuUsage(), at: performance.now() }
      const service = await firstAnswer(begin)
      const cost = performance.now() - before.at
      const cpu = service.cpu() / 1e6
      const { user, system } = process.cpuUsage(before.own)
      const others = (busyMs() - before.busy - cpu - (user + system) / 1000) / cost
      const resident = service.resident() / 2 ** 20
      await service.stop()
      return { times: 1, cost, seen: { cpu, resident }, others: Math.max(0, others || 0) }
    },
  }
}

/** Of all cores, in ticks of 10. */
function busyMs(): number {
  return (busyTicks() ?? Number.NaN) * 10
}
