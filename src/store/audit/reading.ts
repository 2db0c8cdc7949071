// What is read of the table of audit records in SQLite: pages of records, and its chains as evidence; it blocks and writes nothing.
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Evidence } from '../../audit/verify.ts'
import type { Head } from '../../base/chain.ts'
import type { JsonObject } from '../../base/json.ts'
import {
  COLUMNS,
  digestOfPasses,
  type KeptPass,
  KIND,
  numbersOf,
  type Row,
  recordOf,
  restOfRow,
  textOfRow,
} from './columns.ts'
import { conditionOf, type Question } from './question.ts'

export interface Kept {
  readonly id: number
  readonly record: JsonObject
}

const BUSY_TIMEOUT = 5000

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

const ROW = `SELECT r.id, r.run, u.run, r.n, r.hash, ${COLUMNS.map(([name]) => `r.${name}`).join(', ')}
  FROM audit_records r JOIN audit_runs u ON u.id = r.run`
/** Columns of ROW before those of the record. */
const OWN = 5

export class AuditReading {
  readonly #db: DatabaseSync
  readonly #passes

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#passes = db.prepare('SELECT point, entries FROM audit_passes WHERE run = ? AND id = ?')
  }

  page(question: Question): Kept[] {
    const { sql, values } = conditionOf(question, () => '?')
    const statement = this.#db.prepare(`${ROW} ${sql}`)
    statement.setReturnArrays(true)
    const rows = statement.all(...(values as SQLInputValue[])) as unknown as Row[]
    return rows.map((row) => {
      const { id, run, head, values: record } = apart(row)
      const numbers = numbersOf(record)
      const passes = numbers?.map((number) => this.#pass(run, number))
      return { id, record: { ...recordOf(record, passes), ...head } as JsonObject }
    })
  }

  /** Of one moment, however long it takes. */
  *evidence(): Generator<Evidence> {
    this.#db.exec('BEGIN')
    try {
      yield* this.#records()
      yield* this.#reached()
    } finally {
      this.#db.exec('ROLLBACK')
    }
  }

  close(): void {
    this.#db.close()
  }

  *#records(): Generator<Evidence> {
    const begun = this.#begun()
    const digests = new Map<string, string>()
    const statement = this.#db.prepare(`${ROW} ORDER BY r.id`)
    statement.setReturnArrays(true)
    for (const row of statement.iterate() as Iterable<unknown>) {
      const { id, run, head, values } = apart(row as Row)
      const kind = String(values[KIND])
      const details = OWN_KINDS.has(kind) ? detailsOf(values) : undefined
      const text = textOfRow(head, values, this.#digest(run, values, digests))
      // its row of audit_runs is not of the text; where they differ no digest may fit
      const body =
        kind === 'chain' && begun.get(head.chain) !== begunOf(details) ? `${text}!` : text
      yield { at: `row ${id}`, head, kind, body, details }
    }
  }

  /** What the runs say of themselves, but for those whose records were all removed because they were old. */
  *#reached(): Generator<Evidence> {
    const statement = this.#db.prepare(
      `SELECT id, run AS chain, n, hash FROM audit_runs
       WHERE n > 0 AND last_id >= (SELECT coalesce(min(id), 0) FROM audit_records) ORDER BY id`,
    )
    for (const row of statement.iterate() as Iterable<unknown>) {
      const { id, chain, n, hash } = row as Head & { id: number }
      yield { at: `row ${id} of audit_runs`, reached: { chain, n, hash } }
    }
  }

  #begun(): ReadonlyMap<string, string> {
    const rows = this.#db.prepare('SELECT run, pid, started FROM audit_runs').all()
    return new Map(rows.map((row) => [String(row.run), begunOf(row)]))
  }

  #pass(run: number, id: number): KeptPass {
    const kept = this.#passes.get(run, id) as KeptPass | undefined
    return kept ?? { point: '', entries: '[]' }
  }

  #digest(run: number, row: Row, digests: Map<string, string>): string {
    const numbers = numbersOf(row)
    if (numbers === undefined) return ''
    const key = `${run} ${numbers.join()}`
    let digest = digests.get(key)
    if (digest === undefined) {
      digest = digestOfPasses(numbers.map((number) => this.#pass(run, number)))
      if (digests.size < MOST_DIGESTS) digests.set(key, digest)
    }
    return digest
  }
}

const OWN_KINDS: ReadonlySet<string> = new Set(['chain', 'checkpoint', 'pruned'])
const MOST_DIGESTS = 10_000

function apart(row: Row): { id: number; run: number; head: Head; values: Row } {
  const [id, run, chain, n, hash] = row
  return {
    id: Number(id),
    run: Number(run),
    head: { chain: String(chain), n: Number(n), hash: String(hash) },
    values: row.slice(OWN),
  }
}

// somebody may have put anything there; then its digest does not fit, which is what is to be found
function detailsOf(row: Row): unknown {
  try {
    return restOfRow(row).details
  } catch {
    return undefined
  }
}

function begunOf(given: unknown): string {
  const { pid, started } = (given ?? {}) as { pid?: unknown; started?: unknown }
  return `${pid} ${started}`
}
