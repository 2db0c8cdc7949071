// The keys that secrets are sealed with: from the configuration, or from a file beside the database that is made when first needed.
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError, messageOf } from '../base/errors.ts'
import { makeFolder } from './folder.ts'
import { isPostgres, type StoreOptions, sqlitePath } from './options.ts'

export interface SealKey {
  /** Of the secret, so that nobody has to name keys; it does not give the secret away. */
  readonly id: string
  readonly secret: Buffer
}

export interface KeyRing {
  /** What is sealed from now on. */
  readonly first: SealKey
  byId(id: string): SealKey | undefined
}

const FILE = 'portcullis.key'
const LENGTH = 32
/** What anybody's key file is below. */
const MOST_BYTES = 4096

/** Read once, at the first secret. Throws STORE_SEALED where there is no key and none can be made. */
export function keySource(options: StoreOptions): () => KeyRing {
  let ring: KeyRing | undefined
  return () => {
    ring ??= createKeyRing(options.keys ?? keysBeside(options))
    return ring
  }
}

/** Keys as base64; the first seals. */
export function createKeyRing(texts: readonly string[]): KeyRing {
  const keys = texts.map((text) => {
    const secret = Buffer.from(text, 'base64')
    if (secret.length !== LENGTH || secret.toString('base64') !== text)
      throw noKey(`a key is not ${LENGTH} bytes as base64`)
    return { id: idOf(secret), secret }
  })
  const [first] = keys
  if (first === undefined) throw noKey('there is no key')
  return { first, byId: (id) => keys.find((key) => key.id === id) }
}

function idOf(secret: Buffer): string {
  return createHash('sha256').update('portcullis seal key').update(secret).digest('hex').slice(0, 8)
}

function keysBeside(options: StoreOptions): readonly string[] {
  // replicas that each made their own would not open one another's
  if (isPostgres(options))
    throw noKey('a store in PostgreSQL needs store.keys, the same at each replica')
  const path = sqlitePath(options)
  // what is in memory ends with this process, and so may its key
  if (path === ':memory:') return [newKey()]
  const folder = dirname(path)
  const file = join(folder, FILE)
  try {
    return readKeys(file) ?? makeKeys(folder, file)
  } catch (error) {
    throw noKey(`${file}: ${messageOf(error)}`)
  }
}

/** One key a line; undefined: there is no file. */
function readKeys(file: string): readonly string[] | undefined {
  const descriptor = openIfThere(file)
  if (descriptor === undefined) return undefined
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new Error('it is not a regular file')
    if ((stat.mode & 0o077) !== 0)
      throw new Error('others may read it; make it its owner’s alone (chmod 600)')
    if (stat.size > MOST_BYTES) throw new Error('it is too long for keys')
    return readFileSync(descriptor, 'utf8').split('\n').filter(Boolean)
  } finally {
    closeSync(descriptor)
  }
}

function openIfThere(file: string): number | undefined {
  try {
    // no links: what they point at is not what was made here
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all, and on the disk before anything is sealed with it; whichever process is first makes it for all. */
function makeKeys(folder: string, file: string): readonly string[] {
  makeFolder(folder)
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(draft, `${newKey()}\n`, { mode: 0o600, flag: 'wx', flush: true })
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(draft)
  }
  flushFolder(folder)
  return readKeys(file) ?? []
}

function flushFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function newKey(): string {
  return randomBytes(LENGTH).toString('base64')
}

function noKey(reason: string): AppError {
  return new AppError('STORE_SEALED', `secrets cannot be sealed or opened: ${reason}`)
}
