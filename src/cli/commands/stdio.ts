// `portcullis stdio`: what a local client starts as its MCP server; a gateway of its own, or the way to one that runs. stdout carries messages only.
import type { RunningStdio } from '../../app/pipes.ts'
import type { StdioGateway } from '../../app/stdio.ts'
import type { LogLevel } from '../../base/log.ts'
import {
  type AddCommand,
  type ConfigOptions,
  type Invocation,
  loading,
  withConfig,
  withOutput,
} from '../command.ts'
import { type Exit, UsageError } from '../exit.ts'
import { headersOf } from '../headers.ts'
import { untilStopped } from '../signals.ts'

interface StdioOptions extends ConfigOptions {
  readonly url?: string
  readonly header: readonly string[]
  readonly logLevel?: LogLevel
}

export const addStdio: AddCommand = (program, run) => {
  const command = program
    .command('stdio')
    .description('serve MCP on stdin and stdout, for a client that starts this as its server')
    .option('--url <url>', 'carry messages to the gateway that runs there instead of running one')
    .option(
      '--header <name: value>',
      'send this to the url; keys as ${env:NAME}; repeatable',
      (text: string, texts: readonly string[]) => [...texts, text],
      [] as readonly string[],
    )
    .option('--log-level <level>', 'debug, info, warn or error')
    .action(run(stdio))
  withConfig(withOutput(command))
}

async function stdio(invocation: Invocation<StdioOptions>): Promise<Exit> {
  const { shell, output, options } = invocation
  const { url } = options
  if (url === undefined && options.header.length > 0)
    throw new UsageError('--header goes with --url')
  const starting = url === undefined ? ownGateway(invocation) : bridge(invocation, url)
  return untilStopped<RunningStdio>(starting, shell, {
    ready() {
      output.detail(`serving MCP on stdin and stdout${url === undefined ? '' : `, from ${url}`}`)
    },
    drain: (running) => running.drain(),
    note: output.note,
  })
}

async function ownGateway({
  shell,
  output,
  options,
}: Invocation<StdioOptions>): Promise<StdioGateway> {
  const source = loading(options, shell)
  const { startStdio } = await import('../../app/stdio.ts')
  const flags = { 'telemetry.log.level': options.logLevel }
  const running = await startStdio({ ...source, flags })
  const { loaded, plugins } = running.gateway.state()
  for (const warning of [...loaded.warnings, ...plugins.warnings]) output.finding(warning)
  return running
}

async function bridge(
  { shell, output, options }: Invocation<StdioOptions>,
  given: string,
): Promise<RunningStdio> {
  if (options.config !== undefined || options.profile !== undefined)
    throw new UsageError('--url takes no --config: the gateway that runs there has its own')
  const url = endpoint(given)
  const headers = headersOf(options.header, shell.env)
  const { startBridge } = await import('../../app/bridge.ts')
  const logLevel = options.logLevel ?? (output.verbose ? 'debug' : 'info')
  return startBridge({ url, headers, logLevel })
}

function endpoint(text: string): string {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError(
      `--url: ${text.slice(0, 80)} is no http or https URL, such as http://127.0.0.1:8080/mcp`,
    )
  if (url.username !== '' || url.password !== '')
    throw new UsageError('--url: credentials do not belong in a URL; use --header and ${env:NAME}')
  return url.href
}
