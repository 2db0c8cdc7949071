// `portcullis stdio`: what a local client starts as its MCP server; it runs the gateway itself. stdout carries messages only.
import type { RunningStdio } from '../../app/stdio.ts'
import type { LogLevel } from '../../base/log.ts'
import {
  type AddCommand,
  type ConfigOptions,
  type Invocation,
  loading,
  withConfig,
  withOutput,
} from '../command.ts'
import type { Exit } from '../exit.ts'
import { untilStopped } from '../signals.ts'

interface StdioOptions extends ConfigOptions {
  readonly logLevel?: LogLevel
}

export const addStdio: AddCommand = (program, run) => {
  const command = program
    .command('stdio')
    .description('serve MCP on stdin and stdout, for a client that starts this as its server')
    .option('--log-level <level>', 'debug, info, warn or error')
    .action(run(stdio))
  withConfig(withOutput(command))
}

async function stdio({ shell, output, options }: Invocation<StdioOptions>): Promise<Exit> {
  const { startStdio } = await import('../../app/stdio.ts')
  const running = startStdio({
    ...loading(options, shell),
    flags: { 'telemetry.log.level': options.logLevel },
  })
  return untilStopped<RunningStdio>(running, shell, {
    ready({ gateway }) {
      const { loaded, plugins } = gateway.state()
      for (const warning of [...loaded.warnings, ...plugins.warnings]) output.finding(warning)
      output.detail('serving MCP on stdin and stdout')
    },
    drain: ({ gateway }) => gateway.state().loaded.config.limits.drain,
    note: output.note,
  })
}
