// The database file: its folder, mode, pragmas and schema version; it blocks, so only threads of the store call it.
import { chmodSync, closeSync, lstatSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AUDIT_TABLES, transaction } from './audit-table.ts'
import { makeFolder } from './folder.ts'

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

export interface SqliteOptions {
  /** A commit waits until the disk has it: for what somebody was told is done, rarely and outside the loop. */
  readonly durable?: boolean
}

/** Opens, creates what is missing, brings the schema up to date. Throws with a reason for the operator. */
export function openSqlite(path: string, { durable = false }: SqliteOptions = {}): Sqlite {
  if (path !== MEMORY) prepare(path)
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT })
  try {
    // WAL and NORMAL: a crash of the process loses nothing that is committed, a loss of power the last moments; neither
    // corrupts, and a commit waits for no disk
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    if (durable) db.exec('PRAGMA synchronous = FULL')
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
