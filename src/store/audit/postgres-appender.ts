// Appends batches of one run to the table in PostgreSQL, exactly once, as a chain that is signed and pruned; it decides no time.
import type { Head, Signer } from '../../base/chain.ts'
import type { Batch } from '../audit-table.ts'
import { COLUMNS, type Value } from './columns.ts'
import { Growth, MOST_NAMED, PRUNE_BATCH, type Run, type Tip } from './growth.ts'
import { type AuditConnection, PRUNING } from './postgres-connection.ts'

const NAMES = COLUMNS.map(([name]) => name)
/** Values of one row, and rows of one statement: far below the 65,535 values that one may have. */
const WIDTH = NAMES.length + 3
const ROWS = 250

export class PostgresAppender {
  readonly #connection: AuditConnection
  readonly #run: Run
  readonly #signer: Signer | undefined
  readonly #id: number
  /** Records since the last signature. */
  #unsigned: number

  private constructor(
    connection: AuditConnection,
    run: Run,
    signer: Signer | undefined,
    registered: { readonly id: number; readonly n: number },
  ) {
    this.#connection = connection
    this.#run = run
    this.#signer = signer
    this.#id = registered.id
    // what another connection has left unsigned nobody knows: the next turn signs
    this.#unsigned = Math.min(registered.n, 1)
  }

  static async open(
    connection: AuditConnection,
    run: Run,
    signer: Signer | undefined,
  ): Promise<PostgresAppender> {
    const values = [run.run, run.pid, run.started]
    await connection.query(
      'INSERT INTO audit_runs (run, pid, started) VALUES ($1, $2, $3) ON CONFLICT (run) DO NOTHING',
      values,
    )
    const [row] = await connection.query('SELECT id, n FROM audit_runs WHERE run = $1', [run.run])
    const registered = { id: Number(row?.id), n: Number(row?.n) }
    return new PostgresAppender(connection, run, signer, registered)
  }

  /** All or nothing. Safe to repeat after a failure of which nobody knows how far it came. */
  async append(given: Batch): Promise<void> {
    const batch = storable(given)
    await this.#extend(async (growth) => {
      await this.#insertPasses(batch.passes)
      if (growth.n === 0) growth.begin(await this.#previous())
      growth.add(batch)
    })
  }

  /** Signs what is not signed yet. */
  async checkpoint(): Promise<void> {
    if (this.#signer !== undefined && this.#unsigned > 0)
      await this.#extend(async (growth) => growth.sign())
  }

  /** Removes at most PRUNE_BATCH of the oldest records if they are older than that, and writes it down. How many it were. */
  async prune(before: number): Promise<number> {
    let removed = 0
    await this.#extend(async (growth) => {
      const { query } = this.#connection
      const [lock] = await query('SELECT pg_try_advisory_xact_lock($1)::int AS mine', [PRUNING])
      // another replica is at it
      if (lock?.mine !== 1) return
      const rows = (await query(
        'SELECT r.id, r.time, r.n, r.hash, u.run AS chain FROM audit_records r JOIN audit_runs u ON u.id = r.run ORDER BY r.id LIMIT $1',
        [PRUNE_BATCH],
      )) as unknown as (Head & { id: number; time: number })[]
      const young = rows.findIndex(({ time }) => time >= before)
      const old = young === -1 ? rows : rows.slice(0, young)
      if (old.length === 0) return
      removed = old.length
      if (growth.n === 0) growth.begin(await this.#previous())
      await query('DELETE FROM audit_records WHERE id = ANY($1)', [old.map(({ id }) => id)])
      growth.pruned(old)
    })
    return removed
  }

  async #extend(work: (growth: Growth) => Promise<void>): Promise<void> {
    const { query, transaction } = boundTo(this.#connection)
    const growth = await transaction(async () => {
      // locked: a connection that was given up may be at it still
      const [tip] = await query('SELECT seq, n, hash FROM audit_runs WHERE id = $1 FOR UPDATE', [
        this.#id,
      ])
      const rows: Value[][] = []
      const grows = new Growth({
        run: this.#run,
        signer: this.#signer,
        tip: tip as unknown as Tip,
        unsigned: this.#unsigned,
        insert: (row, { n, hash }) => void rows.push([this.#id, ...row.map(finite), n, hash]),
      })
      await work(grows)
      if (!grows.grown) return grows
      const last = await this.#insert(rows)
      const reached = [last, grows.seq, grows.n, grows.hash, this.#id]
      await query(
        'UPDATE audit_runs SET last_id = $1, seq = $2, n = $3, hash = $4 WHERE id = $5',
        reached,
      )
      return grows
    })
    this.#unsigned = growth.unsigned
  }

  /** The id of the last row. */
  async #insert(rows: readonly Value[][]): Promise<number> {
    let last = 0
    for (let from = 0; from < rows.length; from += ROWS) {
      const part = rows.slice(from, from + ROWS)
      const marks = part.map((_, row) => placeholders(row * WIDTH, WIDTH)).join(', ')
      const inserted = await this.#connection.query(
        `INSERT INTO audit_records (run, ${NAMES.join(', ')}, n, hash) VALUES ${marks} RETURNING id`,
        part.flat(),
      )
      last = Number(inserted.at(-1)?.id)
    }
    return last
  }

  async #insertPasses(passes: Batch['passes']): Promise<void> {
    for (const pass of passes)
      await this.#connection.query(
        'INSERT INTO audit_passes VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
        [this.#id, ...pass],
      )
  }

  async #previous(): Promise<Head[]> {
    return (await this.#connection.query(
      `SELECT run AS chain, n, hash FROM audit_runs
       WHERE id <> $1 AND n > 0 AND last_id >= (SELECT min(id) FROM audit_records) ORDER BY id DESC LIMIT $2`,
      [this.#id, MOST_NAMED],
    )) as unknown as Head[]
  }
}

function boundTo(connection: AuditConnection) {
  return {
    query: connection.query,
    transaction: <T>(work: () => Promise<T>) => connection.transaction(work),
  }
}

function placeholders(before: number, count: number): string {
  return `(${Array.from({ length: count }, (_, index) => `$${before + index + 1}`).join(', ')})`
}

// SQLite makes it null by itself; the digest takes both for the same
function finite(value: Value): Value {
  return typeof value === 'number' && Number.isNaN(value) ? null : value
}

/** PostgreSQL keeps no text with a NUL in it; what is kept must be what the digest covers. */
function storable({ rows, passes }: Batch): Batch {
  return {
    rows: rows.map((row) => row.map(withoutNul)),
    passes: passes.map(([id, point, entries]) => [id, String(withoutNul(point)), entries]),
  }
}

function withoutNul(value: Value): Value {
  return typeof value === 'string' && value.includes('\0')
    ? value.replaceAll('\0', '\ufffd')
    : value
}
