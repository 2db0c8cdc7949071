// Notes as rows; each write is one statement.
import { type Kysely, type Selectable, sql } from 'kysely'
import type { JsonObject } from '../../base/json.ts'
import { type Note, type NoteQuery, type NoteWrite, noteText } from '../beside/notes.ts'
import { isKeepable } from '../rules.ts'
import type { NoteRow, StoreTables } from './tables.ts'

type Db = Kysely<StoreTables>

export async function note(db: Db, kind: string, key: string): Promise<Note | undefined> {
  if (!isKeepable(kind) || !isKeepable(key)) return undefined
  const row = await db
    .selectFrom('store_notes')
    .selectAll()
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst()
  return row && noteOf(row)
}

export async function notes(db: Db, { kind, after, limit }: NoteQuery): Promise<readonly Note[]> {
  if (!isKeepable(kind) || !isKeepable(after ?? '') || limit < 1) return []
  let select = db.selectFrom('store_notes').selectAll().where('kind', '=', kind)
  if (after !== undefined) select = select.where('key', '>', after)
  return (await select.orderBy('key').limit(limit).execute()).map(noteOf)
}

export async function putNote(db: Db, write: NoteWrite, at: number): Promise<number | undefined> {
  const { kind, key, expect } = write
  const body = noteText(write)
  const next = { body, updated_at: at, version: sql<number>`store_notes.version + 1` }
  if (expect !== undefined && expect > 0) {
    const row = await db
      .updateTable('store_notes')
      .set(next)
      .where('kind', '=', kind)
      .where('key', '=', key)
      .where('version', '=', expect)
      .returning('version')
      .executeTakeFirst()
    return row && Number(row.version)
  }
  const row = await db
    .insertInto('store_notes')
    .values({ kind, key, body, version: 1, updated_at: at })
    .onConflict((there) =>
      expect === 0
        ? there.columns(['kind', 'key']).doNothing()
        : there.columns(['kind', 'key']).doUpdateSet(next),
    )
    .returning('version')
    .executeTakeFirst()
  return row && Number(row.version)
}

export async function removeNote(db: Db, kind: string, key: string): Promise<boolean> {
  if (!isKeepable(kind) || !isKeepable(key)) return false
  const row = await db
    .deleteFrom('store_notes')
    .where('kind', '=', kind)
    .where('key', '=', key)
    .returning('key')
    .executeTakeFirst()
  return row !== undefined
}

function noteOf(row: Selectable<NoteRow>): Note {
  return {
    kind: row.kind,
    key: row.key,
    version: Number(row.version),
    body: JSON.parse(row.body) as JsonObject,
    updatedAt: Number(row.updated_at),
  }
}
