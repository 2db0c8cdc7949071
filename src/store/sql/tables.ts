// The tables of the store as types: what a row has before and after it crosses to a database; it makes no table.

/** One row per entity. */
export interface EntityRow {
  kind: string
  id: string
  tenant: string | null
  version: number
  /** JSON as text: not every text that JSON can say fits into a JSON column of PostgreSQL. */
  body: string
  created_at: number
  updated_at: number
}

/** The log of commits, newest last; `position` is within a commit. */
export interface ChangeRow {
  revision: number
  position: number
  op: 'put' | 'remove'
  kind: string
  id: string
  tenant: string | null
  version: number
  principal: string
  request_id: string
  at: number
}

export interface AnswerRow {
  key: string
  digest: string
  answer: string
  expires_at: number
}

/** One row. Whoever commits holds it to the end of the transaction, so commits happen one after the other in the order of their revisions. */
export interface StateRow {
  id: number
  revision: number
  /** The newest revision whose changes are no longer kept. */
  compacted: number
}

export interface TicketRow {
  kind: string
  key: string
  scope: string
  body: string
  /** 1: redeemed. */
  used: number
  expires_at: number
}

export interface NoteRow {
  kind: string
  key: string
  version: number
  body: string
  updated_at: number
}

export interface StoreTables {
  store_entities: EntityRow
  store_changes: ChangeRow
  store_answers: AnswerRow
  store_state: StateRow
  store_tickets: TicketRow
  store_notes: NoteRow
}
