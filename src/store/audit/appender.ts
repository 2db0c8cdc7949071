// Appends batches of one run to the table, exactly once, as a chain that is signed and pruned; it opens no file and decides no time.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CHECKPOINT, type Head, link, type PrunedDetails, type Signer } from '../../base/chain.ts'
import { type Batch, transaction } from '../audit-table.ts'
import {
  COLUMNS,
  digestOfPasses,
  type KeptPass,
  numbersOf,
  passesOf,
  type Row,
  rowOf,
  SEQ,
  textOfRow,
} from './columns.ts'

/** One run of one process, whichever thread or connection writes for it. */
export interface Run {
  readonly run: string
  readonly pid: number
  readonly started: number
}

/** What the chain has come to. */
interface Tip {
  /** The row of the last record. */
  last: number
  seq: number
  n: number
  hash: string
}

const INSERT = `INSERT INTO audit_records (run, ${COLUMNS.map(([name]) => name).join(', ')}, n, hash)
  VALUES (?${', ?'.repeat(COLUMNS.length + 2)})`

/** So many of the chains before it are named by one that begins. */
const MOST_NAMED = 16
/** Rows that one turn of pruning removes. */
export const PRUNE_BATCH = 1000

export class AuditAppender {
  readonly #db: DatabaseSync
  readonly #run: Run
  readonly #id: number
  readonly #signer: Signer | undefined
  readonly #insert: StatementSync
  readonly #insertPass: StatementSync
  readonly #reached: StatementSync
  readonly #tip: StatementSync
  /** Records since the last signature. */
  #unsigned = 0

  constructor(db: DatabaseSync, run: Run, signer: Signer | undefined) {
    this.#db = db
    this.#run = run
    this.#signer = signer
    this.#insert = db.prepare(INSERT)
    this.#insertPass = db.prepare('INSERT OR IGNORE INTO audit_passes VALUES (?, ?, ?, ?)')
    this.#reached = db.prepare(
      'UPDATE audit_runs SET last_id = ?, seq = ?, n = ?, hash = ? WHERE id = ?',
    )
    this.#tip = db.prepare('SELECT last_id AS last, seq, n, hash FROM audit_runs WHERE id = ?')
    const { id, n } = register(db, run)
    this.#id = id
    // what another connection has left unsigned nobody knows: the next turn signs
    if (n > 0) this.#unsigned = 1
  }

  /** All or nothing. Safe to repeat after a failure of which nobody knows how far it came. */
  append({ rows, passes }: Batch): void {
    const known = new Map(passes.map(([id, point, entries]) => [id, { point, entries }]))
    const digests = new Map<unknown, string>()
    this.#extend((tip) => {
      for (const pass of passes) this.#insertPass.run(this.#id, ...pass)
      for (const row of rows) {
        if ((row[SEQ] as number) <= tip.seq) continue
        this.#begin(tip)
        this.#add(tip, row, passDigest(row, known, digests))
      }
    })
  }

  /** Signs what is not signed yet. */
  checkpoint(): void {
    if (this.#signer === undefined || this.#unsigned === 0) return
    this.#extend((tip) => this.#sign(tip))
  }

  /** Removes at most PRUNE_BATCH of the oldest records if they are older than that, and writes it down. How many it were. */
  prune(before: number): number {
    let removed = 0
    this.#extend((tip) => {
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
      this.#begin(tip)
      this.#db.prepare('DELETE FROM audit_records WHERE id <= ?').run(last.id)
      const anchors = new Map(old.map(({ chain, n, hash }) => [chain, { chain, n, hash }]))
      this.#own(tip, 'pruned', { anchors: [...anchors.values()] } satisfies PrunedDetails)
    })
    return removed
  }

  #extend(work: (tip: Tip) => void): void {
    const unsigned = this.#unsigned
    try {
      transaction(this.#db, () => {
        // read again each time: a thread that was given up may have come to an end after all
        const tip = this.#tip.get(this.#id) as unknown as Tip
        const { n } = tip
        work(tip)
        if (this.#unsigned >= CHECKPOINT.records) this.#sign(tip)
        if (tip.n > n) this.#reached.run(tip.last, tip.seq, tip.n, tip.hash, this.#id)
      })
    } catch (error) {
      this.#unsigned = unsigned
      throw error
    }
  }

  #begin(tip: Tip): void {
    if (tip.n > 0) return
    const previous = this.#db
      .prepare(
        `SELECT run AS chain, n, hash FROM audit_runs
         WHERE id <> ? AND n > 0 AND last_id >= (SELECT min(id) FROM audit_records) ORDER BY id DESC LIMIT ?`,
      )
      .all(this.#id, MOST_NAMED)
    const { pid, started } = this.#run
    this.#own(tip, 'chain', { previous, pid, started })
    this.#sign(tip)
  }

  #sign(tip: Tip): void {
    if (this.#signer === undefined) return
    const { n, hash } = tip
    this.#own(tip, 'checkpoint', this.#signer.checkpoint({ chain: this.#run.run, n, hash }))
    this.#unsigned = 0
  }

  // a record of ours has the number of the one before: a hole in the numbers stays a lost record
  #own(tip: Tip, kind: 'chain' | 'checkpoint' | 'pruned', details: object): void {
    this.#add(tip, rowOf({ time: Date.now(), seq: tip.seq, kind, details }, undefined), '')
  }

  #add(tip: Tip, row: Row, passes: string): void {
    const n = tip.n + 1
    const hash = link(tip.hash, textOfRow({ chain: this.#run.run, n }, row, passes))
    const { lastInsertRowid } = this.#insert.run(this.#id, ...row, n, hash)
    Object.assign(tip, { last: Number(lastInsertRowid), seq: row[SEQ], n, hash })
    this.#unsigned++
  }
}

/** Batches name the same few combinations again and again. */
function passDigest(
  row: Row,
  known: ReadonlyMap<number, KeptPass>,
  digests: Map<unknown, string>,
): string {
  const named = passesOf(row)
  if (named === null) return ''
  let digest = digests.get(named)
  if (digest === undefined) {
    const passes = numbersOf(row) ?? []
    digest = digestOfPasses(passes.map((id) => known.get(id) ?? { point: '', entries: '' }))
    digests.set(named, digest)
  }
  return digest
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
