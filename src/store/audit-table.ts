// The table of audit records in SQLite: its schema, and records on their way into it as rows of values; it opens no file.
import type { DatabaseSync } from 'node:sqlite'
import type { AuditRecord } from '../audit/record.ts'
import { COLUMNS, type Row, rowOf } from './audit/columns.ts'

/**
 * A run is one process and one chain: `seq` counts its records, and what it has come to stands beside it. Who passes at a point is the same
 * for most requests, so it stands once per run and records have its number: half of the time and of the disk. One index: each costs about a
 * microsecond per record, so a further one waits for the query that needs it.
 */
export const AUDIT_TABLES = `
  CREATE TABLE audit_runs (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, pid INTEGER NOT NULL, started INTEGER NOT NULL,
    last_id INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT 0, n INTEGER NOT NULL DEFAULT 0, hash TEXT NOT NULL DEFAULT ''
  ) STRICT;
  CREATE TABLE audit_records (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES audit_runs,
    ${COLUMNS.map((column) => column.join(' ')).join(', ')},
    n INTEGER NOT NULL, hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE audit_passes (
    run INTEGER NOT NULL REFERENCES audit_runs, id INTEGER NOT NULL, point TEXT NOT NULL, entries TEXT NOT NULL, PRIMARY KEY (run, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX audit_records_time ON audit_records (time);
`

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
