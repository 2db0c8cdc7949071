// Kept audit records for the command line: of files or of a store, opened for reading only.
import { access } from 'node:fs/promises'
import { auditFiles, fileEvidence, fileRecords } from '../audit/file-evidence.ts'
import { type AuditQuery, answers } from '../audit/reader.ts'
import type { Evidence } from '../audit/verify.ts'
import { AppError, messageOf } from '../base/errors.ts'

export interface AuditSource {
  evidence(): AsyncIterable<Evidence>
  /** The oldest first. */
  records(query: AuditQuery): AsyncIterable<object>
  close(): Promise<void>
}

export type AuditPlace = { readonly file: string } | { readonly sqlite: string }

/** Rejects with AUDIT_UNREADABLE when there is nothing, or nothing that can be read. */
export async function openAuditSource(place: AuditPlace): Promise<AuditSource> {
  return 'file' in place ? fileSource(place.file) : sqliteSource(place.sqlite)
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
  const { openReading } = await import('../store/audit/reading.ts')
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
    async *records(query) {
      for (let after = 0; ; ) {
        const kept = reading.page({ ...query, after, limit: PAGE })
        for (const { record } of kept) yield record
        if (kept.length < PAGE) return
        after = kept.at(-1)?.id ?? after
      }
    },
    close: async () => reading.close(),
  }
}

function unreadable(path: string, error: unknown): AppError {
  return new AppError('AUDIT_UNREADABLE', `the audit in ${path}: ${messageOf(error)}`)
}
