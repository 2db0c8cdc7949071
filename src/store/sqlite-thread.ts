// The store as its users see it: batches go to a thread of their own, so that no disk and no lock ever stops the loop.
import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { RecordTable } from '../audit/store-sink.ts'
import type { Clock } from '../base/clock.ts'
import { AppError, messageOf } from '../base/errors.ts'
import { EXTENSION, SOURCES } from '../base/place.ts'
import { Batches } from './audit-table.ts'
import type { StoreReply, StoreRequest, StoreWorkerData } from './sqlite-worker.ts'

const WORKER = new URL(`store/sqlite-worker.${EXTENSION}`, SOURCES)
/** How long an open or a close waits for a disk that does not answer before the thread is ended. */
const PATIENCE = 5000

interface Waiter {
  readonly resolve: (reply: StoreReply) => void
  readonly reject: (error: unknown) => void
}

/** The table of audit records in the database at `path`. A thread that died is replaced by the next call. */
export function createAuditTable(path: string, clock: Clock): RecordTable {
  const data: StoreWorkerData = {
    path,
    run: { run: randomUUID(), pid: process.pid, started: clock.wall() },
  }
  const batches = new Batches()
  let thread: Thread | undefined

  async function ask(request: StoreRequest): Promise<void> {
    if (thread?.dead) thread = undefined
    thread ??= new Thread(data)
    const { failed } = await thread.ask(request)
    if (failed !== undefined) throw unavailable(path, failed)
  }

  /** For what somebody waits for; a batch may take its time, the records behind it wait elsewhere. */
  async function askBriefly(request: StoreRequest): Promise<void> {
    const asked = ask(request)
    const { end } = thread as Thread
    const disarm = clock.after(PATIENCE, end)
    await asked.finally(disarm)
  }

  return {
    open: () => askBriefly({ open: true }),
    append: (records) => ask({ batch: batches.of(records) }),
    async close() {
      if (thread === undefined || thread.dead) return
      const closed = askBriefly({ close: true })
      thread = undefined
      await closed
    },
  }
}

function unavailable(path: string, reason: string): AppError {
  return new AppError('STORE_UNAVAILABLE', `the store ${path}: ${reason}`)
}

class Thread {
  readonly #worker: Worker
  readonly #path: string
  readonly #waiters: Waiter[] = []
  dead = false

  constructor(workerData: StoreWorkerData) {
    this.#path = workerData.path
    this.#worker = new Worker(WORKER, { workerData, env: {}, name: 'store' })
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
    for (const { reject } of this.#waiters.splice(0)) reject(unavailable(this.#path, reason))
  }
}
