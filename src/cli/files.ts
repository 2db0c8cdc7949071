// Files the command line writes: new ones only, readable by their owner alone, whole or not at all.
import { writeFile } from 'node:fs/promises'
import { AppError, messageOf } from '../base/errors.ts'
import { UsageError } from './exit.ts'

/** A configuration may come to hold secrets, so nobody else may read it. Refuses to replace anything. */
export async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new UsageError(`${file} exists already and is not overwritten`)
    throw new AppError('INTERNAL', `${file} cannot be written: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
