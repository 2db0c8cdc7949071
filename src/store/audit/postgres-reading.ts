// What is read of the table of audit records in PostgreSQL: pages of records, and its chains as evidence; it writes nothing.
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
import type { AuditConnection } from './postgres-connection.ts'
import { conditionOf, type Dialect, type Question } from './question.ts'

const FETCH = 500
const DIALECT: Dialect = {
  mark: (position) => `$${position}`,
  tenant: "r.rest::json->'principal'->>'tenant'",
}
/** Combinations of who passed that are remembered. */
const MOST_PASSES = 10_000

export class PostgresReading {
  readonly #connection: AuditConnection
  readonly #known = new Map<string, readonly KeptPass[]>()

  constructor(connection: AuditConnection) {
    this.#connection = connection
  }

  async page(question: Question): Promise<Kept[]> {
    const { sql, values } = conditionOf(question, DIALECT)
    const kept: Kept[] = []
    for (const row of await this.#connection.arrays(`${ROW} ${sql}`, values)) {
      const each = keptRow(row as Row)
      kept.push(keptRecord(each, await this.#passes(each)))
    }
    return kept
  }

  /** Of one moment, however long it takes. */
  async *evidence(): AsyncGenerator<Evidence> {
    const { query } = this.#connection
    await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      const runs = await query('SELECT run, pid, started FROM audit_runs')
      const begun = new Map(runs.map((run) => [String(run.run), begunOf(run)]))
      await query(`DECLARE records NO SCROLL CURSOR FOR ${ROW} ORDER BY r.id`)
      for (;;) {
        const rows = await this.#connection.arrays(`FETCH ${FETCH} FROM records`)
        for (const row of rows) {
          const kept = keptRow(row as Row)
          yield evidenceOf(kept, await this.#passes(kept), begun)
        }
        if (rows.length < FETCH) break
      }
      for (const row of await query(REACHED)) yield reachedOf(row)
    } finally {
      await query('ROLLBACK').catch(() => this.#connection.close())
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #passes(kept: KeptRow): Promise<readonly KeptPass[] | undefined> {
    const named = passesNamedBy(kept)
    if (named === undefined) return undefined
    const { key, numbers } = named
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const rows = await this.#connection.query(
      'SELECT id, point, entries FROM audit_passes WHERE run = $1 AND id = ANY($2)',
      [kept.run, numbers],
    )
    const found = new Map(rows.map((row) => [row.id, row as unknown as KeptPass]))
    const passes = numbers.map((number) => found.get(number) ?? NO_PASS)
    if (this.#known.size < MOST_PASSES) this.#known.set(key, passes)
    return passes
  }
}
