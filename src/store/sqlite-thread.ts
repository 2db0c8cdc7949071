// The store as its users see it: batches go to a thread of their own, so that no disk and no lock ever stops the loop.
import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { AuditRecord } from '../audit/record.ts'
import type { RecordTable } from '../audit/store-sink.ts'
import { CHECKPOINT } from '../base/chain.ts'
import type { Clock } from '../base/clock.ts'
import { AppError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { EXTENSION, SOURCES } from '../base/place.ts'
import { Batches } from './audit-table.ts'
import type { StoreReply, StoreRequest, StoreWorkerData } from './sqlite-worker.ts'

const SQLITE = new URL(`store/sqlite-worker.${EXTENSION}`, SOURCES)
const POSTGRES = new URL(`store/audit/postgres-worker.${EXTENSION}`, SOURCES)
/** How long an open or a close waits for a disk that does not answer before the thread is ended. */
const PATIENCE = 5000

interface Waiter {
  readonly resolve: (reply: StoreReply) => void
  readonly reject: (error: unknown) => void
}

export interface AuditTableOptions {
  /** Of a file, or the URL of a PostgreSQL database. */
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  /** The key that signs the chain, in PEM. */
  readonly key?: string | undefined
  /** Milliseconds; older records are removed. */
  readonly retention?: number | undefined
}

/** How often the store is looked through for what is too old. */
const PRUNE_EVERY = 60 * 60_000
/** Between two parts of a large removal: records come first. */
const PRUNE_NEXT = 50

/** The table of audit records in a database. A thread that died is replaced by the next call. */
export function createAuditTable(options: AuditTableOptions): RecordTable {
  return new AuditTable(options)
}

class AuditTable implements RecordTable {
  readonly #options: AuditTableOptions
  readonly #line: Line
  readonly #batches = new Batches()
  #signing: (() => void) | undefined
  #pruning: (() => void) | undefined

  constructor(options: AuditTableOptions) {
    const { path, clock, key } = options
    this.#options = options
    const run = { run: randomUUID(), pid: process.pid, started: clock.wall() }
    this.#line = new Line({ path, run, key }, clock)
  }

  async open(): Promise<void> {
    await this.#line.ask({ open: true }, PATIENCE)
    if (this.#options.retention !== undefined) this.#pruneLater(PRUNE_NEXT)
  }

  /** It may take its time: the records behind it wait elsewhere. */
  async append(records: readonly AuditRecord[]): Promise<void> {
    await this.#line.ask({ batch: this.#batches.of(records) })
    if (this.#options.key !== undefined) this.#signLater()
  }

  async close(): Promise<void> {
    this.#signing?.()
    this.#pruning?.()
    await this.#line.close()
  }

  #signLater(): void {
    this.#signing ??= this.#options.clock.after(CHECKPOINT.ms, () => {
      this.#signing = undefined
      // one that fails is made up for by the next
      this.#line.ask({ checkpoint: true }).catch((error) => this.#failed(error, 'signed'))
    })
  }

  #pruneLater(ms: number): void {
    this.#pruning = this.#options.clock.after(ms, () => void this.#prune())
  }

  async #prune(): Promise<void> {
    const { clock, retention = 0 } = this.#options
    let removed = 0
    try {
      removed = (await this.#line.ask({ prune: clock.wall() - retention })).removed ?? 0
    } catch (error) {
      this.#failed(error, 'removed')
    }
    if (!this.#line.closed) this.#pruneLater(removed > 0 ? PRUNE_NEXT : PRUNE_EVERY)
  }

  #failed(error: unknown, what: string): void {
    const fields = { sink: 'store', reason: messageOf(error) }
    this.#options.log.warn(fields, `audit records could not be ${what}; it is tried again`)
  }
}

export function isPostgresUrl(path: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(path)
}

/** Host and database: a URL has a password in it, and parameters may have one, too. */
export function storeName(path: string): string {
  if (!isPostgresUrl(path)) return path
  const url = URL.parse(path)
  return url === null ? 'postgres' : `postgres://${url.host}${url.pathname}`
}

function unavailable(name: string, reason: string): AppError {
  return new AppError('STORE_UNAVAILABLE', `the store ${name}: ${reason}`)
}

/** Asks one thread; one that died is replaced. */
export class Line {
  readonly #data: StoreWorkerData
  readonly #clock: Clock
  #thread: Thread | undefined
  closed = false

  constructor(data: StoreWorkerData, clock: Clock) {
    this.#data = data
    this.#clock = clock
  }

  /** `patience`: milliseconds after which the thread is ended. Without: for as long as it takes. */
  async ask(request: StoreRequest, patience?: number): Promise<StoreReply> {
    if (this.#thread?.dead) this.#thread = undefined
    this.#thread ??= new Thread(this.#data)
    const asked = this.#thread.ask(request)
    const disarm = patience === undefined ? () => {} : this.#clock.after(patience, this.#thread.end)
    const reply = await asked.finally(disarm)
    if (reply.failed !== undefined) throw unavailable(storeName(this.#data.path), reply.failed)
    return reply
  }

  async close(): Promise<void> {
    this.closed = true
    if (this.#thread === undefined || this.#thread.dead) return
    const closed = this.ask({ close: true }, PATIENCE)
    this.#thread = undefined
    await closed
  }
}

class Thread {
  readonly #worker: Worker
  readonly #name: string
  readonly #waiters: Waiter[] = []
  dead = false

  constructor(workerData: StoreWorkerData) {
    this.#name = storeName(workerData.path)
    const worker = isPostgresUrl(workerData.path) ? POSTGRES : SQLITE
    this.#worker = new Worker(worker, { workerData, env: {}, name: 'store' })
    this.#worker.on('message', (reply: StoreReply) => this.#next()?.resolve(reply))
    this.#worker.on('error', (error) => this.#died(messageOf(error)))
    this.#worker.on('exit', () => this.#died('its thread ended'))
    this.#worker.unref()
  }

  ask(request: StoreRequest): Promise<StoreReply> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      // what was asked for keeps the process alive, an idle store does not
      this.#worker.ref()
      this.#worker.postMessage(request)
    })
  }

  readonly end = (): void => {
    void this.#worker.terminate()
    this.#died('it did not answer')
  }

  #next(): Waiter | undefined {
    const waiter = this.#waiters.shift()
    if (this.#waiters.length === 0) this.#worker.unref()
    return waiter
  }

  #died(reason: string): void {
    this.dead = true
    for (const { reject } of this.#waiters.splice(0)) reject(unavailable(this.#name, reason))
  }
}
