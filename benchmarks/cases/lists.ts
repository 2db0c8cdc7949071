// Ten thousand tools of a hundred servers, listed page by page over HTTP for one who has an API key and sees what roles allow.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { mintKey } from '../../src/identity/api-key.ts'
import type { BenchmarkCase, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import { REVISION } from '../load/canned.ts'
import { startGateway } from '../load/gateway.ts'

const SERVERS = 100
const TOOLS = 100
const STRINGIFIED = 'JSON.stringify of the same tools'
const LISTED = 'listed page by page'
const EVERYBODY = 'listed page by page, everybody may see all'
/** Lists after which the memory is looked at. */
const LISTS = 50

const toolOf = (server: number, index: number, prefix = '') => ({
  name: `${prefix}read_item_${index}`,
  title: `Reads item ${index}`,
  description: `Reads one item of the collection number ${index} of server ${server}, by its key, with its history where asked for.`,
  inputSchema: {
    type: 'object',
    properties: {
      key: { type: 'string', description: 'the key of the item' },
      history: { type: 'boolean', description: 'whether to give earlier versions, too' },
    },
    required: ['key'],
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
})
const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const SAME = range(SERVERS).flatMap((server) =>
  range(TOOLS).map((index) => toolOf(server, index, `s${server}__`)),
)

const SIZE = JSON.stringify(SAME).length

export async function openLists(): Promise<BenchmarkCase> {
  const servers = await startServers()
  const ruled = await openDoor(servers.port, true)
  const open = await openDoor(servers.port, false)
  const memory = await growth(ruled)
  const cpu: Readonly<Record<string, () => number>> = { [LISTED]: ruled.cpu, [EVERYBODY]: open.cpu }
  return {
    name: 'lists',
    title: 'Listing ten thousand tools',
    unit: 'ns of CPU per list of 10,000 tools',
    notes: [
      `${SERVERS} servers with ${TOOLS} tools of about ${Math.round(SIZE / SAME.length)} bytes each. The client reads all pages one after the other over HTTP and looks at nothing but the cursor. CPU is that of the whole gateway process, audit included; of JSON.stringify that of this one.`,
      'The principal has an API key and two roles with globs, one of which denies what no server has; without roles everybody sees all and nobody is asked.',
      `Memory of the gateway grew by ${memory.toFixed(0)} MB from before the first list, which reads all servers' lists, until after ${LISTS}.`,
    ],
    variants: [
      { name: STRINGIFIED, run: stringify },
      { name: LISTED, ours: true, run: ruled.list },
      { name: EVERYBODY, ours: true, run: open.list },
      grown(memory),
    ],
    claims: [
      { id: 'lists', what: '10,000 tools page by page for a principal to JSON.stringify of them', variant: LISTED, reference: STRINGIFIED, measure: 'ratio', unit: 'x', must: 3 },
      { id: 'lists open', what: 'the same where everybody may see all', variant: EVERYBODY, reference: STRINGIFIED, measure: 'ratio', unit: 'x' },
      { id: 'lists memory', what: `growth of RSS by ${LISTS} lists, the first one included`, variant: GROWN, measure: 'value', unit: ' MB', must: 200 },
    ],
    counter: (variant) => (cpu[variant] ?? cpuTime)(),
    cell: 1000,
    async close() {
      await ruled.close()
      await open.close()
      servers.close()
    },
  } // biome-ignore format: a table
}

const GROWN = 'memory grown, MB'

function grown(megabytes: number) {
  const sample = { times: 1, cost: Math.max(megabytes, 0.001), seen: {}, others: 0 }
  return { name: GROWN, trial: async () => sample }
}

function stringify(times: number): number {
  let bytes = 0
  for (let i = 0; i < times; i++) bytes += Buffer.from(JSON.stringify(SAME)).length
  return bytes
}

/** All servers in one: the path says which. */
async function startServers(): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString() || '{}')
      const result = resultOf(Number(request.url?.slice(1)), method)
      const text = JSON.stringify({ jsonrpc: '2.0', id, result })
      response.writeHead(200, { 'content-type': 'application/json' }).end(text)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function resultOf(server: number, method: string): object {
  const kept = { resultType: 'complete', ttlMs: 3_600_000, cacheScope: 'public' }
  if (method === 'tools/list')
    return { ...kept, tools: range(TOOLS).map((index) => toolOf(server, index)) }
  const serverInfo = { name: `s${server}`, version: '1.0.0' }
  return { ...kept, supportedVersions: [REVISION], capabilities: { tools: {} }, serverInfo }
}

interface Door {
  readonly list: Variant['run']
  cpu(): number
  resident(): number
  close(): Promise<void>
}

async function openDoor(upstream: number, ruled: boolean): Promise<Door> {
  const { key, hash } = mintKey('bench')
  const servers = range(SERVERS).map((index) => ({
    name: `s${index}`,
    url: `http://127.0.0.1:${upstream}/${index}`,
    transport: 'streamable-http',
  }))
  const sections = { servers, ...(ruled ? { identity: identityOf(hash) } : {}) }
  const service = await startGateway({ upstream: '', form: 'standalone', plugins: 0, sections })
  const pool = new Pool(`http://127.0.0.1:${service.ready.port}`, { connections: 1 })
  const authorization = ruled ? { authorization: `Bearer ${key}` } : {}
  return {
    cpu: service.cpu,
    resident: service.resident,
    async list(times) {
      let bytes = 0
      for (let i = 0; i < times; i++) bytes += await listAll(pool, authorization)
      return bytes
    },
    async close() {
      await pool.destroy()
      await service.stop()
    },
  }
}

const identityOf = (hash: string) => ({
  anonymous: 'deny',
  api_keys: true,
  keys: [{ id: 'bench', hash, principal: 'bench', roles: ['reader', 'careful'] }],
  roles: {
    everyone: { allow: [] },
    reader: { allow: [{ actions: ['mcp:*'], servers: ['s*'], tools: ['read_*', 'find_*'] }] },
    careful: { deny: [{ actions: ['mcp:*'], tools: ['drop_*', 'delete_*'] }] },
  },
})

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': REVISION,
  'mcp-method': 'tools/list',
}
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const CURSOR = Buffer.from('"nextCursor":"')

/** Bytes of all pages; counts the tools of what came, so that a page that is an error is noticed. */
async function listAll(pool: Pool, authorization: object): Promise<number> {
  let cursor: string | undefined
  let bytes = 0
  let pages = 0
  do {
    const params = { ...(cursor === undefined ? {} : { cursor }), _meta: META }
    const { body, statusCode } = await pool.request({
      method: 'POST',
      path: '/mcp',
      headers: { ...HEADERS, ...authorization },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++pages, method: 'tools/list', params }),
    })
    const page = Buffer.from(await body.arrayBuffer())
    if (statusCode !== 200) throw new Error(`a list got ${statusCode}: ${page.subarray(0, 300)}`)
    bytes += page.length
    const at = page.indexOf(CURSOR)
    const start = at + CURSOR.length
    cursor = at === -1 ? undefined : page.toString('latin1', start, page.indexOf('"', start))
  } while (cursor !== undefined)
  if (bytes < SIZE) throw new Error(`only ${bytes} bytes in ${pages} pages`)
  return bytes
}

/** From before the first list: what the catalogue keeps is in it. */
async function growth({ list, resident }: Door): Promise<number> {
  const before = resident()
  await list(LISTS)
  return (resident() - before) / 1e6
}
