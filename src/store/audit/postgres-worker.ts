// The thread of an audit in PostgreSQL: takes batches, signs, prunes and reads, one after the other, each answered when it is done; it decides nothing.
import { parentPort, workerData } from 'node:worker_threads'
import { createSigner } from '../../base/chain.ts'
import type { StoreReply, StoreRequest, StoreWorkerData } from '../sqlite-worker.ts'
import { PostgresAppender } from './postgres-appender.ts'
import { type AuditConnection, connect } from './postgres-connection.ts'
import { PostgresReading } from './postgres-reading.ts'

const { path: url, run, key } = workerData as StoreWorkerData
const signer = key === undefined ? undefined : createSigner(key)
let current: { connection: AuditConnection; appender: PostgresAppender } | undefined
let reader: { connection: AuditConnection; reading: PostgresReading } | undefined

async function open(): Promise<PostgresAppender> {
  if (current?.connection.ended) current = undefined
  if (current === undefined) {
    const connection = await connect(url, 'write')
    try {
      current = { connection, appender: await PostgresAppender.open(connection, run, signer) }
    } catch (error) {
      await connection.close()
      throw error
    }
  }
  return current.appender
}

async function read(): Promise<PostgresReading> {
  if (reader?.connection.ended) reader = undefined
  if (reader === undefined) {
    const connection = await connect(url, 'read')
    reader = { connection, reading: new PostgresReading(connection) }
  }
  return reader.reading
}

async function close(): Promise<void> {
  const open = [current?.connection, reader?.connection]
  current = undefined
  reader = undefined
  for (const connection of open) await connection?.close()
}

async function act(request: StoreRequest): Promise<StoreReply> {
  if ('close' in request) {
    await current?.appender.checkpoint().finally(close)
    await close()
  } else if ('batch' in request) await (await open()).append(request.batch)
  else if ('checkpoint' in request) await (await open()).checkpoint()
  else if ('prune' in request) return { removed: await (await open()).prune(request.prune) }
  else if ('page' in request) return { page: await (await read()).page(request.page) }
  else await open()
  return {}
}

async function serve(request: StoreRequest): Promise<void> {
  let reply: StoreReply
  try {
    reply = await act(request)
  } catch (error) {
    // what a connection is after a failure nobody knows: the next attempt has a new one
    await close().catch(() => {})
    reply = { failed: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(reply)
  if ('close' in request) parentPort?.close()
}

let before: Promise<void> = Promise.resolve()
parentPort?.on('message', (request: StoreRequest) => {
  before = before.then(() => serve(request))
})
