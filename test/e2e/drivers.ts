// The clients people really use, each driven from outside and reduced to what it showed: names listed, answers to calls.
import { readFileSync } from 'node:fs'
import { legacyClient, modernClient } from '../support/clients.ts'
import { modules, node } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'

export interface Driver {
  /** Package and pinned version. */
  readonly client: string
  readonly era: 'legacy' | 'modern'
  list(url: string): Promise<unknown[]>
  call(url: string, tool: string, args: Readonly<Record<string, unknown>>): Promise<unknown>
}

export interface Call {
  tool: string
  args: Readonly<Record<string, unknown>>
}

/** What one client saw: the names of the tools and its calls with their answers. */
export async function transcribe(driver: Driver, url: string, calls: readonly Call[]) {
  const tools = await driver.list(url)
  const steps: unknown[] = []
  for (const { tool, args } of calls) {
    steps.push({ tool, args, answer: await driver.call(url, tool, args) })
  }
  return { client: driver.client, era: driver.era, tools: tools.map(nameOf), calls: steps }
}

/** The clients that are compared, by the name of their transcript. */
export const fixtureClients = {
  'inspector.legacy': (home: string) => inspector('legacy', home),
  'inspector.modern': (home: string) => inspector('modern', home),
  'mcporter.legacy': (home: string) => mcporter(home),
  'sdk.legacy': (_home: string) => sdk('legacy'),
  'sdk.modern': (_home: string) => sdk('modern'),
}

/** What they call: a mirrored header, several content types, a failing tool. */
export const fixtureCalls: readonly Call[] = [
  { tool: 'test_x_mcp_header', args: { region: 'eu-west' } },
  { tool: 'test_multiple_content_types', args: {} },
  { tool: 'test_error_handling', args: {} },
]

/** The Inspector's command line. `home` keeps its files away from the user's. */
export function inspector(era: Driver['era'], home: string): Driver {
  const run = async (url: string, ...args: string[]) => {
    const fixed = ['--cli', url, '--transport', 'http', '--protocol-era', era]
    const format = ['--format', 'json', '-q']
    const command = [modules('.bin/mcp-inspector'), ...fixed, ...args, ...format]
    const { stdout, stderr } = await runProcess(node, command, { env: { HOME: home }, cwd: home })
    return { result: parseOutput('mcp-inspector', stdout, stderr) }
  }
  return {
    client: versioned('@modelcontextprotocol/inspector'),
    era,
    async list(url) {
      const { result } = await run(url, '--method', 'tools/list')
      return (result as { result: { tools: unknown[] } }).result.tools
    },
    async call(url, tool, args) {
      const json = JSON.stringify(args)
      const named = ['--method', 'tools/call', '--tool-name', tool, '--tool-args-json', json]
      return ((await run(url, ...named)).result as { result: unknown }).result
    },
  }
}

/** mcporter, which knows the legacy era only. */
export function mcporter(home: string): Driver {
  const run = async (...args: string[]) => {
    const command = [modules('.bin/mcporter'), ...args, '--allow-http']
    const { stdout, stderr } = await runProcess(node, command, { env: { HOME: home }, cwd: home })
    return parseOutput('mcporter', stdout, stderr)
  }
  return {
    client: versioned('mcporter'),
    era: 'legacy',
    async list(url) {
      return ((await run('list', url, '--json')) as { tools: unknown[] }).tools
    },
    call(url, tool, args) {
      return run('call', `${url}.${tool}`, '--args', JSON.stringify(args), '--output', 'json')
    },
  }
}

/** The SDK's client, pinned to one era. */
export function sdk(era: Driver['era']): Driver {
  const connect = era === 'legacy' ? legacyClient : modernClient
  return {
    client: versioned('@modelcontextprotocol/client'),
    era,
    async list(url) {
      await using connected = await connect(url)
      return (await connected.client.listTools()).tools
    },
    async call(url, name, args) {
      await using connected = await connect(url)
      return await connected.client.callTool({ name, arguments: { ...args } })
    },
  }
}

export function versioned(name: string): string {
  const { version } = JSON.parse(readFileSync(modules(`${name}/package.json`), 'utf8')) as {
    version: string
  }
  return `${name} ${version}`
}

export function parseOutput(client: string, stdout: string, stderr: string): unknown {
  try {
    return JSON.parse(stdout)
  } catch {
    throw new Error(`${client} did not print JSON:\n${stdout}\n${stderr}`)
  }
}

const nameOf = (tool: unknown) => (tool as { name: string }).name
