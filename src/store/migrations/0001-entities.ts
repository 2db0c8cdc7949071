// The first tables of the store: entities, the log of changes, remembered answers, and the one row that counts revisions.
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db
  await schema
    .createTable('store_entities')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text')
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('store_entities_key', ['kind', 'id'])
    .execute()
  await schema
    .createTable('store_changes')
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('op', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text')
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('principal', 'text', (column) => column.notNull())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('store_changes_key', ['revision', 'position'])
    .execute()
  // for the version of one that is made anew
  await schema
    .createIndex('store_changes_entity')
    .on('store_changes')
    .columns(['kind', 'id'])
    .execute()
  await schema
    .createTable('store_answers')
    .addColumn('key', 'text', (column) => column.notNull().primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('answer', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await schema
    .createIndex('store_answers_expiry')
    .on('store_answers')
    .columns(['expires_at'])
    .execute()
  await schema
    .createTable('store_state')
    .addColumn('id', 'bigint', (column) => column.notNull().primaryKey())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('compacted', 'bigint', (column) => column.notNull())
    .execute()
  await (db as Kysely<{ store_state: { id: number; revision: number; compacted: number } }>)
    .insertInto('store_state')
    .values({ id: 1, revision: 0, compacted: 0 })
    .execute()
}

export async function down({ schema }: Kysely<unknown>): Promise<void> {
  for (const table of ['store_state', 'store_answers', 'store_changes', 'store_entities'])
    await schema.dropTable(table).execute()
}
