// Kept audit records for the command line: of files or of a store, opened for reading only.
import { access } from 'node:fs/promises'
import { auditFiles, fileEvidence, fileRecords } from '../../audit/file-evidence.ts'
import { type AuditQuery, answers } from '../../audit/reader.ts'
import type { Evidence } from '../../audit/verify.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Kept } from '../../store/audit/kept.ts'
import type { Question } from '../../store/audit/question.ts'
import { storeName } from '../../store/sqlite-thread.ts'

export interface AuditSource {
  evidence(): AsyncIterable<Evidence>
  /** The oldest first. */
  records(query: AuditQuery): AsyncIterable<object>
  close(): Promise<void>
}

export type AuditPlace =
  | { readonly file: string }
  | { readonly sqlite: string }
  | { readonly postgres: string }

/** Rejects with AUDIT_UNREADABLE when there is nothing, or nothing that can be read. */
export async function openAuditSource(place: AuditPlace): Promise<AuditSource> {
  if ('file' in place) return fileSource(place.file)
  return 'sqlite' in place ? sqliteSource(place.sqlite) : postgresSource(place.postgres)
}

async function fileSource(path: string): Promise<AuditSource> {
  const files = await auditFiles(path)
  return {
    evidence: () => fileEvidence(files),
    async *records(query) {
      for await (const record of fileRecords(files)) if (answers(query, record)) yield record
    },
    close: async () => {},
  }
}

const PAGE = 500

// no thread: a command has nothing else to do
async function sqliteSource(path: string): Promise<AuditSource> {
  await access(path).catch((error) => {
    throw unreadable(path, error)
  })
  const { openReading } = await import('../../store/audit/reading.ts')
  const open = () => {
    try {
      return openReading(path)
    } catch (error) {
      throw unreadable(path, error)
    }
  }
  const reading = open()
  return {
    async *evidence() {
      yield* reading.evidence()
    },
    records: (query) => inPages(query, async (question) => reading.page(question)),
    close: async () => reading.close(),
  }
}

async function postgresSource(url: string): Promise<AuditSource> {
  const { connect } = await import('../../store/audit/postgres-connection.ts')
  const { PostgresReading } = await import('../../store/audit/postgres-reading.ts')
  const connection = await connect(url, 'read').catch((error) => {
    throw unreadable(storeName(url), error)
  })
  const reading = new PostgresReading(connection)
  return {
    evidence: () => reading.evidence(),
    records: (query) => inPages(query, (question) => reading.page(question)),
    close: () => reading.close(),
  }
}

async function* inPages(
  query: AuditQuery,
  page: (question: Question) => Promise<readonly Kept[]>,
): AsyncGenerator<object> {
  for (let after = 0; ; ) {
    const kept = await page({ ...query, after, limit: PAGE })
    for (const { record } of kept) yield record
    if (kept.length < PAGE) return
    after = kept.at(-1)?.id ?? after
  }
}

function unreadable(path: string, error: unknown): AppError {
  return new AppError('AUDIT_UNREADABLE', `the audit in ${path}: ${messageOf(error)}`)
}
