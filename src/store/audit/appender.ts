// Appends batches of one run to the table in SQLite, exactly once, as a chain that is signed and pruned; it opens no file and decides no time.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Head, Signer } from '../../base/chain.ts'
import { type Batch, transaction } from '../audit-table.ts'
import { COLUMNS } from './columns.ts'
import { Growth, MOST_NAMED, PRUNE_BATCH, type Run, type Tip } from './growth.ts'

const INSERT = `INSERT INTO audit_records (run, ${COLUMNS.map(([name]) => name).join(', ')}, n, hash)
  VALUES (?${', ?'.repeat(COLUMNS.length + 2)})`

export class AuditAppender {
  readonly #db: DatabaseSync
  readonly #run: Run
  readonly #id: number
  readonly #signer: Signer | undefined
  readonly #insert: StatementSync
  readonly #insertPass: StatementSync
  readonly #tip: StatementSync
  readonly #reached: StatementSync
  /** Records since the last signature. */
  #unsigned: number

  constructor(db: DatabaseSync, run: Run, signer: Signer | undefined) {
    this.#db = db
    this.#run = run
    this.#signer = signer
    this.#insert = db.prepare(INSERT)
    this.#insertPass = db.prepare('INSERT OR IGNORE INTO audit_passes VALUES (?, ?, ?, ?)')
    this.#tip = db.prepare('SELECT seq, n, hash FROM audit_runs WHERE id = ?')
    this.#reached = db.prepare(
      'UPDATE audit_runs SET last_id = ?, seq = ?, n = ?, hash = ? WHERE id = ?',
    )
    const { id, n } = register(db, run)
    this.#id = id
    // what another connection has left unsigned nobody knows: the next turn signs
    this.#unsigned = Math.min(n, 1)
  }

  /** All or nothing. Safe to repeat after a failure of which nobody knows how far it came. */
  append(batch: Batch): void {
    this.#extend((growth) => {
      for (const pass of batch.passes) this.#insertPass.run(this.#id, ...pass)
      if (growth.n === 0) growth.begin(this.#previous())
      growth.add(batch)
    })
  }

  /** Signs what is not signed yet. */
  checkpoint(): void {
    if (this.#signer !== undefined && this.#unsigned > 0) this.#extend((growth) => growth.sign())
  }

  /** Removes at most PRUNE_BATCH of the oldest records if they are older than that, and writes it down. How many it were. */
  prune(before: number): number {
    let removed = 0
    this.#extend((growth) => {
      const rows = this.#db
        .prepare(
          'SELECT r.id, r.time, r.n, r.hash, u.run AS chain FROM audit_records r JOIN audit_runs u ON u.id = r.run ORDER BY r.id LIMIT ?',
        )
        .all(PRUNE_BATCH) as unknown as (Head & { id: number; time: number })[]
      const young = rows.findIndex(({ time }) => time >= before)
      const old = young === -1 ? rows : rows.slice(0, young)
      const last = old.at(-1)
      if (last === undefined) return
      removed = old.length
      if (growth.n === 0) growth.begin(this.#previous())
      this.#db.prepare('DELETE FROM audit_records WHERE id <= ?').run(last.id)
      growth.pruned(old)
    })
    return removed
  }

  #extend(work: (growth: Growth) => void): void {
    const growth = transaction(this.#db, () => {
      let last = 0
      const grows = new Growth({
        run: this.#run,
        signer: this.#signer,
        // read again each time: a thread that was given up may have come to an end after all
        tip: this.#tip.get(this.#id) as unknown as Tip,
        unsigned: this.#unsigned,
        insert: (row, { n, hash }) => {
          last = Number(this.#insert.run(this.#id, ...row, n, hash).lastInsertRowid)
        },
      })
      work(grows)
      const { seq, n, hash, grown } = grows
      if (grown) this.#reached.run(last, seq, n, hash, this.#id)
      return grows
    })
    this.#unsigned = growth.unsigned
  }

  #previous(): Head[] {
    return this.#db
      .prepare(
        `SELECT run AS chain, n, hash FROM audit_runs
         WHERE id <> ? AND n > 0 AND last_id >= (SELECT min(id) FROM audit_records) ORDER BY id DESC LIMIT ?`,
      )
      .all(this.#id, MOST_NAMED) as unknown as Head[]
  }
}

function register(db: DatabaseSync, { run, pid, started }: Run): { id: number; n: number } {
  return transaction(db, () => {
    db.prepare('INSERT OR IGNORE INTO audit_runs (run, pid, started) VALUES (?, ?, ?)').run(
      run,
      pid,
      started,
    )
    return db.prepare('SELECT id, n FROM audit_runs WHERE run = ?').get(run) as {
      id: number
      n: number
    }
  })
}
