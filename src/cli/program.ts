// The command line as a whole: one place that knows every command; each of them is a file in commands/.
import { Command, CommanderError } from 'commander'
import { createRun, type Ending, withOutput } from './command.ts'
import { addAttest } from './commands/attest.ts'
import { addAudit } from './commands/audit.ts'
import { addBench } from './commands/bench.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExplain } from './commands/explain.ts'
import { addExport } from './commands/export.ts'
import { addImport } from './commands/import.ts'
import { addInit } from './commands/init.ts'
import { addKey } from './commands/key.ts'
import { addPlugin } from './commands/plugin.ts'
import { addRole } from './commands/role.ts'
import { addSecrets } from './commands/secrets.ts'
import { addServer } from './commands/server.ts'
import { addStart } from './commands/start.ts'
import { addStdio } from './commands/stdio.ts'
import { addValidate } from './commands/validate.ts'
import { EXIT, type Exit, exitOf } from './exit.ts'
import { createOutput } from './output.ts'
import type { Shell } from './shell.ts'
import { VERSION } from './version.ts'

/** Parses, runs, and resolves with the exit code. Never rejects. */
export async function runCommand(argv: readonly string[], shell: Shell): Promise<Exit> {
  const ending: Ending = { exit: EXIT.ok }
  const program = createProgram(shell, ending)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return ending.exit
  } catch (error) {
    // help and version end this way too; commander has said what there is to say
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    // an option whose value is wrong; anything else that a command throws is told by the command itself
    createOutput(shell, { json: argv.includes('--json') }).fail(error)
    return exitOf(error)
  }
}

export function createProgram(shell: Shell, ending: Ending): Command {
  const program = withOutput(new Command('portcullis'))
    .description(
      'A gateway in front of MCP servers that runs policy plugins before and after every operation',
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)')
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: (text) => shell.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed while running, 2 called wrongly, 78 wrong configuration',
    )
  const run = createRun(shell, ending)
  for (const add of [
    addStart,
    addStdio,
    addValidate,
    addInit,
    addImport,
    addExplain,
    addPlugin,
    addServer,
    addKey,
    addRole,
    addSecrets,
    addExport,
    addAttest,
    addAudit,
    addBench,
    addDoctor,
  ])
    add(program, run)
  return program
}
