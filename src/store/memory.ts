// The store in memory: what the others are measured against, and enough where nothing has to outlive the process.
import type { Clock } from '../base/clock.ts'
import { deepFreeze, type JsonObject } from '../base/json.ts'
import { MemoryNotes } from './beside/memory-notes.ts'
import { MemoryTickets } from './beside/memory-tickets.ts'
import { TICKET_BOUNDS } from './beside/tickets.ts'
import {
  afterPrefix,
  alreadyRemembered,
  assertCommit,
  assertKept,
  BOUNDS,
  bodyText,
  byBytes,
  conflict,
  readableQuery,
  type StoreBounds,
} from './rules.ts'
import type {
  Change,
  Commit,
  Committed,
  Remembered,
  Store,
  Stored,
  StoreQuery,
  StoreWrite,
} from './store.ts'

export interface MemoryStoreDeps {
  readonly clock: Clock
  readonly bounds?: StoreBounds
}

export function createMemoryStore({ clock, bounds = BOUNDS }: MemoryStoreDeps): Store {
  const rows = new Rows(clock, bounds)
  const tickets = new MemoryTickets(clock, bounds.tickets ?? TICKET_BOUNDS)
  const notes = new MemoryNotes(clock)
  return {
    async start() {},
    get: async (kind, id) => rows.get(kind, id),
    list: async (query) => rows.list(query),
    commit: async (commit) => rows.commit(commit),
    revision: async () => rows.revision,
    changes: async (after, limit) => rows.changesAfter(after, limit),
    remembered: async (key) => rows.remembered(key),
    issueTicket: (ticket, limits) => tickets.issueTicket(ticket, limits),
    redeemTicket: (kind, key) => tickets.redeemTicket(kind, key),
    note: (kind, key) => notes.note(kind, key),
    notes: (query) => notes.notes(query),
    putNote: (write) => notes.putNote(write),
    removeNote: (kind, key) => notes.removeNote(kind, key),
    async close() {},
  }
}

type Answer = Remembered & { readonly expires: number }

class Rows {
  readonly #clock: Clock
  readonly #bounds: StoreBounds
  #entities: ReadonlyMap<string, Stored> = new Map()
  #changes: readonly Change[] = []
  /** The removals among the changes. */
  #gone: ReadonlyMap<string, Change> = new Map()
  readonly #answers = new Map<string, Answer>()
  #compacted = 0
  revision = 0

  constructor(clock: Clock, bounds: StoreBounds) {
    this.#clock = clock
    this.#bounds = bounds
  }

  get(kind: string, id: string): Stored | undefined {
    return this.#entities.get(keyOf(kind, id))
  }

  list(query: StoreQuery): readonly Stored[] {
    const wanted = readableQuery(query)
    if (wanted === undefined) return []
    return [...this.#entities.values()]
      .filter((stored) => matches(stored, wanted))
      .sort((a, b) => byBytes(a.id, b.id))
      .slice(0, wanted.limit)
  }

  commit(commit: Commit): Committed {
    assertCommit(commit)
    const { remember } = commit
    if (remember !== undefined && this.remembered(remember.key) !== undefined)
      throw alreadyRemembered()
    const at = this.#clock.wall()
    const entities = new Map(this.#entities)
    const gone = new Map(this.#gone)
    const changes = [...this.#changes]
    const versions = commit.writes.map((write) => {
      const [written, version] = apply(entities, gone, write, at)
      const { kind, id, tenant } = written
      const { by, requestId } = commit
      const change = deepFreeze<Change>({
        revision: this.revision + 1, op: write.op, kind, id, tenant, version: written.version, by, requestId, at,
      }) // biome-ignore format: one row
      changes.push(change)
      if (write.op === 'remove') gone.set(keyOf(kind, id), change)
      return version
    })
    this.#entities = entities
    this.#gone = gone
    this.#changes = changes
    this.revision++
    if (remember !== undefined) this.#remember(remember, at)
    if (this.revision % this.#bounds.every === 0) this.#compact(at)
    return { revision: this.revision, versions }
  }

  changesAfter(after: number, limit: number): readonly Change[] {
    assertKept(after, { compacted: this.#compacted, revision: this.revision })
    const later = this.#changes.filter(({ revision }) => revision > after)
    const last = later[Math.min(limit, later.length) - 1]?.revision ?? after
    return later.filter(({ revision }) => revision <= last)
  }

  remembered(key: string): Remembered | undefined {
    const answer = this.#answers.get(key)
    if (answer === undefined || answer.expires <= this.#clock.wall()) return undefined
    return { key, digest: answer.digest, answer: answer.answer }
  }

  #remember({ key, digest, answer }: Remembered, at: number): void {
    // newest last, whatever was there
    this.#answers.delete(key)
    const kept = deepFreeze(JSON.parse(bodyText(answer)) as JsonObject)
    this.#answers.set(key, { key, digest, answer: kept, expires: at + this.#bounds.rememberedFor })
  }

  #compact(at: number): void {
    const beyond = this.#changes.length - this.#bounds.changes
    if (beyond > 0) {
      this.#compacted = this.#changes[beyond - 1]?.revision ?? this.#compacted
      this.#changes = this.#changes.filter(({ revision }) => revision > this.#compacted)
      this.#gone = new Map([...this.#gone].filter(([, gone]) => gone.revision > this.#compacted))
    }
    for (const [key, { expires }] of this.#answers)
      if (expires <= at || this.#answers.size > this.#bounds.remembered) this.#answers.delete(key)
  }
}

/** What was written or removed, and the version to answer. */
function apply(
  entities: Map<string, Stored>,
  gone: Map<string, Change>,
  write: StoreWrite,
  at: number,
): [Stored, number] {
  const { kind, id, expect } = write
  const key = keyOf(kind, id)
  const before = entities.get(key)
  const version = before?.version ?? 0
  if (version !== expect || (write.op === 'remove' && before === undefined))
    throw conflict({ kind, id, version })
  if (write.op === 'remove') {
    entities.delete(key)
    return [before as Stored, 0]
  }
  // one that was there before goes on counting: who still has a version of it must not find it again
  const last = before?.version ?? gone.get(key)?.version ?? 0
  gone.delete(key)
  const body = JSON.parse(bodyText(write.body)) as JsonObject
  const stored = deepFreeze({
    kind, id, tenant: write.tenant, version: last + 1, body, createdAt: before?.createdAt ?? at, updatedAt: at,
  }) // biome-ignore format: one row
  entities.set(key, stored)
  return [stored, stored.version]
}

function keyOf(kind: string, id: string): string {
  return `${kind}\0${id}`
}

function matches(stored: Stored, { kind, tenant, after, prefix = '' }: StoreQuery): boolean {
  if (stored.kind !== kind) return false
  if (tenant !== undefined && (stored.tenant ?? null) !== tenant) return false
  if (after !== undefined && byBytes(stored.id, after) <= 0) return false
  const end = afterPrefix(prefix)
  return byBytes(stored.id, prefix) >= 0 && (end === undefined || byBytes(stored.id, end) < 0)
}
