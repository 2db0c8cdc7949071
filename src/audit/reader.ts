// How kept audit records are asked for: the question, the page, and whether a record answers it; where they are kept it does not know.
import type { JsonObject } from '../base/json.ts'

/** All that is given must hold. */
export interface AuditQuery {
  /** Milliseconds since the epoch; from inclusive, to exclusive. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly kind?: string | undefined
  /** The id. */
  readonly principal?: string | undefined
  /** Of the principal. */
  readonly tenant?: string | undefined
  readonly server?: string | undefined
  readonly target?: string | undefined
  readonly point?: string | undefined
  readonly entry?: string | undefined
  readonly code?: string | undefined
  readonly outcome?: string | undefined
  readonly requestId?: string | undefined
}

export interface AuditSearch extends AuditQuery {
  /** At most 1000 are given. */
  readonly limit: number
  /** `next` of the page before. */
  readonly cursor?: string | undefined
}

export interface AuditPage {
  /** The youngest first, as they would stand in a file: `time` is RFC 3339. */
  readonly records: readonly JsonObject[]
  /** Undefined: there is nothing older. */
  readonly next: string | undefined
}

/** Reads what a store keeps. Rejects with STORE_UNAVAILABLE; an unknown cursor is WIRE_BAD_CURSOR. */
export interface AuditReader {
  search(search: AuditSearch): Promise<AuditPage>
  /** The oldest first; ends when whoever asks stops. */
  export(query: AuditQuery): AsyncIterable<JsonObject>
  close(): Promise<void>
}

/** Members that a query compares as they are. */
const COMPARED = [
  'kind',
  'server',
  'target',
  'point',
  'entry',
  'code',
  'outcome',
  'requestId',
] as const

/** Whether a record of a file answers the query. */
export function answers(query: AuditQuery, record: Readonly<Record<string, unknown>>): boolean {
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = query
  const time = Date.parse(String(record.time))
  if (!(time >= from && time < to)) return false
  const { id, tenant } = (record.principal ?? {}) as { id?: unknown; tenant?: unknown }
  if (query.principal !== undefined && id !== query.principal) return false
  if (query.tenant !== undefined && tenant !== query.tenant) return false
  return COMPARED.every((name) => query[name] === undefined || record[name] === query[name])
}
