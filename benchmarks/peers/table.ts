// The gateways that npm offers, each started as its own documentation says; installed here, from a lock, when a case needs them.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { delimiter } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { openSession, verify } from '../load/call.ts'
import { freePort, type Start, start } from '../load/process.ts'
import type { StartTarget, Target } from '../references/table.ts'

const FOLDER = new URL('./', import.meta.url)
const NAMES = [
  'mcp-proxy',
  'supergateway',
  '@civic/passthrough-mcp-server',
  '@portkey-ai/gateway',
] as const
const INSTALL_DEADLINE = 5 * 60_000
const HOOKS = 10

/** The server on standard input and output behind the bridges, as command and argument. */
export const STDIO_SERVER = [
  process.execPath,
  new URL('../load/stdio-upstream.ts', import.meta.url).pathname,
] as const

export const PEERS = {
  // https://www.npmjs.com/package/mcp-proxy, "Command-line": mcp-proxy --port 8080 -- command
  'mcp-proxy': () =>
    peer('mcp-proxy', 'mcp-proxy/dist/bin/mcp-proxy.mjs', (port) => [
      '--port',
      String(port),
      '--',
      ...STDIO_SERVER,
    ]),
  // https://www.npmjs.com/package/supergateway, "stdio → Streamable HTTP", "Stateful mode"
  supergateway: () =>
    peer('supergateway', 'supergateway/dist/index.js', (port) => [
      '--stdio',
      STDIO_SERVER.join(' '),
      '--outputTransport',
      'streamableHttp',
      '--stateful',
      '--sessionTimeout',
      '60000',
      '--port',
      String(port),
    ]),
  'Civic passthrough': async (upstream) => {
    const script = new URL('civic.js', FOLDER).pathname
    const target = await peer('Civic passthrough', script, (port) => [
      JSON.stringify({ upstream, port, hooks: HOOKS }),
    ])
    await verifyHooks(target)
    return target
  },
} satisfies Readonly<Record<string, StartTarget>>

async function peer(
  name: string,
  program: string,
  args: (port: number) => string[],
): Promise<Target> {
  const port = await freePort()
  const path = program.startsWith('/')
    ? program
    : new URL(`node_modules/${program}`, FOLDER).pathname
  const options: Start = {
    name,
    command: process.execPath,
    args: [path, ...args(port)],
    core: 'subject',
    withChildren: true,
    untilReady: () => untilOpen(port),
  }
  return { service: await start(options), port, path: '/mcp', prefix: '' }
}

/** Hooks that nobody calls would cost nothing. */
async function verifyHooks({ service, port, path }: Target): Promise<void> {
  try {
    const era = await openSession({ port, path })
    const refused = { port, path, tool: 'denied', payload: 'small', era } as const
    await verify({ ...refused, marker: 'this tool is not for you' })
  } catch (error) {
    await service.stop()
    throw error
  }
}

async function untilOpen(port: number): Promise<void> {
  for (;;) {
    try {
      await openSession({ port, path: '/mcp' })
      return
    } catch {
      await sleep(100)
    }
  }
}

/** Installs what the lock names, without running anybody's scripts. Rejects with what to do when it cannot. */
export async function installPeers(): Promise<Readonly<Record<string, string>>> {
  const file = (path: string) => new URL(path, FOLDER)
  const installed = file('node_modules/.package-lock.json')
  const stale = () =>
    !existsSync(installed) ||
    statSync(installed).mtimeMs < statSync(file('package-lock.json')).mtimeMs
  if (stale()) {
    try {
      const command = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
      const options = { cwd: FOLDER, timeout: INSTALL_DEADLINE, env: environment() }
      await promisify(execFile)('npm', command, options)
    } catch (error) {
      const { stderr = '' } = error as { stderr?: string }
      throw new Error(
        `the peers are not installed and npm ci in benchmarks/peers failed; without them this case cannot run: ${stderr.slice(-500)}`,
        { cause: error },
      )
    }
  }
  return Object.fromEntries(
    NAMES.map((name) => [name, versionOf(file(`node_modules/${name}/package.json`))]),
  )
}

/** npm runs on the Node of the machine: the one that is pinned here has none. */
function environment(): NodeJS.ProcessEnv {
  const entries = (process.env.PATH ?? '').split(delimiter)
  const path = entries.filter((entry) => !entry.includes('node_modules')).join(delimiter)
  return { ...process.env, PATH: path }
}

function versionOf(manifest: URL): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
