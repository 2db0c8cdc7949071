// The options of commands that ask the admin API of a running gateway; nothing is asked here.
import { type Command, Option } from 'commander'
import { type ConfigOptions, withConfig, withOutput } from '../command.ts'

export interface ApiOptions extends ConfigOptions {
  readonly admin?: string
  readonly tokenFile?: string
  /** Taken only to be refused. */
  readonly token?: string | boolean
}

export interface WriteOptions extends ApiOptions {
  readonly dryRun?: boolean
}

export function withApi(command: Command): Command {
  command
    .option(
      '--admin <url>',
      'address of the admin API; else PORTCULLIS_ADMIN, the configuration, http://127.0.0.1:8081',
    )
    .option(
      '--token-file <file>',
      'file with a key or token; else PORTCULLIS_TOKEN, the first token beside the store',
    )
    .addOption(new Option('--token [value]').hideHelp())
  return withConfig(withOutput(command))
}

export function withWrite(command: Command): Command {
  return withApi(command).option('--dry-run', 'run every check and policy, write nothing')
}

/** For options that may be given more than once. */
export function repeated(text: string, texts: readonly string[] = []): readonly string[] {
  return [...texts, text]
}
