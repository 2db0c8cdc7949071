// What the gateway keeps for itself: tickets that are taken once, and notes; both beside the entities and without a revision.
import type { Kysely } from 'kysely'

export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('store_tickets')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('used', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('store_tickets_key', ['kind', 'key'])
    .execute()
  // for the count of the open ones, and for the removal of the oldest
  await schema
    .createIndex('store_tickets_open')
    .on('store_tickets')
    .columns(['kind', 'used', 'expires_at', 'scope'])
    .execute()
  await schema
    .createTable('store_notes')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('store_notes_key', ['kind', 'key'])
    .execute()
}

export async function down({ schema }: Kysely<unknown>): Promise<void> {
  for (const table of ['store_notes', 'store_tickets']) await schema.dropTable(table).execute()
}
