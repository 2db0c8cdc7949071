// Kept audit records for whoever asks, read by a thread of its own: a question that takes long stops neither the loop nor the writing.
import { randomUUID } from 'node:crypto'
import type { AuditQuery, AuditReader, AuditSearch } from '../../audit/reader.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { Line } from '../sqlite-thread.ts'
import type { Kept } from './kept.ts'
import type { Question } from './question.ts'

/** A question that nothing indexed answers goes through the whole table. */
const PATIENCE = 30_000
const EXPORT_PAGE = 500
const MOST_RECORDS = 1000

/** `path`: of a file, or the URL of a PostgreSQL database. The thread is started by the first question. */
export function createAuditReader(path: string, clock: Clock): AuditReader {
  const line = new Line({ path, run: { run: randomUUID(), pid: process.pid, started: 0 } }, clock)
  const ask = async (question: Question): Promise<readonly Kept[]> =>
    (await line.ask({ page: question }, PATIENCE)).page ?? []
  return {
    async search({ cursor, limit: wanted, ...query }: AuditSearch) {
      const limit = Math.max(1, Math.min(wanted, MOST_RECORDS))
      const before = cursor === undefined ? undefined : positionOf(cursor)
      const kept = await ask({ ...query, limit: limit + 1, before })
      const shown = kept.slice(0, limit)
      const last = kept.length > limit ? shown.at(-1) : undefined
      return { records: shown.map(({ record }) => record), next: last && String(last.id) }
    },
    async *export(query: AuditQuery): AsyncGenerator<JsonObject> {
      let after = 0
      for (;;) {
        const kept = await ask({ ...query, after, limit: EXPORT_PAGE })
        for (const { record } of kept) yield record
        if (kept.length < EXPORT_PAGE) return
        after = kept.at(-1)?.id ?? after
      }
    },
    close: () => line.close(),
  }
}

/** Throws WIRE_BAD_CURSOR. */
export function positionOf(cursor: string): number {
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor)
  throw new AppError('WIRE_BAD_CURSOR', 'the cursor is not one of ours')
}
