// `portcullis validate`: loads configuration and plugins as a start would, and says what is wrong, or prints what is in force.
import { printConfig, shownConfig } from '../../config/print.ts'
import {
  type AddCommand,
  type ConfigOptions,
  type Invocation,
  loading,
  withConfig,
  withOutput,
} from '../command.ts'
import { EXIT, type Exit, exitOf } from '../exit.ts'
import { described } from '../output.ts'

interface ValidateOptions extends ConfigOptions {
  readonly print?: boolean
  readonly strict?: boolean
}

export const addValidate: AddCommand = (program, run) => {
  const command = program
    .command('validate')
    .description('check a configuration and its plugins without starting anything')
    .option('--print', 'show every value in force and where it comes from; secrets are hidden')
    .option('--strict', 'treat warnings as errors')
    .action(run(validate))
  withConfig(withOutput(command))
}

async function validate({ shell, output, options }: Invocation<ValidateOptions>): Promise<Exit> {
  const { inspectGateway } = await import('../../app/inspect/inspect.ts')
  const inspection = await inspectGateway(loading(options, shell)).catch((error: unknown) => {
    // the result of this command, not a failure of it: programs read it from stdout
    if (output.human || options.print || exitOf(error) !== EXIT.configuration) throw error
    output.result({ valid: false, ...described(error) }, () => '')
    return undefined
  })
  if (inspection === undefined) return EXIT.configuration
  try {
    const { loaded, entries, warnings } = inspection
    for (const warning of warnings) output.finding(warning)
    const failed = options.strict === true && warnings.length > 0
    const summary = {
      valid: !failed,
      file: loaded.file,
      profile: loaded.profile ?? null,
      servers: loaded.config.servers.length,
      entries: entries.length,
      warnings,
    }
    if (options.print) {
      output.document(printConfig(loaded, { cwd: shell.cwd }), () => ({
        ...summary,
        config: shownConfig(loaded),
      }))
    } else {
      output.result(summary, () => {
        const verdict = failed ? output.style.bad('not valid') : output.style.good('valid')
        return `${verdict}: ${count(summary.servers, 'server')}, ${count(summary.entries, 'entry or policy', 'entries and policies')}, ${count(warnings.length, 'warning')}\n`
      })
    }
    return failed ? EXIT.configuration : EXIT.ok
  } finally {
    await inspection.close()
  }
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
