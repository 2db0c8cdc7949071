// The migrations of the store in their order, forwards and back, the same on every database.
import { type Kysely, sql } from 'kysely'
import { type Migration, type MigrationResultSet, Migrator, NO_MIGRATIONS } from 'kysely/migration'
import * as entities from './0001-entities.ts'
import * as tickets from './0002-tickets.ts'

const TABLE = 'store_migrations'

/** None is ever changed once released; names sort. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-entities': entities,
  '0002-tickets': tickets,
}

/** Brings the tables up to date. Another process that does the same is waited for; where nothing is to be done, nobody is. */
export async function migrateUp<T>(db: Kysely<T>): Promise<void> {
  if (!(await isUpToDate(db))) done(await migratorOf(db).migrateToLatest())
}

/** Takes all of it away again, newest first. */
export async function migrateDown<T>(db: Kysely<T>): Promise<void> {
  done(await migratorOf(db).migrateTo(NO_MIGRATIONS))
}

/** By reading alone: whoever writes just now, or keeps us from it, does not stop those that only read. */
async function isUpToDate<T>(db: Kysely<T>): Promise<boolean> {
  const tables = await db.introspection.getTables()
  if (!tables.some(({ name }) => name === TABLE)) return false
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(TABLE)}`.execute(db)
  const done = new Set(rows.map(({ name }) => name))
  const known = Object.keys(MIGRATIONS)
  return done.size === known.length && known.every((name) => done.has(name))
}

function migratorOf<T>(db: Kysely<T>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    migrationTableName: TABLE,
    migrationLockTableName: 'store_migration_lock',
  })
}

function done({ error, results = [] }: MigrationResultSet): void {
  if (error === undefined) return
  // this is how the migrator tells of one that it does not know
  if (error instanceof Error && error.message.startsWith('corrupted migrations'))
    throw new Error(
      'its tables are of a newer release; start that one, or set store.url to another database',
    )
  const failed = results.find(({ status }) => status === 'Error')
  if (failed === undefined) throw error
  const reason = error instanceof Error ? error.message : String(error)
  throw new Error(`the migration ${failed.migrationName} failed: ${reason}`)
}
