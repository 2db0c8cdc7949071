// What is read of the table of audit records in SQLite: pages of records, and its chains as evidence; it blocks and writes nothing.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { Evidence } from '../../audit/verify.ts'
import type { KeptPass, Row } from './columns.ts'
import {
  begunOf,
  evidenceOf,
  type Kept,
  type KeptRow,
  keptRecord,
  keptRow,
  NO_PASS,
  passesNamedBy,
  REACHED,
  ROW,
  reachedOf,
} from './kept.ts'
import { conditionOf, type Dialect, type Question } from './question.ts'

const BUSY_TIMEOUT = 5000
const DIALECT: Dialect = { mark: () => '?', tenant: "r.rest->>'$.principal.tenant'" }

/** Throws with the reason when it cannot be read or holds no audit. */
export function openReading(path: string): AuditReading {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT })
  try {
    return new AuditReading(db)
  } catch (error) {
    db.close()
    throw error
  }
}

/** Combinations of who passed that are remembered. */
const MOST_PASSES = 10_000

export class AuditReading {
  readonly #db: DatabaseSync
  readonly #pass: StatementSync

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#pass = db.prepare('SELECT point, entries FROM audit_passes WHERE run = ? AND id = ?')
  }

  page(question: Question): Kept[] {
    const { sql, values } = conditionOf(question, DIALECT)
    const statement = this.#db.prepare(`${ROW} ${sql}`)
    statement.setReturnArrays(true)
    const rows = statement.all(...(values as SQLInputValue[])) as unknown as Row[]
    return rows.map((row) => {
      const kept = keptRow(row)
      return keptRecord(kept, this.#passes(kept))
    })
  }

  /** Of one moment, however long it takes. */
  *evidence(): Generator<Evidence> {
    this.#db.exec('BEGIN')
    try {
      yield* this.#records()
      for (const row of this.#db.prepare(REACHED).iterate()) yield reachedOf(row)
    } finally {
      this.#db.exec('ROLLBACK')
    }
  }

  close(): void {
    this.#db.close()
  }

  *#records(): Generator<Evidence> {
    const runs = this.#db.prepare('SELECT run, pid, started FROM audit_runs').all()
    const begun = new Map(runs.map((run) => [String(run.run), begunOf(run)]))
    const known = new Map<string, readonly KeptPass[]>()
    const statement = this.#db.prepare(`${ROW} ORDER BY r.id`)
    statement.setReturnArrays(true)
    for (const row of statement.iterate() as Iterable<unknown>) {
      const kept = keptRow(row as Row)
      yield evidenceOf(kept, this.#passes(kept, known), begun)
    }
  }

  #passes(
    kept: KeptRow,
    known?: Map<string, readonly KeptPass[]>,
  ): readonly KeptPass[] | undefined {
    const named = passesNamedBy(kept)
    if (named === undefined) return undefined
    const { key, numbers } = named
    const passes =
      known?.get(key) ??
      numbers.map((number) => (this.#pass.get(kept.run, number) as KeptPass | undefined) ?? NO_PASS)
    if (known !== undefined && known.size < MOST_PASSES) known.set(key, passes)
    return passes
  }
}
