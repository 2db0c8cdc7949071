// The database file: its folder, mode, pragmas and schema version; it blocks, so only the thread of the store calls it.
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AUDIT_TABLES, transaction } from './audit-table.ts'

export const MEMORY = ':memory:'

/** Each takes the schema one version further; none is ever changed once released. */
const MIGRATIONS: readonly string[] = [AUDIT_TABLES]

/** "PCUL": a database of another program is not ours to write into. */
const APPLICATION_ID = 0x5043554c
/** Milliseconds to wait for another process that writes. Nobody else waits: the thread does nothing but this. */
const BUSY_TIMEOUT = 1000
const WAL_LIMIT = 64 * 1024 ** 2
const OWNER_ONLY = 0o600

export interface Sqlite {
  readonly db: DatabaseSync
  /** False when the file at the path is no longer the one that is open: what is written now would be lost. */
  readonly inPlace: boolean
}

/** Opens, creates what is missing, brings the schema up to date. Throws with a reason for the operator. */
export function openSqlite(path: string): Sqlite {
  if (path !== MEMORY) prepare(path)
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT })
  try {
    // WAL and NORMAL: a crash of the process loses nothing that is committed, a loss of power the last moments; neither
    // corrupts, and a commit waits for no disk
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    db.exec(`PRAGMA journal_size_limit = ${WAL_LIMIT}`)
    migrate(db)
  } catch (error) {
    db.close()
    throw error
  }
  const inode = path === MEMORY ? undefined : inodeOf(path)
  return {
    db,
    get inPlace() {
      return path === MEMORY || inodeOf(path) === inode
    },
  }
}

// by path and never through a descriptor: closing one would drop the locks of every connection of this process
function prepare(path: string): void {
  makeFolder(dirname(path))
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) {
    create(path)
    return
  }
  if (!stat.isFile()) throw new Error('it is not a regular file; set store.url to another path')
  if (process.getuid?.() === stat.uid && (stat.mode & 0o077) !== 0) chmodSync(path, OWNER_ONLY)
}

function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY))
  } catch (error) {
    // another process begins at the same moment; then it is looked at as one that was there
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    prepare(path)
  }
}

// not `recursive`: where a file system refuses with ENOENT, as /proc does, Node would try for ever
function makeFolder(path: string): void {
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

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino
}

function migrate(db: DatabaseSync): void {
  const version = pragma(db, 'user_version')
  if (version > MIGRATIONS.length)
    throw new Error(
      `its schema is version ${version} and this release knows ${MIGRATIONS.length}; start a newer release, or set store.url to another file`,
    )
  const { tables } = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as {
    tables: number
  }
  if (tables > 0 && pragma(db, 'application_id') !== APPLICATION_ID)
    throw new Error('it is the database of another program; set store.url to another file')
  if (version === MIGRATIONS.length) return
  transaction(db, () => {
    // another process may have been faster
    for (const migration of MIGRATIONS.slice(pragma(db, 'user_version'))) db.exec(migration)
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
  })
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0])
}
