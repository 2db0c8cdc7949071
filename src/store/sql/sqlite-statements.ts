// The thread that the store's statements run in, one after the other on one connection; it decides nothing.
import type { StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { MEMORY, openSqlite, type Sqlite } from '../sqlite.ts'

export type SqlValue = string | number | bigint | null

export interface StatementRequest {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
}

export type StatementReply =
  | { readonly rows: readonly unknown[]; readonly changes: number }
  | { readonly failed: string }

export interface StatementsData {
  readonly path: string
}

/** Kept compiled; the texts are few, but how many rows an insert has is part of its text. */
const MOST_PREPARED = 100

const { path } = workerData as StatementsData
const prepared = new Map<string, StatementSync>()
let sqlite: Sqlite | undefined
/** A statement failed: what the connection is nobody knows, the next transaction has a new one. */
let suspect = false

function connection(): Sqlite {
  const within = sqlite?.db.isTransaction === true
  // memory would be lost; and there is no disk that could have failed it
  if (!within && path !== MEMORY && sqlite !== undefined && (suspect || !sqlite.inPlace)) close()
  // durable: who was told that a change is made has it after a loss of power, too
  sqlite ??= openSqlite(path, { durable: true })
  return sqlite
}

function close(): void {
  prepared.clear()
  const { db } = sqlite ?? {}
  sqlite = undefined
  suspect = false
  db?.close()
}

function statement({ db }: Sqlite, sql: string): StatementSync {
  const known = prepared.get(sql)
  if (known !== undefined) return known
  if (prepared.size >= MOST_PREPARED) prepared.clear()
  const made = db.prepare(sql)
  prepared.set(sql, made)
  return made
}

function run({ sql, parameters }: StatementRequest): StatementReply {
  // a failure may have rolled back already
  if (sql === 'rollback' && sqlite?.db.isTransaction !== true) return { rows: [], changes: 0 }
  const made = statement(connection(), sql)
  if (made.columns().length > 0) return { rows: made.all(...parameters), changes: 0 }
  return { rows: [], changes: Number(made.run(...parameters).changes) }
}

function serve(request: StatementRequest | 'close'): StatementReply {
  try {
    if (request !== 'close') return run(request)
    close()
    return { rows: [], changes: 0 }
  } catch (error) {
    suspect = true
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.on('message', (request: StatementRequest | 'close') => {
  parentPort?.postMessage(serve(request))
  if (request === 'close') parentPort?.close()
})
