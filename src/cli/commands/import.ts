// `portcullis import`: turns the configuration of another program into one of ours, and says what it left out; or adds it to a running gateway.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AppError, messageOf } from '../../base/errors.ts'
import { type WriteOptions, withWrite } from '../api/options.ts'
import type { AddCommand, Invocation } from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import { writeNew } from '../files.ts'

interface ImportOptions extends WriteOptions {
  readonly out?: string
  readonly toGateway?: boolean
}

export const addImport: AddCommand = (program, run) => {
  const command = program
    .command('import')
    .description(
      'turn mcpServers or VS Code JSON, a list of servers or ContextForge plugin YAML into a configuration',
    )
    .argument('<file>', 'what to import')
    .option('-o, --out <file>', 'write it there instead of to standard output; never overwrites')
    .option(
      '--to-gateway',
      'add what is found to a running gateway; takes a configuration of ours and an export, too',
    )
    .action(run(importFile))
  withWrite(command)
}

const FLAGS = {
  dryRun: '--dry-run',
  admin: '--admin',
  tokenFile: '--token-file',
  token: '--token',
} as const

/** Pasted configurations are small; anything larger is not one. */
const MOST_BYTES = 4 * 1024 * 1024

async function importFile(invocation: Invocation<ImportOptions>, file: string): Promise<Exit> {
  const { shell, output, options } = invocation
  if (options.toGateway) {
    if (options.out !== undefined) throw new UsageError('--out and --to-gateway: one of them')
    const { importToGateway } = await import('../transfer/to-gateway.ts')
    const filename = resolve(shell.cwd, file)
    return importToGateway(invocation, { filename, text: await readText(filename) })
  }
  for (const name of ['dryRun', 'admin', 'tokenFile', 'token'] as const)
    if (options[name] !== undefined) throw new UsageError(`${FLAGS[name]} goes with --to-gateway`)
  const { formatImported, importConfig } = await import('../../config/import/import.ts')
  const filename = resolve(shell.cwd, file)
  const imported = importConfig(await readText(filename), { filename, env: shell.env })
  for (const warning of imported.warnings) output.finding(warning)
  const text = formatImported(imported)
  const { format, document, warnings } = imported
  if (options.out === undefined) {
    output.document(text, () => ({ format, warnings, document }))
  } else {
    const out = resolve(shell.cwd, options.out)
    await writeNew(out, text)
    output.result({ format, warnings, written: out }, () => `wrote ${options.out}\n`)
  }
  output.note(
    'check it with portcullis validate, then point the client at the gateway instead:\n' +
      '  {"mcpServers":{"portcullis":{"type":"http","url":"http://127.0.0.1:8080/mcp"}}}',
  )
  return EXIT.ok
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new AppError('CONFIG_NOT_FOUND', `${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    })
  })
  if (bytes.length > MOST_BYTES)
    throw new AppError('CONFIG_INVALID', `${file} is larger than 4 MiB`)
  return bytes.toString('utf8')
}
