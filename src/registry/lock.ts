// `portcullis.lock`: what commands write down about what the configuration declares - pins and approvals; it pins and approves nothing itself.
import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError, messageOf } from '../base/errors.ts'
import { isObject } from '../base/json.ts'

/** What is known of one declared entity. */
export interface LockEntry {
  /** Digest of what it offers: `sha256:` and 64 hexadecimal digits. */
  readonly pin?: string
  readonly approved?: {
    /** Of what was approved: something else is not approved. */
    readonly digest: string
    /** The principal, or the name of the user of the command. */
    readonly by: string
    /** RFC 3339. */
    readonly at: string
  }
}

/** By kind and id, such as `server files`. */
export type Lock = ReadonlyMap<string, LockEntry>

export const LOCK_FILE = 'portcullis.lock'

/** Beside the configuration it is about. */
export function lockPath(configFile: string): string {
  return join(dirname(configFile), LOCK_FILE)
}

/**
 * What counts about a declared entity. The configuration comes first: it is what people review. What a command wrote down
 * comes second; what neither says is undefined.
 */
export function pinOf(
  declared: { readonly digest?: string | undefined },
  entry: LockEntry | undefined,
): string | undefined {
  return declared.digest ?? entry?.pin
}

const MOST_BYTES = 4 * 1024 * 1024
const DIGEST = /^sha256:[0-9a-f]{64}$/

/** Empty when there is none. Rejects with CONFIG_INVALID, or CONFIG_UNSAFE_FILE when others can write it. */
export async function readLock(path: string): Promise<Lock> {
  const found = await stat(path).catch((error) => absent(path, error))
  if (!found) return new Map()
  if (found.mode & 0o022)
    throw new AppError(
      'CONFIG_UNSAFE_FILE',
      `${path} can be written by others than its owner; chmod 600 it`,
    )
  if (found.size > MOST_BYTES) throw unreadable(path, `it has more than ${MOST_BYTES} bytes`)
  return parseLock(await readFile(path, 'utf8'), path)
}

function absent(path: string, error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw unreadable(path, messageOf(error))
}

/** Throws CONFIG_INVALID: half a pin is none, and nobody may take it for one. */
export function parseLock(text: string, path: string): Lock {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw unreadable(path, messageOf(error))
  }
  if (!isObject(value) || value.version !== 1 || !isObject(value.entries))
    throw unreadable(path, 'it is not { "version": 1, "entries": { ... } }')
  const entries = Object.entries(value.entries).map(([name, entry]) => {
    if (!isEntry(entry))
      throw unreadable(path, `what it says of ${JSON.stringify(name)} is not valid`)
    return [name, entry] as const
  })
  return new Map(entries)
}

function isEntry(value: unknown): value is LockEntry {
  if (!isObject(value)) return false
  const { pin, approved, ...others } = value
  if (Object.keys(others).length > 0) return false
  return (pin === undefined || isDigest(pin)) && (approved === undefined || isApproval(approved))
}

function isApproval(value: unknown): boolean {
  if (!isObject(value)) return false
  const { digest, by, at, ...others } = value
  const isTime = typeof at === 'string' && !Number.isNaN(Date.parse(at))
  return Object.keys(others).length === 0 && isDigest(digest) && typeof by === 'string' && isTime
}

const isDigest = (value: unknown): boolean => typeof value === 'string' && DIGEST.test(value)

/** Whole or not at all: a file beside it takes its place. For the owner's eyes only. */
export async function writeLock(path: string, lock: Lock): Promise<void> {
  const sorted = [...lock].sort(([one], [other]) => (one < other ? -1 : 1))
  const text = `${JSON.stringify({ version: 1, entries: Object.fromEntries(sorted) }, null, 2)}\n`
  const beside = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {})
    throw new AppError('STORE_UNAVAILABLE', `${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

// a name that is lost with the power is no name
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function unreadable(path: string, why: string): AppError {
  return new AppError('CONFIG_INVALID', `${path} cannot be read: ${why}`)
}
