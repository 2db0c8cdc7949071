// What ten plugins before and after every call cost the whole gateway, in CPU time of its process per request.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { stringify } from 'yaml'
import type { BenchmarkCase, Variant } from '../case.ts'

const REVISION = '2026-07-28'
const IN_FLIGHT = 32
const PLUGINS = 10

export async function openEndToEnd(): Promise<BenchmarkCase> {
  const upstream = await startUpstream()
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  writePlugin(folder)
  const gateways = new Map<string, Gateway>()
  const close = async () => {
    for (const gateway of gateways.values()) await gateway.stop()
    upstream.server.closeAllConnections()
    upstream.server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const [name, plugins] of [
      ['no plugins', 0],
      [`${PLUGINS} plugins`, PLUGINS],
    ] as const)
      gateways.set(name, await startGateway(folder, name, upstream.url, plugins))
  } catch (error) {
    await close()
    throw error
  }
  return {
    name: 'end-to-end',
    title: 'The whole gateway',
    unit: 'ns of CPU per request',
    notes: [
      `tools/call of the stateless era over HTTP, ${IN_FLIGHT} in flight, an upstream over HTTP that answers at once; every answer is checked.`,
      'CPU is user and system time of the gateway process from /proc, in ticks of 10 ms; load generator and upstream are in another process.',
      `With ${PLUGINS} entries of a plugin that reads the name of the call before it and the result after it.`,
    ],
    variants: [...gateways].map(([name, gateway]) => variant(name, gateway)),
    claims: [
      { id: 'plugins', what: `${PLUGINS} plugins at pre and post to none, CPU per request`, variant: `${PLUGINS} plugins`, reference: 'no plugins', measure: 'ratio', unit: 'x', must: 1.25 },
    ],
    times: (quick) => (quick ? 2000 : 10_000),
    rounds: (quick) => (quick ? 5 : 11),
    counter: (name) => (gateways.get(name) as Gateway).cpu(),
    warmUp: async () => {
      for (const gateway of gateways.values()) await load(gateway, 3000)
    },
    close,
  } // biome-ignore format: a table
}

interface Gateway {
  readonly pool: Pool
  /** Nanoseconds of CPU since its start. */
  cpu(): number
  stop(): Promise<void>
}

function variant(name: string, gateway: Gateway): Variant {
  return { name, run: (times) => load(gateway, times) }
}

let ids = 0

/** Closed loop; ids are never used twice. */
async function load({ pool }: Gateway, times: number): Promise<number> {
  let left = times
  let bytes = 0
  const lane = async () => {
    while (left-- > 0) bytes += await call(pool, ++ids)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  return bytes
}

async function call(pool: Pool, id: number): Promise<number> {
  const params = {
    name: 'bench__echo',
    arguments: { text: 'hello' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': REVISION,
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/mcp',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': REVISION,
      'mcp-method': 'tools/call',
      'mcp-name': params.name,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
  })
  const text = await body.text()
  const answered = text.includes(`"id":${id}`) && text.includes('"echo: hello"')
  if (statusCode !== 200 || !answered)
    throw new Error(`request ${id} got ${statusCode}: ${text.slice(0, 300)}`)
  return text.length
}

const PLUGIN = `import { definePlugin } from 'portcullis/plugin'
let seen = 0
export default definePlugin({
  id: 'bench',
  setup: () => ({
    hooks: {
      tool_pre_invoke(payload) { if (payload.name === 'forbidden') throw new Error('forbidden'); seen++ },
      tool_post_invoke(payload) { if (payload.error) seen--; seen++ },
    },
  }),
})
`
const MANIFEST = {
  id: 'bench',
  version: '1.0.0',
  description: 'reads the name of a call and counts',
  hooks: ['tool_pre_invoke', 'tool_post_invoke'],
  permissions: {},
  entry: './index.ts',
  side_effects: 'none',
}

function writePlugin(folder: string): void {
  const place = join(folder, 'plugins', 'bench')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'plugin.yaml'), stringify(MANIFEST))
  writeFileSync(join(place, 'index.ts'), PLUGIN)
}

async function startGateway(
  folder: string,
  name: string,
  upstream: string,
  plugins: number,
): Promise<Gateway> {
  const [port, admin] = [await freePort(), await freePort()]
  const entries = Array.from({ length: plugins }, (_, index) => ({
    name: `bench-${index}`,
    use: 'bench',
  }))
  const config = {
    version: 1,
    listen: { host: '127.0.0.1', port },
    admin: { host: '127.0.0.1', port: admin },
    servers: [{ name: 'bench', url: upstream }],
    ...(plugins > 0
      ? { plugins: { enabled: true, allowed: ['bench'], dirs: [join(folder, 'plugins')], entries } }
      : {}),
  }
  const file = join(folder, `${name.replaceAll(' ', '-')}.yaml`)
  writeFileSync(file, stringify(config))
  const bin = new URL('../../bin/portcullis.js', import.meta.url).pathname
  const child = spawn(
    process.execPath,
    ['--conditions=portcullis-source', bin, 'start', '--config', file],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000)
  })
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: IN_FLIGHT })
  const gateway: Gateway = {
    pool,
    cpu: () => cpuOf(child.pid ?? 0),
    async stop() {
      await pool.destroy()
      await end(child)
    },
  }
  try {
    await untilReady(`http://127.0.0.1:${admin}/readyz`, child)
    await call(pool, ++ids)
  } catch (error) {
    await gateway.stop()
    throw new Error(`the gateway did not come up: ${errors}`, { cause: error })
  }
  return gateway
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error('it ended')
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await sleep(100)
  }
  throw new Error('it was not ready in time')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), 5000)
  await once(child, 'exit')
  clearTimeout(hard)
}

/** User and system time (proc(5), fields 14 and 15 of stat), in nanoseconds. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // the second field is the command in brackets and may hold anything
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000_000
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A server of the stateless era, as bare as one can be. */
async function startUpstream(): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as {
        id?: number | string
        method?: string
        params?: { arguments?: { text?: string } }
      }
      if (id === undefined) return void response.writeHead(202).end()
      const answer = JSON.stringify({
        jsonrpc: '2.0',
        id,
        result: resultOf(method, params?.arguments?.text),
      })
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(answer),
      })
      response.end(answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }
}

function resultOf(method: string | undefined, text = ''): object {
  const complete = { resultType: 'complete' }
  const listed = { ...complete, ttlMs: 60_000, cacheScope: 'public' }
  const info = { name: 'bench', version: '1.0.0' }
  switch (method) {
    case 'server/discover':
      return {
        ...listed,
        supportedVersions: [REVISION],
        capabilities: { tools: {} },
        serverInfo: info,
      }
    case 'tools/list':
      return {
        ...listed,
        tools: [
          {
            name: 'echo',
            inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
          },
        ],
      }
    case 'tools/call':
      return { ...complete, content: [{ type: 'text', text: `echo: ${text}` }] }
    default:
      return complete
  }
}
