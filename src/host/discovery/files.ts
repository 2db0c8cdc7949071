// Reading a plugin's folder without trusting it: containment, permissions, bounds, one digest; it runs nothing.
import { createHash } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { AppError } from '../../base/errors.ts'

const MAX_FILES = 500
const MAX_BYTES = 8 * 1024 * 1024
/** A manifest or a schema. */
const MAX_TEXT = 256 * 1024
const EVERYONE_WRITES = 0o002

/** The text of a small file. Throws PLUGIN_LOAD when everyone may write it or it is too large. */
export async function readText(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY)
  try {
    const { mode, size } = await file.stat()
    refuseWritable(path, mode)
    if (size > MAX_TEXT)
      throw new AppError('PLUGIN_LOAD', `${path} is larger than ${MAX_TEXT} bytes`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** The real path of `inner`. Throws PLUGIN_LOAD when it is not inside `directory`, symbolic links followed. */
export async function insideOf(directory: string, inner: string): Promise<string> {
  const root = await realpath(directory)
  // before anything outside is looked at, and again once links are followed
  const written = join(root, inner)
  if (isAbsolute(inner) || !isBelow(root, written)) throw leadsOut(inner)
  const path = await realpath(written)
  if (!isBelow(root, path)) throw leadsOut(inner)
  return path
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function leadsOut(inner: string): AppError {
  return new AppError('PLUGIN_LOAD', `${inner} leads out of the folder of the plugin`)
}

/**
 * One digest of everything in a plugin's folder, `node_modules` aside. Throws PLUGIN_LOAD when everyone may write one of
 * the files, or there are more than a plugin has.
 */
export async function digestFolder(directory: string): Promise<string> {
  const root = await realpath(directory)
  refuseWritable(root, (await stat(root)).mode)
  const hash = createHash('sha256')
  let bytes = 0
  const files = await listFiles(root)
  for (const path of files) {
    const file = await open(path, constants.O_RDONLY)
    try {
      const { mode, size } = await file.stat()
      refuseWritable(path, mode)
      bytes += size
      if (bytes > MAX_BYTES)
        throw new AppError('PLUGIN_LOAD', `${root} holds more than ${MAX_BYTES} bytes`)
      hash.update(`${relative(root, path)}\0${size}\0`).update(await file.readFile())
    } finally {
      await file.close()
    }
  }
  return hash.digest('hex')
}

async function listFiles(root: string): Promise<string[]> {
  const files: string[] = []
  const folders = [root]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const item of await sorted(folder)) {
      const path = join(folder, item.name)
      if (item.isDirectory() && item.name !== 'node_modules' && !item.name.startsWith('.')) {
        refuseWritable(path, (await stat(path)).mode)
        folders.push(path)
      } else if (item.isSymbolicLink()) await insideOf(root, relative(root, path))
      else if (item.isFile()) files.push(path)
      if (files.length > MAX_FILES)
        throw new AppError('PLUGIN_LOAD', `${root} holds more than ${MAX_FILES} files`)
    }
  }
  return files
}

async function sorted(folder: string): Promise<Dirent[]> {
  const items = await readdir(folder, { withFileTypes: true })
  return items.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function refuseWritable(path: string, mode: number): void {
  if (process.platform !== 'win32' && (mode & EVERYONE_WRITES) !== 0)
    throw new AppError('PLUGIN_LOAD', `${path} can be written by everyone; chmod o-w it`)
}
