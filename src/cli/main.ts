// The process `portcullis`: runs the command line with the real streams and ends with its exit code.
import { runCommand } from './program.ts'
import { processShell } from './shell.ts'

process.exitCode = await runCommand(process.argv.slice(2), processShell())
// nothing should be open any more; something that still is must not keep the process from ending
setTimeout(() => process.exit(), 2000).unref()
