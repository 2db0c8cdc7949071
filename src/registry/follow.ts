// Follows the store: keeps what is in it, secrets open, and says when it has changed, whoever changed it; it writes nothing.
import type { Clock } from '../base/clock.ts'
import { isAppError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Kind } from '../identity/rights.ts'
import type { Store, Stored } from '../store/store.ts'
import { KIND_TABLE, KINDS_FOLLOWED } from './kinds.ts'
import type { Sealer } from './secrets.ts'
import { opened } from './writing/draft.ts'

export interface Followed {
  readonly revision: number
  /** In no order. */
  list(kind: Kind): readonly Stored[]
  get(kind: Kind, id: string): Stored | undefined
  /** How many there are. */
  count(kind: Kind): number
}

export interface Follower extends Followed {
  /** Reads everything. Rejects when the store cannot be read. */
  start(): Promise<void>
  /** Looks at once, not only when the time has come. Resolves when what is there now has been read; never rejects. */
  look(): Promise<void>
  /** False while the store cannot be read: what is known stays known. */
  readonly healthy: boolean
  close(): void
}

export interface FollowDeps {
  readonly store: Store
  readonly sealer: Sealer
  readonly clock: Clock
  readonly log: Logger
  /** Milliseconds between two looks. */
  readonly every: number
  /** Kinds of what has changed. Must not throw. */
  changed(kinds: ReadonlySet<Kind>): void
}

const PAGE = 500
const MOST_CHANGES = 1000

export function createFollower(deps: FollowDeps): Follower {
  return new StoreFollower(deps)
}

class StoreFollower implements Follower {
  readonly #deps: FollowDeps
  #kinds = new Map<Kind, Map<string, Stored>>()
  #looking: Promise<void> | undefined
  #again = false
  #cancel = () => {}
  #closed = false
  revision = 0
  healthy = true

  constructor(deps: FollowDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    await this.#readAll()
    this.#wait()
  }

  list(kind: Kind): readonly Stored[] {
    return [...(this.#kinds.get(kind)?.values() ?? [])]
  }

  get(kind: Kind, id: string): Stored | undefined {
    return this.#kinds.get(kind)?.get(id)
  }

  count(kind: Kind): number {
    return this.#kinds.get(kind)?.size ?? 0
  }

  look(): Promise<void> {
    // what is committed while a look is under way is seen by the one after it
    if (this.#looking) this.#again = true
    else this.#looking = this.#look()
    return this.#looking
  }

  close(): void {
    this.#closed = true
    this.#cancel()
  }

  #wait(): void {
    this.#cancel()
    if (!this.#closed)
      this.#cancel = this.#deps.clock.after(this.#deps.every, () => void this.look())
  }

  async #look(): Promise<void> {
    do {
      this.#again = false
      await this.#catchUp()
    } while (this.#again && !this.#closed)
    this.#looking = undefined
    this.#wait()
  }

  async #catchUp(): Promise<void> {
    const { store, log, changed } = this.#deps
    try {
      const revision = await store.revision()
      if (revision !== this.revision) changed(await this.#apply())
      if (!this.healthy) log.info({}, 'the store can be read again')
      this.healthy = true
    } catch (error) {
      if (this.healthy)
        log.error(
          { reason: messageOf(error) },
          'the store cannot be read: what runs stays in force',
        )
      this.healthy = false
    }
  }

  async #apply(): Promise<ReadonlySet<Kind>> {
    const { store } = this.#deps
    const kinds = new Set<Kind>()
    try {
      for (;;) {
        const changes = await store.changes(this.revision, MOST_CHANGES)
        const touched = new Map(changes.map(({ kind, id }) => [`${kind}\0${id}`, { kind, id }]))
        for (const { kind, id } of touched.values()) {
          if (!isFollowed(kind)) continue
          this.#set(kind, id, await store.get(kind, id))
          kinds.add(kind)
        }
        this.revision = changes.at(-1)?.revision ?? this.revision
        if (changes.length < MOST_CHANGES) return kinds
      }
    } catch (error) {
      if (!isAppError(error, 'STORE_COMPACTED')) throw error
      await this.#readAll()
      return new Set(KINDS_FOLLOWED)
    }
  }

  /** What changes meanwhile has a later revision and is read again. */
  async #readAll(): Promise<void> {
    const { store } = this.#deps
    const revision = await store.revision()
    const kinds = new Map<Kind, Map<string, Stored>>()
    for (const kind of KINDS_FOLLOWED) {
      const known = new Map<string, Stored>()
      kinds.set(kind, known)
      for (let after: string | undefined; ; ) {
        const page = await store.list({
          kind,
          limit: PAGE,
          ...(after === undefined ? {} : { after }),
        })
        for (const stored of page) known.set(stored.id, this.#opened(kind, stored))
        after = page.at(-1)?.id
        if (page.length < PAGE) break
      }
    }
    this.#kinds = kinds
    this.revision = revision
  }

  #set(kind: Kind, id: string, stored: Stored | undefined): void {
    const known = this.#kinds.get(kind) ?? new Map<string, Stored>()
    this.#kinds.set(kind, known)
    if (stored) known.set(id, this.#opened(kind, stored))
    else known.delete(id)
  }

  #opened(kind: Kind, stored: Stored): Stored {
    return opened(stored, KIND_TABLE[kind], this.#deps)
  }
}

function isFollowed(kind: string): kind is Kind {
  return (KINDS_FOLLOWED as readonly string[]).includes(kind)
}
