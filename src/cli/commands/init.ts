// `portcullis init`: writes a commented configuration to start from; it never overwrites one.
import { resolve } from 'node:path'
import { type AddCommand, type Invocation, withOutput } from '../command.ts'
import { EXIT, type Exit } from '../exit.ts'
import { writeNew } from '../files.ts'
import { INITIAL } from '../initial.ts'

export const addInit: AddCommand = (program, run) => {
  const command = program
    .command('init')
    .description('write a commented configuration to start from')
    .argument('[file]', 'where to', 'portcullis.yaml')
    .action(run(init))
  withOutput(command)
}

async function init({ shell, output }: Invocation<object>, file: string): Promise<Exit> {
  const path = resolve(shell.cwd, file)
  await writeNew(path, INITIAL)
  output.result({ written: path }, () => `wrote ${file}\n`)
  const config = file === 'portcullis.yaml' ? '' : ` --config ${file}`
  output.note(`edit it, then: portcullis validate${config} && portcullis start${config}`)
  return EXIT.ok
}
