// SQLite as a dialect of Kysely: its statements go to a thread of their own, so that neither a disk nor a lock stops the loop.
import { Worker } from 'node:worker_threads'
import {
  CompiledQuery,
  type CreateTableNode,
  type DatabaseConnection,
  type DataTypeNode,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { EXTENSION, SOURCES } from '../../base/place.ts'
import type {
  SqlValue,
  StatementReply,
  StatementRequest,
  StatementsData,
} from './sqlite-statements.ts'

/**
 * A thread, because a durable commit waits for the disk: on the main thread the loop stood still for 4 ms at the median, 12 ms at the
 * 95th percentile and 49 ms at most (500 inserts of 500 bytes, virtual disk, two busy cores). Through it a commit takes 7 ms, a
 * read 0.05 ms, and the loop goes on.
 */
const WORKER = new URL(`store/sql/sqlite-statements.${EXTENSION}`, SOURCES)
/** Milliseconds a statement may take, its wait of a second for another writer included, before the thread is ended. */
const PATIENCE = 5000

export function sqliteDialect(path: string, clock: Clock): Dialect {
  return {
    createAdapter: () => new Adapter(),
    createDriver: () => new SqliteDriver(path, clock),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new Compiler(),
  }
}

class Adapter extends SqliteAdapter {
  // all of the migrations or none; and another process that migrates waits, since a transaction takes the lock at its start
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** The types of a STRICT table: every value is what its column says. */
const STRICT_TYPES: Readonly<Record<string, string>> = { bigint: 'integer', 'varchar(255)': 'text' }

class Compiler extends SqliteQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    this.append(STRICT_TYPES[node.dataType] ?? node.dataType)
  }

  protected override visitCreateTable(node: CreateTableNode): void {
    super.visitCreateTable(node)
    this.append(' strict')
  }
}

class SqliteDriver implements Driver {
  readonly #path: string
  readonly #clock: Clock
  #thread: StatementThread | undefined

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  async init(): Promise<void> {}

  /** One at a time: Kysely sees to it, as the adapter says that there is one connection. */
  async acquireConnection(): Promise<DatabaseConnection> {
    // a thread that died has taken its transaction with it; no statement of that may run on the next
    if (this.#thread === undefined || this.#thread.dead)
      this.#thread = new StatementThread({ path: this.#path }, this.#clock)
    return this.#thread
  }

  // immediate: the wait for another writer is at the start, where nothing has to be undone
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'))
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    await this.#thread?.close()
  }
}

interface Waiter {
  readonly resolve: (reply: StatementReply) => void
  readonly reject: (error: Error) => void
}

class StatementThread implements DatabaseConnection {
  readonly #worker: Worker
  readonly #clock: Clock
  readonly #waiters: Waiter[] = []
  dead = false

  constructor(workerData: StatementsData, clock: Clock) {
    this.#clock = clock
    this.#worker = new Worker(WORKER, { workerData, env: {}, name: 'store statements' })
    this.#worker.on('message', (reply: StatementReply) => this.#next()?.resolve(reply))
    this.#worker.on('error', (error) => this.#died(messageOf(error)))
    this.#worker.on('exit', () => this.#died('its thread ended'))
    this.#worker.unref()
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const reply = await this.#ask({ sql, parameters: parameters as readonly SqlValue[] })
    if ('failed' in reply) throw new Error(reply.failed)
    return { rows: reply.rows as R[], numAffectedRows: BigInt(reply.changes) }
  }

  // biome-ignore lint/correctness/useYield: a list is a page; nobody streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('this dialect streams nothing')
  }

  async close(): Promise<void> {
    if (this.dead) return
    await this.#ask('close')
  }

  #ask(request: StatementRequest | 'close'): Promise<StatementReply> {
    if (this.dead) return Promise.reject(new Error('its thread ended'))
    const disarm = this.#clock.after(PATIENCE, () => {
      void this.#worker.terminate()
      this.#died('it did not answer')
    })
    return new Promise<StatementReply>((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      // what was asked for keeps the process alive, an idle store does not
      this.#worker.ref()
      this.#worker.postMessage(request)
    }).finally(disarm)
  }

  #next(): Waiter | undefined {
    const waiter = this.#waiters.shift()
    if (this.#waiters.length === 0) this.#worker.unref()
    return waiter
  }

  #died(reason: string): void {
    this.dead = true
    for (const { reject } of this.#waiters.splice(0)) reject(new Error(reason))
  }
}
