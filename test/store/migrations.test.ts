// The migrations of the store, forwards and back, on every database: the same tables, however often and by however many at once.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Dialect, Kysely, sql } from 'kysely'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { migrateDown, migrateUp } from '../../src/store/migrations/migrate.ts'
import { createSqlStore } from '../../src/store/sql/kysely-store.ts'
import { postgresDialect } from '../../src/store/sql/postgres-dialect.ts'
import { sqliteDialect } from '../../src/store/sql/sqlite-dialect.ts'
import { openPglite } from './pglite.ts'
import { makeSchema, noPostgres } from './postgres.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

function fileDialects(): () => Dialect {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  undo.push(async () => rmSync(folder, { recursive: true }))
  return () => sqliteDialect(join(folder, 'portcullis.db'), systemClock)
}

async function serverDialects(): Promise<() => Dialect> {
  const schema = await makeSchema()
  undo.push(schema.drop)
  return () => postgresDialect({ url: schema.url, pool: 2 })
}

function database(dialect: Dialect, { owned }: { owned: boolean }): Kysely<unknown> {
  const db = new Kysely<unknown>({ dialect })
  if (owned) undo.push(() => db.destroy())
  return db
}

const OURS = [
  'store_answers',
  'store_changes',
  'store_entities',
  'store_notes',
  'store_state',
  'store_tickets',
]
const tablesOf = async (db: Kysely<unknown>) =>
  (await db.introspection.getTables())
    .map(({ name }) => name)
    .filter((name) => !/migration|^audit_/.test(name))
    .sort()

async function forwardsAndBack(dialect: Dialect, owned = true): Promise<void> {
  const db = database(dialect, { owned })
  for (const round of [1, 2]) {
    await migrateUp(db)
    await migrateUp(db)
    expect([round, await tablesOf(db)]).toEqual([round, OURS])
    await migrateDown(db)
    expect([round, await tablesOf(db)]).toEqual([round, []])
  }
  const store = createSqlStore({ dialect, clock: systemClock, name: 'test' })
  if (owned) undo.push(store.close)
  const write = { op: 'put', kind: 'k', id: 'a', tenant: undefined, body: {}, expect: 0 } as const
  await store.commit({ writes: [write], by: 'ada', requestId: 'r' })
  expect(await store.revision()).toBe(1)
}

async function manyAtOnce(dialectOf: () => Dialect): Promise<void> {
  const dbs = [1, 2, 3].map(() => database(dialectOf(), { owned: true }))
  await Promise.all(dbs.map(migrateUp))
  const [first] = dbs as [Kysely<unknown>]
  const { rows } = await sql`select * from store_state`.execute(first)
  expect(rows).toHaveLength(1)
}

async function newer(dialectOf: () => Dialect): Promise<void> {
  const db = database(dialectOf(), { owned: true })
  await migrateUp(db)
  await sql`insert into store_migrations values ('0999-later', '2030-01-01T00:00:00.000Z')`.execute(
    db,
  )
  const store = createSqlStore({ dialect: dialectOf(), clock: systemClock, name: 'test' })
  undo.push(store.close)
  await expect(store.start()).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('its tables are of a newer release'),
  })
}

describe('the migrations in SQLite', () => {
  it('go forwards, back, and forwards again', { timeout: 60_000 }, async () => {
    await forwardsAndBack(fileDialects()())
  })

  it('of several processes that start at once are done once', async () => {
    await manyAtOnce(fileDialects())
  })

  it('of a newer release are left alone', async () => newer(fileDialects()))

  it('make tables that hold every value to its type', async () => {
    const db = database(fileDialects()(), { owned: true })
    await migrateUp(db)
    const { rows } = await sql`
      select name from pragma_table_list where name like 'store_%' and strict = 0`.execute(db)
    expect(rows).toEqual([])
  })
})

describe('the migrations in PGlite', () => {
  const pglite = openPglite()
  afterAll(pglite.close)

  it('go forwards, back, and forwards again', { timeout: 60_000 }, async () => {
    await forwardsAndBack(await pglite.dialect(), false)
  })
})

describe.skipIf(noPostgres)('the migrations in PostgreSQL', () => {
  it('go forwards, back, and forwards again', { timeout: 60_000 }, async () => {
    await forwardsAndBack((await serverDialects())())
  })

  it('of several processes that start at once are done once', async () => {
    await manyAtOnce(await serverDialects())
  })

  it('of a newer release are left alone', async () => newer(await serverDialects()))
})
