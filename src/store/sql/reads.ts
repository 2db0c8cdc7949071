// What is read of the store, as queries; they change nothing.
import type { Kysely, Selectable } from 'kysely'
import type { JsonObject } from '../../base/json.ts'
import { afterPrefix, assertKept, isKeepable, readableQuery } from '../rules.ts'
import type { Change, Remembered, Stored, StoreQuery } from '../store.ts'
import type { ChangeRow, EntityRow, StateRow, StoreTables } from './tables.ts'

type Db = Kysely<StoreTables>

export async function get(db: Db, kind: string, id: string): Promise<Stored | undefined> {
  if (!isKeepable(kind) || !isKeepable(id)) return undefined
  const row = await db
    .selectFrom('store_entities')
    .selectAll()
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && storedOf(row)
}

export async function list(db: Db, query: StoreQuery): Promise<readonly Stored[]> {
  const wanted = readableQuery(query)
  if (wanted === undefined) return []
  const { kind, tenant, after, prefix = '', limit } = wanted
  let select = db.selectFrom('store_entities').selectAll().where('kind', '=', kind)
  if (tenant === null) select = select.where('tenant', 'is', null)
  else if (tenant !== undefined) select = select.where('tenant', '=', tenant)
  if (after !== undefined) select = select.where('id', '>', after)
  if (prefix !== '') select = select.where('id', '>=', prefix)
  const end = afterPrefix(prefix)
  if (end !== undefined) select = select.where('id', '<', end)
  const rows = await select.orderBy('id').limit(limit).execute()
  return rows.map(storedOf)
}

export async function revision(db: Db): Promise<number> {
  return (await state(db)).revision
}

export async function changesAfter(
  db: Db,
  after: number,
  limit: number,
): Promise<readonly Change[]> {
  const later = db
    .selectFrom('store_changes')
    .selectAll()
    .where('revision', '>', after)
    .orderBy('revision')
    .orderBy('position')
  const rows = limit < 1 ? [] : await later.limit(limit).execute()
  const last = rows.at(-1)
  if (last !== undefined && rows.length === limit) {
    const rest = later
      .where('revision', '=', last.revision)
      .where('position', '>', Number(last.position))
    rows.push(...(await rest.execute()))
  }
  // after the rows: had some been gone before they were read, this says so
  assertKept(after, await state(db))
  return rows.map(changeOf)
}

export async function remembered(
  db: Db,
  key: string,
  now: number,
): Promise<Remembered | undefined> {
  if (!isKeepable(key)) return undefined
  const row = await db
    .selectFrom('store_answers')
    .select(['digest', 'answer'])
    .where('key', '=', key)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row && { key, digest: row.digest, answer: JSON.parse(row.answer) as JsonObject }
}

async function state(db: Db): Promise<Omit<StateRow, 'id'>> {
  const row = await db
    .selectFrom('store_state')
    .select(['revision', 'compacted'])
    .executeTakeFirstOrThrow()
  return { revision: Number(row.revision), compacted: Number(row.compacted) }
}

// Number(): drivers give 64-bit integers as text or as BigInt; these stay far below 2^53

function storedOf(row: Selectable<EntityRow>): Stored {
  return {
    kind: row.kind,
    id: row.id,
    tenant: row.tenant ?? undefined,
    version: Number(row.version),
    body: JSON.parse(row.body) as JsonObject,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  }
}

function changeOf(row: Selectable<ChangeRow>): Change {
  return {
    revision: Number(row.revision),
    op: row.op,
    kind: row.kind,
    id: row.id,
    tenant: row.tenant ?? undefined,
    version: Number(row.version),
    by: row.principal,
    requestId: row.request_id,
    at: Number(row.at),
  }
}
