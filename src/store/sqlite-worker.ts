// The thread of the store: takes batches, answers each when it is committed or why it is not; it decides nothing.
import { parentPort, workerData } from 'node:worker_threads'
import { AuditAppender, type Batch, type Run } from './audit-table.ts'
import { openSqlite, type Sqlite } from './sqlite.ts'

export interface StoreWorkerData {
  readonly path: string
  readonly run: Run
}

export type StoreRequest = { open: true } | { batch: Batch } | { close: true }

/** Absent: done. */
export type StoreReply = { failed?: string }

const { path, run } = workerData as StoreWorkerData
let current: { sqlite: Sqlite; appender: AuditAppender } | undefined

function open(): AuditAppender {
  if (current !== undefined && !current.sqlite.inPlace) close()
  if (current === undefined) {
    const sqlite = openSqlite(path)
    try {
      current = { sqlite, appender: new AuditAppender(sqlite.db, run) }
    } catch (error) {
      sqlite.db.close()
      throw error
    }
  }
  return current.appender
}

function close(): void {
  const { sqlite } = current ?? {}
  current = undefined
  sqlite?.db.close()
}

function serve(request: StoreRequest): StoreReply {
  try {
    if ('close' in request) close()
    else if ('batch' in request) open().append(request.batch)
    else open()
    return {}
  } catch (error) {
    // what a connection is after a failure nobody knows: the next attempt has a new one
    try {
      close()
    } catch {}
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.on('message', (request: StoreRequest) => {
  parentPort?.postMessage(serve(request))
  if ('close' in request) parentPort?.close()
})
