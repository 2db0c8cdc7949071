// `portcullis start`: runs the gateway until a signal ends it, and says where it is and what protects what.
import { relative } from 'node:path'
import { reportProtection } from '../../app/inspect/protection.ts'
import type { RunningGateway } from '../../app.ts'
import type { LogLevel } from '../../base/log.ts'
import { suggest } from '../../base/suggest.ts'
import { bannerText } from '../banner.ts'
import {
  type AddCommand,
  type ConfigOptions,
  findConfig,
  type Invocation,
  withConfig,
  withOutput,
} from '../command.ts'
import { type Exit, UsageError } from '../exit.ts'
import { createHumanLog } from '../human-log.ts'
import type { Output } from '../output.ts'
import type { Shell } from '../shell.ts'
import { untilStopped } from '../signals.ts'

const COMMANDS = [
  'start',
  'stdio',
  'validate',
  'init',
  'import',
  'explain',
  'plugin',
  'server',
  'key',
  'role',
  'export',
  'audit',
  'bench',
  'doctor',
]

interface StartOptions extends ConfigOptions {
  readonly host?: string
  readonly port?: number
  readonly unsafeWithout: readonly string[]
  readonly watch: boolean
  readonly logLevel?: LogLevel
}

export const addStart: AddCommand = (program, run) => {
  const command = program
    .command('start', { isDefault: true })
    .description('serve MCP in front of the configured servers')
    .option('--host <address>', 'address to listen on')
    .option('--port <number>', 'port to listen on; 0 takes a free one', portNumber)
    .option('--log-level <level>', 'debug, info, warn or error')
    .option('--no-watch', 'reload on SIGHUP only, not when a file changes')
    .option(
      '--unsafe-without <name>',
      'start although this entry or policy is missing or switched off; repeatable, audited',
      (name: string, names: readonly string[]) => [...names, name],
      [] as readonly string[],
    )
    // the default command is given every word that is no command
    .argument('[unknown...]')
    .usage('[options]')
    .action(run(start))
  withConfig(withOutput(command))
}

function portNumber(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535 && text.trim() !== '') return port
  throw new UsageError(`${JSON.stringify(text)} is no port`)
}

async function start(
  { shell, output, options }: Invocation<StartOptions>,
  unknown: readonly string[],
): Promise<Exit> {
  const [word] = unknown
  if (word !== undefined) throw new UsageError(unknownCommand(word))
  const { startGateway } = await import('../../app.ts')
  const source = await sourceOf(options, shell)
  output.detail(
    source.configFile === undefined ? 'no configuration: a demo' : `reading ${source.configFile}`,
  )
  let level: LogLevel = options.logLevel ?? (output.verbose ? 'debug' : 'warn')
  const running = startGateway({
    ...(output.human
      ? { log: createHumanLog({ stream: shell.stderr, style: output.aside, level: () => level }) }
      : {}),
    ...source,
    profile: options.profile,
    env: shell.env,
    flags: {
      'listen.host': options.host,
      'listen.port': options.port,
      'telemetry.log.level': options.logLevel,
    },
    unsafeWithout: options.unsafeWithout,
    watch: options.watch,
    divertStdout: true,
    // on a terminal it is shown at once, lest a start that fails later take it along; elsewhere it goes to a file
    ...(output.human ? { onFirstToken: (token: string) => showToken(token, output) } : {}),
  })
  return untilStopped(running, shell, {
    ready(gateway) {
      level =
        options.logLevel ??
        (output.verbose
          ? 'debug'
          : (gateway.gateway.state().loaded.config.telemetry.log.level as LogLevel))
      tell(gateway, source.configFile, output, shell.cwd)
    },
    drain: (gateway) => gateway.gateway.state().loaded.config.limits.drain,
    note: output.note,
  })
}

function showToken(token: string, { result, style }: Output): void {
  result(
    {},
    () => `${style.strong('the first admin token; it is not shown again')}\n\n  ${token}\n\n`,
  )
}

function unknownCommand(word: string): string {
  const near = suggest(word, COMMANDS)
  return `unknown command ${word}${near === undefined ? '' : ` (did you mean ${near}?)`}; --help shows what there is`
}

async function sourceOf(
  options: StartOptions,
  shell: Shell,
): Promise<{ configFile: string } | { configFile: undefined; config: object }> {
  const configFile = findConfig(options, shell)
  if (configFile !== undefined) return { configFile }
  const { demoConfig } = await import('../demo/config.ts')
  return { configFile, config: demoConfig(demoOptions(options, shell)) }
}

// without a file there is nothing that variables could override, so the usual ones are read here
function demoOptions({ host, port }: StartOptions, { env }: Shell) {
  const number = (name: string) => (env[name] ? portNumber(env[name]) : undefined)
  return {
    host: host ?? env.PORTCULLIS_LISTEN_HOST,
    port: port ?? number('PORTCULLIS_LISTEN_PORT'),
    adminPort: number('PORTCULLIS_ADMIN_PORT'),
  }
}

function tell(
  running: RunningGateway,
  configFile: string | undefined,
  output: Output,
  cwd: string,
): void {
  const { url, adminUrl, tokenFile } = running
  const { loaded, runtime, plugins } = running.gateway.state()
  const report = reportProtection({
    generation: runtime.generation,
    servers: [...runtime.upstreams.values()],
    entries: plugins.entries,
  })
  for (const warning of [...loaded.warnings, ...plugins.warnings]) output.finding(warning)
  const config =
    configFile === undefined
      ? 'none: a demo; portcullis init writes one'
      : shortPath(configFile, cwd)
  const { api } = loaded.config.admin
  const places = { url, adminUrl, api, tokenFile, config }
  const banner = { ...places, tryIt: tryIt(url), pid: process.pid, report }
  output.result(
    {
      event: 'ready',
      url,
      admin: adminUrl,
      ...(tokenFile === undefined ? {} : { admin_token_file: tokenFile }),
      config: configFile ?? null,
      try: banner.tryIt,
      ...report,
    },
    () => bannerText(banner, output.style),
  )
}

function tryIt(url: string): string {
  return `npx @modelcontextprotocol/inspector --cli ${url} --transport http --method tools/list`
}

function shortPath(file: string, cwd: string): string {
  const short = relative(cwd, file)
  return short.startsWith('..') ? file : short
}
