// `portcullis import`: turns the configuration of another program into one of ours, and says what it left out.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AppError, messageOf } from '../../base/errors.ts'
import { type AddCommand, type Invocation, withOutput } from '../command.ts'
import { EXIT, type Exit } from '../exit.ts'
import { writeNew } from '../files.ts'

interface ImportOptions {
  readonly out?: string
}

export const addImport: AddCommand = (program, run) => {
  const command = program
    .command('import')
    .description(
      'turn mcpServers or VS Code JSON, a list of servers or ContextForge plugin YAML into a configuration',
    )
    .argument('<file>', 'what to import')
    .option('-o, --out <file>', 'write it there instead of to standard output; never overwrites')
    .action(run(importFile))
  withOutput(command)
}

/** Pasted configurations are small; anything larger is not one. */
const MOST_BYTES = 4 * 1024 * 1024

async function importFile(
  { shell, output, options }: Invocation<ImportOptions>,
  file: string,
): Promise<Exit> {
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
