// The folder of the database, made for its owner alone; nothing in it is read.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

// not `recursive`: where a file system refuses with ENOENT, as /proc does, Node would try for ever
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, 0o700)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    makeFolder(dirname(path))
    mkdirSync(path, 0o700)
  }
}
