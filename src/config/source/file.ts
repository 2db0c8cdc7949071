// Reads configuration files and judges whether they may be trusted; it does not parse them.
import { constants } from 'node:fs'
import { access, open, readdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { whyUnreadable } from '../../base/unreadable.ts'
import { createProblem, type Problem, type ProblemCode } from '../problem.ts'

/** A configuration file is at most this long, a secret file at most `MAX_SECRET`. */
export const MAX_FILE = 1024 ** 2
export const MAX_SECRET = 64 * 1024

/** The file system as the loader sees it; tests hand in their own. */
export interface ConfigFs {
  /** The whole file and its mode bits from one open handle, so that what was judged is what is read. */
  read(path: string, limit: number): Promise<{ text: string; mode: number }>
  /** The names in a directory. */
  list(directory: string): Promise<string[]>
  /** Mode bits of a directory and whether this process could write into it. */
  directory(path: string): Promise<{ mode: number; writable: boolean }>
  /** False where mode bits mean nothing (Windows). */
  readonly hasModes: boolean
}

export const nodeFs: ConfigFs = {
  hasModes: process.platform !== 'win32',
  async read(path, limit) {
    // non-blocking: a named pipe must not hang the start
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const { mode, size } = await handle.stat().then((info) => {
        if (!info.isFile()) throw new Error('not a regular file')
        return info
      })
      if (size > limit) throw new Error(`larger than ${limit} bytes`)
      const bytes = await handle.readFile()
      if (bytes.length > limit) throw new Error(`larger than ${limit} bytes`)
      return { text: decode(bytes), mode }
    } finally {
      await handle.close()
    }
  },
  list: (directory) => readdir(directory),
  async directory(path) {
    const [{ mode }, writable] = await Promise.all([
      stat(path),
      access(path, constants.W_OK).then(
        () => true,
        () => false,
      ),
    ])
    return { mode, writable }
  },
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new Error('not valid UTF-8', { cause: error })
  }
}

const OTHERS_WRITE = 0o002
const GROUP_WRITE = 0o020
const STICKY = 0o1000

export interface ReadOutcome {
  readonly text: string | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/**
 * Reads one configuration file. Refused: a file that everyone may write, and one in a directory where everyone may replace
 * it (writable by all, not sticky, and not a read-only mount: that is how container platforms mount configuration).
 */
export async function readTrusted(fs: ConfigFs, path: string): Promise<ReadOutcome> {
  const at = { file: path, line: 0, column: 0 }
  const refuse = (code: ProblemCode, message: string): ReadOutcome => ({
    text: undefined,
    problems: [createProblem(at, [], message, { code })],
    warnings: [],
  })
  try {
    const { text, mode } = await fs.read(path, MAX_FILE)
    if (!fs.hasModes) return { text, problems: [], warnings: [] }
    if (mode & OTHERS_WRITE)
      return refuse(
        'CONFIG_UNSAFE_FILE',
        `the file can be written by everyone; run chmod o-w ${path}`,
      )
    const folder = dirname(path)
    if (await isOpenFolder(fs, folder, { sticky: true }))
      return refuse('CONFIG_UNSAFE_FILE', `everyone can replace the file; run chmod o-w ${folder}`)
    const warning = `the file can be written by its group; run chmod g-w ${path}`
    return {
      text,
      problems: [],
      warnings: mode & GROUP_WRITE ? [createProblem(at, [], warning)] : [],
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT')
      return refuse('CONFIG_NOT_FOUND', 'there is no such file')
    return refuse('CONFIG_INVALID', `the file cannot be read: ${whyUnreadable(error)}`)
  }
}

/** Whether everyone may add or replace files in a directory; `sticky` says that the sticky bit is protection enough. */
export async function isOpenFolder(
  fs: ConfigFs,
  path: string,
  options: { sticky: boolean },
): Promise<boolean> {
  if (!fs.hasModes) return false
  const { mode, writable } = await fs.directory(path)
  return (mode & OTHERS_WRITE) !== 0 && writable && !(options.sticky && (mode & STICKY) !== 0)
}

/** The text of a secret file; throws with a message that names no content. */
export async function readSecret(fs: ConfigFs, path: string): Promise<string> {
  try {
    const { text, mode } = await fs.read(path, MAX_SECRET)
    if (fs.hasModes && mode & OTHERS_WRITE) throw new Error('it can be written by everyone')
    return text
  } catch (error) {
    throw new AppError('CONFIG_INVALID', whyUnreadable(error), { cause: error })
  }
}

/** Where a configuration is looked for, in this order; flags and variables that name a missing file are not skipped over. */
export const DEFAULT_FILES = ['portcullis.yaml', 'config/gateway.yaml'] as const

export interface FoundConfig {
  readonly file: string
  readonly by: 'flag' | 'env' | 'default'
}

/** The file to load, as an absolute path; undefined when nothing was named and none of the usual files exists. */
export async function findConfig(options: {
  flag?: string | undefined
  env: Readonly<Record<string, string | undefined>>
  cwd: string
}): Promise<FoundConfig | undefined> {
  const { flag, env, cwd } = options
  if (flag !== undefined) return { file: resolve(cwd, flag), by: 'flag' }
  if (env.PORTCULLIS_CONFIG) return { file: resolve(cwd, env.PORTCULLIS_CONFIG), by: 'env' }
  for (const name of DEFAULT_FILES) {
    const file = resolve(cwd, name)
    const there = await stat(file).then(
      (info) => info.isFile(),
      () => false,
    )
    if (there) return { file, by: 'default' }
  }
  return undefined
}
