// The table of audit records: its columns, what of a record goes into which, and appending a batch exactly once; it opens no file.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { AuditRecord } from '../audit/record.ts'

export type Value = string | number | null
export type Row = readonly Value[]

/** In the order of `rowOf`. What somebody asks for has a column; the rest of the record is JSON. */
const COLUMNS = [
  ['time', 'INTEGER NOT NULL'],
  ['seq', 'INTEGER NOT NULL'],
  ['kind', 'TEXT NOT NULL'],
  ['request_id', 'TEXT'],
  ['principal', 'TEXT'],
  ['server', 'TEXT'],
  ['method', 'TEXT'],
  ['target', 'TEXT'],
  ['point', 'TEXT'],
  ['entry', 'TEXT'],
  ['plugin', 'TEXT'],
  ['verdict', 'TEXT'],
  ['effective', 'INTEGER'],
  ['code', 'TEXT'],
  ['outcome', 'TEXT'],
  ['duration_ms', 'REAL'],
  ['passes', 'TEXT'],
  ['rest', 'TEXT NOT NULL'],
] as const

/** Where `seq` is in a row. */
const SEQ = 1

/**
 * A run is one process: `seq` counts within it, and `after_id` is the last record before it. Who passes at a point is the same
 * for most requests, so it stands once per run and records have its number: half of the time and of the disk. One index: each costs about a
 * microsecond per record, so a further one waits for the query that needs it.
 */
export const AUDIT_TABLES = `
  CREATE TABLE audit_runs (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, pid INTEGER NOT NULL, started INTEGER NOT NULL, after_id INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE audit_records (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES audit_runs,
    ${COLUMNS.map((column) => column.join(' ')).join(', ')}
  ) STRICT;
  CREATE TABLE audit_passes (
    run INTEGER NOT NULL REFERENCES audit_runs, id INTEGER NOT NULL, point TEXT NOT NULL, entries TEXT NOT NULL, PRIMARY KEY (run, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX audit_records_time ON audit_records (time);
`

const INSERT = `INSERT INTO audit_records (run, ${COLUMNS.map(([name]) => name).join(', ')})
  VALUES (?${', ?'.repeat(COLUMNS.length)})`

/** Values only: what crosses to the thread that writes must be cheap to copy and may never refuse to be. */
export interface Batch {
  readonly rows: readonly Row[]
  /** Number, point and entries of all that `passes` of these rows name. */
  readonly passes: readonly PassRow[]
}

type PassRow = readonly [id: number, point: string, entries: string]
type Pass = NonNullable<AuditRecord['passes']>[number]

/** Turns records of one run into rows. */
export class Batches {
  // frozen ones only: they are of a plan and come again and again
  readonly #known = new WeakMap<Pass, PassRow>()
  #last = 0

  of(records: readonly AuditRecord[]): Batch {
    const passes = new Map<number, PassRow>()
    const rows = records.map((record) => rowOf(record, this.#numbers(record.passes, passes)))
    return { rows, passes: [...passes.values()] }
  }

  /** The numbers as JSON; undefined when one of them has none and all are to be written out. */
  #numbers(given: AuditRecord['passes'], passes: Map<number, PassRow>): string | undefined {
    if (given === undefined || !given.every(Object.isFrozen)) return undefined
    let text = ''
    for (const pass of given) {
      const row = this.#known.get(pass) ?? this.#add(pass)
      passes.set(row[0], row)
      text += `${text === '' ? '[' : ','}${row[0]}`
    }
    return text === '' ? '[]' : `${text}]`
  }

  #add(pass: Pass): PassRow {
    const row = [++this.#last, pass.point, JSON.stringify(pass.entries)] as const
    this.#known.set(pass, row)
    return row
  }
}

function rowOf(record: AuditRecord, passes: string | undefined): Row {
  const { principal, effective } = record
  return [
    record.time,
    record.seq,
    record.kind,
    text(record.requestId),
    text(principal?.id),
    text(record.server),
    text(record.method),
    text(record.target),
    text(record.point),
    text(record.entry),
    text(record.plugin),
    text(record.verdict),
    effective === undefined ? null : Number(effective),
    text(record.code),
    text(record.outcome),
    record.durationMs ?? null,
    passes ?? null,
    restOf(record, passes === undefined),
  ]
}

function restOf(record: AuditRecord, withPasses: boolean): string {
  const { principal } = record
  return JSON.stringify({
    traceId: record.traceId,
    generation: record.generation,
    principal: principal && { kind: principal.kind, tenant: principal.tenant },
    client: record.client,
    surface: record.surface,
    virtualServer: record.virtualServer,
    era: record.era,
    mode: record.mode,
    reason: record.reason,
    description: record.description,
    details: record.details,
    changed: record.changed,
    passes: withPasses ? record.passes : undefined,
  })
}

// a plugin may hand over anything as its code; one value that cannot be bound would hold up all records behind it
function text(value: unknown): string | null {
  if (typeof value === 'string') return value
  return value === undefined ? null : (JSON.stringify(value) ?? null)
}

/** One run of one process, whichever thread or connection writes for it. */
export interface Run {
  readonly run: string
  readonly pid: number
  readonly started: number
}

export class AuditAppender {
  readonly #db: DatabaseSync
  readonly #insert: StatementSync
  readonly #insertPass: StatementSync
  readonly #run: number
  /** The last record of this run that is in the table: what is handed in again is not written again. */
  #last: number

  constructor(db: DatabaseSync, run: Run) {
    this.#db = db
    this.#insert = db.prepare(INSERT)
    this.#insertPass = db.prepare('INSERT OR IGNORE INTO audit_passes VALUES (?, ?, ?, ?)')
    const { id, after } = register(db, run)
    this.#run = id
    const { last } = db
      .prepare('SELECT max(seq) AS last FROM audit_records WHERE id > ? AND run = ?')
      .get(after, id) as { last: number | null }
    this.#last = last ?? 0
  }

  /** All or nothing. Safe to repeat after a failure of which nobody knows how far it came. */
  append({ rows, passes }: Batch): void {
    let last = this.#last
    transaction(this.#db, () => {
      for (const pass of passes) this.#insertPass.run(this.#run, ...pass)
      for (const row of rows) {
        const seq = row[SEQ] as number
        if (seq <= last) continue
        this.#insert.run(this.#run, ...row)
        last = seq
      }
    })
    this.#last = last
  }
}

function register(db: DatabaseSync, { run, pid, started }: Run): { id: number; after: number } {
  return transaction(db, () => {
    db.prepare(
      `INSERT OR IGNORE INTO audit_runs (run, pid, started, after_id)
       VALUES (?, ?, ?, (SELECT coalesce(max(id), 0) FROM audit_records))`,
    ).run(run, pid, started)
    return db.prepare('SELECT id, after_id AS after FROM audit_runs WHERE run = ?').get(run) as {
      id: number
      after: number
    }
  })
}

// immediate: the wait for another writer is at the start, where nothing has to be undone
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
