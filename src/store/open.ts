// The store that the configuration names, its database and its packages loaded when it is first used.
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { isPostgres, type StoreOptions, sqlitePath } from './options.ts'
import type { StoreBounds } from './rules.ts'
import type { Store } from './store.ts'

export interface StoreDeps {
  readonly clock: Clock
  readonly bounds?: StoreBounds
}

/** Nothing is opened before the first call; `start` is one. */
export function createStore(options: StoreOptions, deps: StoreDeps): Store {
  let loading: Promise<Store> | undefined
  let closed = false
  const loaded = async (): Promise<Store> => {
    if (closed) throw new AppError('STORE_UNAVAILABLE', 'the store is closed')
    loading ??= load(options, deps)
    return loading
  }
  return {
    start: async () => (await loaded()).start(),
    get: async (kind, id) => (await loaded()).get(kind, id),
    list: async (query) => (await loaded()).list(query),
    commit: async (commit) => (await loaded()).commit(commit),
    revision: async () => (await loaded()).revision(),
    changes: async (after, limit) => (await loaded()).changes(after, limit),
    remembered: async (key) => (await loaded()).remembered(key),
    issueTicket: async (ticket, limits) => (await loaded()).issueTicket(ticket, limits),
    redeemTicket: async (kind, key) => (await loaded()).redeemTicket(kind, key),
    note: async (kind, key) => (await loaded()).note(kind, key),
    notes: async (query) => (await loaded()).notes(query),
    putNote: async (write) => (await loaded()).putNote(write),
    removeNote: async (kind, key) => (await loaded()).removeNote(kind, key),
    async close() {
      closed = true
      if (loading !== undefined) await (await loading).close()
    },
  }
}

async function load(options: StoreOptions, deps: StoreDeps): Promise<Store> {
  const { createSqlStore } = await import('./sql/kysely-store.ts')
  if (isPostgres(options)) {
    const { postgresDialect } = await import('./sql/postgres-dialect.ts')
    return createSqlStore({ ...deps, dialect: postgresDialect(options), name: nameOf(options.url) })
  }
  const { sqliteDialect } = await import('./sql/sqlite-dialect.ts')
  const path = sqlitePath(options)
  return createSqlStore({ ...deps, dialect: sqliteDialect(path, deps.clock), name: path })
}

/** Host and database: a URL has a password in it, and parameters may have one, too. */
function nameOf(url: string): string {
  const parsed = URL.parse(url)
  return parsed === null ? 'postgres' : `postgres://${parsed.host}${parsed.pathname}`
}
