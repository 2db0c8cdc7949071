// The store over any database that a dialect of Kysely speaks to: readiness, deadlines and errors around the queries of rows.ts.
import { type Dialect, Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import { AppError, isAppError } from '../../base/errors.ts'
import { TICKET_BOUNDS } from '../beside/tickets.ts'
import { migrateUp } from '../migrations/migrate.ts'
import { BOUNDS, type StoreBounds } from '../rules.ts'
import type { Store } from '../store.ts'
import { commit } from './commit.ts'
import { note, notes, putNote, removeNote } from './notes.ts'
import { changesAfter, get, list, remembered, revision } from './reads.ts'
import type { StoreTables } from './tables.ts'
import { issueTicket, redeemTicket, sweepTickets } from './tickets.ts'

export interface SqlStoreDeps {
  readonly dialect: Dialect
  readonly clock: Clock
  /** Of the database, for messages: without user and password. */
  readonly name: string
  readonly bounds?: StoreBounds
  /** Milliseconds any one call may take, its wait for others included. */
  readonly patience?: number
}

/** Longer than the waits of the dialects below it, whose reasons say more. */
const PATIENCE = 10_000
/** Calls under way at once; more than that, and the database does not keep up. */
const MOST_CALLS = 1000

type Db = Kysely<StoreTables>

export function createSqlStore(deps: SqlStoreDeps): Store {
  const { clock, bounds = BOUNDS } = deps
  const calls = new Calls(deps)
  let issues = 0
  const { tickets = TICKET_BOUNDS } = bounds
  return {
    start: () => calls.run(async () => {}),
    get: (kind, id) => calls.run((db) => get(db, kind, id)),
    list: (query) => calls.run((db) => list(db, query)),
    commit: (request) => calls.run((db) => commit(db, request, { bounds, at: clock.wall() })),
    revision: () => calls.run(revision),
    changes: (after, limit) => calls.run((db) => changesAfter(db, after, limit)),
    remembered: (key) => calls.run((db) => remembered(db, key, clock.wall())),
    issueTicket: (ticket, limits) =>
      calls.run(async (db) => {
        const now = clock.wall()
        if (++issues % tickets.every === 0) await sweepTickets(db, ticket.kind, tickets, now)
        return issueTicket(db, ticket, limits, now)
      }),
    redeemTicket: (kind, key) => calls.run((db) => redeemTicket(db, kind, key, clock.wall())),
    note: (kind, key) => calls.run((db) => note(db, kind, key)),
    notes: (query) => calls.run((db) => notes(db, query)),
    putNote: (write) => calls.run((db) => putNote(db, write, clock.wall())),
    removeNote: (kind, key) => calls.run((db) => removeNote(db, kind, key)),
    close: () => calls.close(),
  }
}

class Calls {
  readonly #db: Db
  readonly #deps: SqlStoreDeps
  /** That the tables are there and up to date; found out again after each failure, which may mean that the database is another one. */
  #ready: Promise<void> | undefined
  #running = 0
  #closed = false

  constructor(deps: SqlStoreDeps) {
    this.#deps = deps
    this.#db = new Kysely({ dialect: deps.dialect })
  }

  async run<T>(call: (db: Db) => Promise<T>): Promise<T> {
    if (this.#closed) throw this.#unavailable('it is closed')
    if (this.#running >= MOST_CALLS) throw this.#unavailable('it does not keep up')
    this.#running++
    const result = this.#attempt(call).finally(() => this.#running--)
    return this.#within(result)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const done = this.#db.destroy().catch((error) => {
      throw this.#unavailable(reasonOf(error))
    })
    await this.#within(done)
  }

  async #attempt<T>(call: (db: Db) => Promise<T>): Promise<T> {
    try {
      this.#ready ??= migrateUp(this.#db)
      await this.#ready
      return await call(this.#db)
    } catch (error) {
      if (isAppError(error) && error.code !== 'STORE_UNAVAILABLE') throw error
      this.#ready = undefined
      throw isAppError(error) ? error : this.#unavailable(reasonOf(error))
    }
  }

  #within<T>(result: Promise<T>): Promise<T> {
    const { clock, patience = PATIENCE } = this.#deps
    return new Promise((resolve, reject) => {
      const disarm = clock.after(patience, () =>
        reject(this.#unavailable(`it did not answer within ${patience} ms`)),
      )
      result.then(resolve, reject).finally(disarm)
    })
  }

  #unavailable(reason: string): AppError {
    return new AppError('STORE_UNAVAILABLE', `the store ${this.#deps.name}: ${reason}`)
  }
}

// no cause: what drivers attach to errors may hold rows, and the whole URL with its password
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  if (error instanceof Error && error.message !== '') return error.message
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? error)
}
