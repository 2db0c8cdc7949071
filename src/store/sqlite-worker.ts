// The thread of the store: takes batches, signs, prunes and reads, answers each when it is done or why it is not; it decides nothing.
import { parentPort, workerData } from 'node:worker_threads'
import { createSigner } from '../base/chain.ts'
import { AuditAppender } from './audit/appender.ts'
import type { Run } from './audit/growth.ts'
import type { Kept } from './audit/kept.ts'
import type { Question } from './audit/question.ts'
import { type AuditReading, openReading } from './audit/reading.ts'
import type { Batch } from './audit-table.ts'
import { openSqlite, type Sqlite } from './sqlite.ts'

export interface StoreWorkerData {
  readonly path: string
  readonly run: Run
  /** Of the key that signs the chain, in PEM. */
  readonly key?: string | undefined
}

export type StoreRequest =
  | { open: true }
  | { batch: Batch }
  | { checkpoint: true }
  /** Remove what is older than this, a part at a time. */
  | { prune: number }
  | { page: Question }
  | { close: true }

export interface StoreReply {
  /** Absent: done. */
  readonly failed?: string
  readonly page?: readonly Kept[]
  /** How many records were removed. */
  readonly removed?: number
}

const { path, run, key } = workerData as StoreWorkerData
const signer = key === undefined ? undefined : createSigner(key)
let current: { sqlite: Sqlite; appender: AuditAppender } | undefined
let reading: AuditReading | undefined

function open(): AuditAppender {
  if (current !== undefined && !current.sqlite.inPlace) close()
  if (current === undefined) {
    const sqlite = openSqlite(path)
    try {
      current = { sqlite, appender: new AuditAppender(sqlite.db, run, signer) }
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
  reading?.close()
  reading = undefined
}

function act(request: StoreRequest): StoreReply {
  if ('close' in request) {
    try {
      current?.appender.checkpoint()
    } finally {
      close()
    }
  } else if ('batch' in request) open().append(request.batch)
  else if ('checkpoint' in request) open().checkpoint()
  else if ('prune' in request) return { removed: open().prune(request.prune) }
  else if ('page' in request) {
    reading ??= openReading(path)
    return { page: reading.page(request.page) }
  } else open()
  return {}
}

function serve(request: StoreRequest): StoreReply {
  try {
    return act(request)
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
