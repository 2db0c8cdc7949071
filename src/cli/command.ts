// What every command has in common: its options, the way from options to output and exit code, and where the configuration is.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { AppError, messageOf } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { type Exit, exitOf, UsageError } from './exit.ts'
import { createOutput, type Output, type OutputOptions } from './output.ts'
import type { Shell } from './shell.ts'

/** How the command that ran ends; read once when it has. */
export interface Ending {
  exit: Exit
}

/** One command: adds itself, with its options and action, to the program. */
export type AddCommand = (program: Command, run: RunCommand) => void

export interface Invocation<O> {
  readonly shell: Shell
  readonly output: Output
  readonly options: O
}

/** Wraps an action: output by the common options, faults told and turned into exit codes. */
export type RunCommand = <O extends object, A extends readonly unknown[]>(
  action: (invocation: Invocation<O>, ...given: A) => Promise<Exit>,
) => (...given: unknown[]) => Promise<void>

export function createRun(shell: Shell, ending: Ending): RunCommand {
  return (action) =>
    async (...all) => {
      // commander hands over the arguments, the options and the command itself
      const command = all.at(-1) as Command
      const options = command.optsWithGlobals() as OutputOptions
      const output = createOutput(shell, options)
      try {
        ending.exit = await action(
          { shell, output, options: options as never },
          ...(all.slice(0, -2) as never),
        )
      } catch (error) {
        output.fail(error)
        ending.exit = exitOf(error)
      }
    }
}

/** Options that every command takes, before or after its name. */
export function withOutput(command: Command): Command {
  return command
    .option('--json', 'write JSON')
    .option('-q, --quiet', 'say nothing but results and errors')
    .option('-v, --verbose', 'say more')
}

export interface ConfigOptions {
  readonly config?: string
  readonly profile?: string
}

export function withConfig(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      'configuration; else PORTCULLIS_CONFIG, ./portcullis.yaml, ./config/gateway.yaml',
    )
    .option('-p, --profile <name>', 'lay profiles/<name>.yaml beside the configuration over it')
}

const USUAL_PLACES = ['portcullis.yaml', 'config/gateway.yaml']

/** The configuration file to use; undefined when none was named and none is in the usual places. */
export function findConfig({ config }: ConfigOptions, shell: Shell): string | undefined {
  const named = config ?? (shell.env.PORTCULLIS_CONFIG || undefined)
  if (named !== undefined) return resolve(shell.cwd, named)
  return USUAL_PLACES.map((place) => resolve(shell.cwd, place)).find((place) => existsSync(place))
}

export function requireConfig(options: ConfigOptions, shell: Shell): string {
  const file = findConfig(options, shell)
  if (file !== undefined) return file
  throw new AppError(
    'CONFIG_NOT_FOUND',
    `no ${USUAL_PLACES.join(' or ')} in ${shell.cwd}, and none was named by --config`,
  )
}

/** What the app is given to load the configuration of a command. */
export function loading(options: ConfigOptions, shell: Shell) {
  return {
    configFile: requireConfig(options, shell),
    profile: options.profile,
    env: shell.env,
  }
}

/** The value of an option that is a JSON object. */
export function jsonObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value as JsonObject
  } catch (error) {
    throw new UsageError(`${text.slice(0, 40)} is no JSON: ${messageOf(error)}`)
  }
  throw new UsageError(`${text.slice(0, 40)} is no JSON object`)
}
