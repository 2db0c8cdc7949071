// A commit as one transaction: the revision, then the writes in their order, then their log; whatever fails undoes all of it.
import { type Kysely, sql, type Transaction } from 'kysely'
import { alreadyRemembered, assertCommit, bodyText, conflict, type StoreBounds } from '../rules.ts'
import type { Commit, Committed, Remembered, StoreWrite } from '../store.ts'
import type { ChangeRow, StoreTables } from './tables.ts'

interface CommitContext {
  readonly bounds: StoreBounds
  readonly at: number
}

type Tx = Transaction<StoreTables>
type Put = Extract<StoreWrite, { op: 'put' }>
type Remove = Extract<StoreWrite, { op: 'remove' }>
/** Creations, or one write of another sort. */
type Batch = Put[] | StoreWrite
type Written = Pick<ChangeRow, 'op' | 'kind' | 'id' | 'tenant' | 'version'>

/** Rows of one insert: the text of a larger one is as much work as several, and stops the loop for longer. */
const CHUNK = 50

export async function commit(
  db: Kysely<StoreTables>,
  request: Commit,
  { bounds, at }: CommitContext,
): Promise<Committed> {
  assertCommit(request)
  const { writes, by, requestId, remember } = request
  return db.transaction().execute(async (tx) => {
    const revision = await nextRevision(tx)
    if (remember !== undefined) await keepAnswer(tx, remember, { bounds, at })
    const written: Written[] = []
    const gone = new Map<string, number>()
    for (const batch of batchesOf(writes)) written.push(...(await write(tx, batch, gone, at)))
    const log = { principal: by, request_id: requestId, at }
    const changes = written.map((each, position) => ({ revision, position, ...each, ...log }))
    for (let from = 0; from < changes.length; from += CHUNK)
      await tx
        .insertInto('store_changes')
        .values(changes.slice(from, from + CHUNK))
        .execute()
    if (revision % bounds.every === 0) await compact(tx, { bounds, at })
    return { revision, versions: written.map(({ op, version }) => (op === 'put' ? version : 0)) }
  })
}

/**
 * First of all: the row is locked from here to the end of the transaction, so that on PostgreSQL, too, one commit follows the other.
 * Without it a reader could see revision n+1 before n is there, and go on after it.
 */
async function nextRevision(tx: Tx): Promise<number> {
  const { revision } = await tx
    .updateTable('store_state')
    .set((row) => ({ revision: row('revision', '+', 1) }))
    .returning('revision')
    .executeTakeFirstOrThrow()
  return Number(revision)
}

async function keepAnswer(
  tx: Tx,
  { key, digest, answer }: Remembered,
  { bounds, at }: CommitContext,
) {
  await tx
    .deleteFrom('store_answers')
    .where('key', '=', key)
    .where('expires_at', '<=', at)
    .execute()
  const expires_at = at + bounds.rememberedFor
  const kept = await tx
    .insertInto('store_answers')
    .values({ key, digest, answer: bodyText(answer), expires_at })
    .onConflict((there) => there.column('key').doNothing())
    .returning('key')
    .executeTakeFirst()
  if (kept === undefined) throw alreadyRemembered()
}

/** Creations of different entities that follow one another are one statement: most of what a catalogue brings. All else is alone. */
function batchesOf(writes: readonly StoreWrite[]): Batch[] {
  const batches: Batch[] = []
  const keys = new Set<string>()
  let creations: Put[] = []
  for (const write of writes) {
    const key = keyOf(write.kind, write.id)
    const creation = write.op === 'put' && write.expect === 0
    if (!creation || keys.has(key) || keys.size === CHUNK) {
      creations = []
      keys.clear()
    }
    if (!creation) batches.push(write)
    else {
      if (keys.size === 0) batches.push(creations)
      creations.push(write)
      keys.add(key)
    }
  }
  return batches
}

/** `gone`: versions of what this commit has removed so far, whose changes are not written yet. */
async function write(
  tx: Tx,
  batch: Batch,
  gone: Map<string, number>,
  at: number,
): Promise<Written[]> {
  if (!('op' in batch)) return create(tx, batch, gone, at)
  return [batch.op === 'put' ? await replace(tx, batch, at) : await remove(tx, batch, gone)]
}

async function create(
  tx: Tx,
  puts: readonly Put[],
  gone: ReadonlyMap<string, number>,
  at: number,
): Promise<Written[]> {
  const rows = await tx
    .insertInto('store_entities')
    .values(
      puts.map((put) => ({
        kind: put.kind,
        id: put.id,
        tenant: put.tenant ?? null,
        version: firstVersion(tx, put, gone),
        body: bodyText(put.body),
        created_at: at,
        updated_at: at,
      })),
    )
    .onConflict((there) => there.columns(['kind', 'id']).doNothing())
    .returning(['kind', 'id', 'version'])
    .execute()
  const versions = new Map(rows.map(({ kind, id, version }) => [keyOf(kind, id), version]))
  const written: Written[] = []
  for (const put of puts) {
    const { op, kind, id, tenant = null } = put
    const version = versions.get(keyOf(kind, id))
    if (version === undefined) throw await conflictAt(tx, put)
    written.push({ op, kind, id, tenant, version: Number(version) })
  }
  return written
}

async function replace(tx: Tx, put: Put, at: number): Promise<Written> {
  const { op, kind, id, tenant = null, body, expect } = put
  const row = await tx
    .updateTable('store_entities')
    .set((old) => ({
      tenant,
      body: bodyText(body),
      updated_at: at,
      version: old('version', '+', 1),
    }))
    .where('kind', '=', kind)
    .where('id', '=', id)
    .where('version', '=', expect)
    .returning('version')
    .executeTakeFirst()
  if (row === undefined) throw await conflictAt(tx, put)
  return { op, kind, id, tenant, version: Number(row.version) }
}

function firstVersion(tx: Tx, { kind, id }: Put, gone: ReadonlyMap<string, number>) {
  const known = gone.get(keyOf(kind, id))
  if (known !== undefined) return known + 1
  const last = tx
    .selectFrom('store_changes')
    .select((row) => row.fn.max('version').as('version'))
    .where('kind', '=', kind)
    .where('id', '=', id)
  return sql<number>`coalesce((${last}), 0) + 1`
}

async function remove(tx: Tx, write: Remove, gone: Map<string, number>): Promise<Written> {
  const { op, kind, id, expect } = write
  const row = await tx
    .deleteFrom('store_entities')
    .where('kind', '=', kind)
    .where('id', '=', id)
    .where('version', '=', expect)
    .returning(['version', 'tenant'])
    .executeTakeFirst()
  if (row === undefined) throw await conflictAt(tx, write)
  const version = Number(row.version)
  gone.set(keyOf(kind, id), version)
  return { op, kind, id, tenant: row.tenant, version }
}

async function conflictAt(tx: Tx, { kind, id }: StoreWrite) {
  const row = await tx
    .selectFrom('store_entities')
    .select('version')
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst()
  return conflict({ kind, id, version: Number(row?.version ?? 0) })
}

function keyOf(kind: string, id: string): string {
  return `${kind}\0${id}`
}

async function compact(tx: Tx, { bounds, at }: CommitContext): Promise<void> {
  const beyond = await tx
    .selectFrom('store_changes')
    .select('revision')
    .orderBy('revision', 'desc')
    .orderBy('position', 'desc')
    .offset(bounds.changes)
    .limit(1)
    .executeTakeFirst()
  if (beyond !== undefined) {
    const compacted = Number(beyond.revision)
    await tx.deleteFrom('store_changes').where('revision', '<=', compacted).execute()
    await tx.updateTable('store_state').set({ compacted }).execute()
  }
  await tx.deleteFrom('store_answers').where('expires_at', '<=', at).execute()
  const oldest = tx
    .selectFrom('store_answers')
    .select('key')
    .orderBy('expires_at', 'desc')
    .orderBy('key')
    .offset(bounds.remembered)
    .limit(Number.MAX_SAFE_INTEGER)
  await tx.deleteFrom('store_answers').where('key', 'in', oldest).execute()
}
