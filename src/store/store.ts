// The store as the rooms above it see it: entities by kind and id, commits that happen whole, and what has changed since; it knows no database.
import type { JsonObject } from '../base/json.ts'
import type { Notes } from './beside/notes.ts'
import type { Tickets } from './beside/tickets.ts'

/**
 * One kept entity. `version` counts its writes from 1. One that is removed and made anew goes on counting while its removal is
 * among the changes: who still has a version of the old one finds no other entity under it.
 */
export interface Stored {
  readonly kind: string
  readonly id: string
  /** Undefined: of the gateway as a whole. */
  readonly tenant: string | undefined
  readonly version: number
  readonly body: JsonObject
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** One write of a commit. `expect`: the version that must be there; 0: none may be. */
export type StoreWrite =
  | {
      readonly op: 'put'
      readonly kind: string
      readonly id: string
      readonly tenant: string | undefined
      readonly body: JsonObject
      readonly expect: number
    }
  | { readonly op: 'remove'; readonly kind: string; readonly id: string; readonly expect: number }

/** What a request was answered, kept for a day so that repeating it writes nothing twice (draft-ietf-httpapi-idempotency-key-header). */
export interface Remembered {
  /** Of the caller and the key. */
  readonly key: string
  /** Of the request: another one under the same key is a mistake. */
  readonly digest: string
  readonly answer: JsonObject
}

export interface Commit {
  readonly writes: readonly StoreWrite[]
  /** The principal's id. */
  readonly by: string
  readonly requestId: string
  /** Kept in the same transaction. */
  readonly remember?: Remembered
}

export interface Committed {
  /** Of the whole store: one more than of the commit before, whichever process made it. */
  readonly revision: number
  /** The new version of each put, 0 of each removal, in their order. */
  readonly versions: readonly number[]
}

export interface Change {
  readonly revision: number
  readonly op: 'put' | 'remove'
  readonly kind: string
  readonly id: string
  readonly tenant: string | undefined
  /** The new one of a put, the last one of what was removed. */
  readonly version: number
  readonly by: string
  readonly requestId: string
  readonly at: number
}

export interface StoreQuery {
  readonly kind: string
  /** Only of this tenant; null: only those of none. */
  readonly tenant?: string | null
  /** Only ids after this one, in the order of their UTF-8 bytes. */
  readonly after?: string
  /** Ids that begin so. */
  readonly prefix?: string
  readonly limit: number
}

/**
 * Rejects with STORE_UNAVAILABLE when the database does not answer in time: whoever asks must take that for no. All waits are
 * bounded.
 */
export interface Store extends Tickets, Notes {
  /** Opens, and migrates what is older. Rejects with STORE_UNAVAILABLE. */
  start(): Promise<void>
  get(kind: string, id: string): Promise<Stored | undefined>
  list(query: StoreQuery): Promise<readonly Stored[]>
  /**
   * All or nothing, durable when it resolves. Writes are done in their order, each sees those before it. Rejects with
   * STORE_CONFLICT, `data {kind, id, version}` (0: none is there) when a version is another, and with `data {remembered: true}`
   * when `remember.key` has an answer already. After STORE_UNAVAILABLE nobody knows whether it was done: read, or repeat with
   * the same `remember.key`.
   */
  commit(commit: Commit): Promise<Committed>
  revision(): Promise<number>
  /**
   * In order; `limit` of them and the rest of the last one's commit, so that whoever goes on after the last revision misses none.
   * Rejects with STORE_COMPACTED when some after `after` are no longer kept, or `after` is none of this database: the caller then reads all.
   */
  changes(after: number, limit: number): Promise<readonly Change[]>
  remembered(key: string): Promise<Remembered | undefined>
  close(): Promise<void>
}
