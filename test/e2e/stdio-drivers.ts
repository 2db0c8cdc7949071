// The clients people really use, each made to start `portcullis stdio` as its server; reduced to what it showed like those over HTTP.
import { modules, node, root } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'
import { stdioClient, stdioCommand } from '../support/stdio.ts'
import { type Driver, parseOutput, versioned } from './drivers.ts'

export interface StdioTarget {
  /** Arguments of `portcullis stdio`. */
  readonly args: readonly string[]
  readonly env: Record<string, string>
  /** Where clients keep their files. */
  readonly home: string
}

/** By the name of the transcript that each must equal. The drivers are given no URL. */
export const stdioClients: Readonly<Record<string, (target: StdioTarget) => Driver>> = {
  'inspector.modern': (target) => inspector('modern', target),
  'mcporter.legacy': mcporter,
  'sdk.legacy': (target) => sdk('legacy', target),
  'sdk.modern': (target) => sdk('modern', target),
}

function sdk(era: Driver['era'], { args, env }: StdioTarget): Driver {
  return {
    client: versioned('@modelcontextprotocol/client'),
    era,
    async list() {
      await using connected = await stdioClient(era, args, env)
      return (await connected.client.listTools()).tools
    },
    async call(_url, name, given) {
      await using connected = await stdioClient(era, args, env)
      // the mirrored header needs the definition, which this client takes from a list
      return await connected.client.callTool({ name, arguments: { ...given } })
    },
  }
}

function inspector(era: Driver['era'], { args, env, home }: StdioTarget): Driver {
  const run = async (...more: string[]) => {
    const { command, args: own } = stdioCommand(...args)
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const fixed = ['--cli', ...variables, '--transport', 'stdio', '--protocol-era', era]
    const all = [...fixed, '--cwd', root, ...more, '--format', 'json', '-q']
    const { stdout, stderr } = await runProcess(
      node,
      [modules('.bin/mcp-inspector'), ...all, '--', command, ...own],
      { env: { HOME: home }, cwd: home },
    )
    return (parseOutput('mcp-inspector', stdout, stderr) as { result: { tools: unknown[] } }).result
  }
  return {
    client: versioned('@modelcontextprotocol/inspector'),
    era,
    list: async () => (await run('--method', 'tools/list')).tools,
    call: (_url, tool, given) =>
      run('--method', 'tools/call', '--tool-name', tool, '--tool-args-json', JSON.stringify(given)),
  }
}

function mcporter({ args, env, home }: StdioTarget): Driver {
  const run = async (verb: string, ...more: string[]) => {
    const { command, args: own } = stdioCommand(...args)
    const target = ['--stdio', [command, ...own].join(' ')]
    const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
    const all = [modules('.bin/mcporter'), verb, ...target, ...variables, '--cwd', root, ...more]
    const { stdout, stderr } = await runProcess(node, all, { env: { HOME: home }, cwd: home })
    return parseOutput('mcporter', stdout, stderr)
  }
  return {
    client: versioned('mcporter'),
    era: 'legacy',
    list: async () => ((await run('list', '--json')) as { tools: unknown[] }).tools,
    call: (_url, tool, given) =>
      run('call', tool, '--args', JSON.stringify(given), '--output', 'json'),
  }
}
