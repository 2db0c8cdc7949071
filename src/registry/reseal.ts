// Sealing anew what is sealed with an older key: kind by kind, page by page, so that the old key can be taken away; it opens nothing to anybody.
import { type AppError, isAppError } from '../base/errors.ts'
import type { Principal } from '../engine/context.ts'
import type { Kind } from '../identity/rights.ts'
import type { Stored, StoreWrite } from '../store/store.ts'
import { KIND_TABLE, KINDS_FOLLOWED } from './kinds.ts'
import type { RegistryDeps } from './parts.ts'
import { resealBody } from './secrets.ts'

export interface Resealed {
  /** `more`: the time was over; what is done stays done, and whoever asks again goes on with the rest. */
  readonly outcome: 'done' | 'more'
  /** Entities that were sealed anew. */
  readonly entities: number
}

export interface ResealContext {
  readonly principal: Principal
  readonly requestId: string
  readonly surface: string
}

type Deps = Pick<RegistryDeps, 'store' | 'sealer' | 'clock' | 'audit' | 'applied'>

const PAGE = 200
/** Milliseconds for one request. */
export const RESEAL_BUDGET = 20_000
/** Others may be writing the same one. */
const ATTEMPTS = 8

/** Whoever calls has asked whether he may. Rejects with STORE_SEALED, STORE_CONFLICT or STORE_UNAVAILABLE. */
export async function resealAll(context: ResealContext, deps: Deps): Promise<Resealed> {
  const run = new Resealing(context, deps)
  try {
    const outcome = (await run.all()) ? 'done' : 'more'
    tell(context, deps, { outcome: 'written', reason: `${run.entities} entities, ${outcome}` })
    return { outcome, entities: run.entities }
  } catch (error) {
    const { code, message } = error as AppError
    tell(context, deps, { outcome: 'failed', code, reason: message })
    throw error
  } finally {
    if (run.entities > 0) deps.applied(run.revision)
  }
}

function tell(
  { principal, requestId, surface }: ResealContext,
  { audit }: Deps,
  ended: {
    readonly outcome: 'written' | 'failed'
    readonly reason: string
    readonly code?: string
  },
): void {
  const what = { action: 'reseal', kind: 'secret', id: '*', tenant: undefined } as const
  audit({ ...what, principal, requestId, surface, ...ended })
}

class Resealing {
  readonly #context: ResealContext
  readonly #deps: Deps
  readonly #end: number
  entities = 0
  revision = 0

  constructor(context: ResealContext, deps: Deps) {
    this.#context = context
    this.#deps = deps
    this.#end = deps.clock.now() + RESEAL_BUDGET
  }

  /** False: the time was over. */
  async all(): Promise<boolean> {
    for (const kind of KINDS_FOLLOWED)
      if (KIND_TABLE[kind].secrets.length > 0 && !(await this.#kind(kind))) return false
    return true
  }

  async #kind(kind: Kind): Promise<boolean> {
    for (let after: string | undefined; ; ) {
      if (this.#deps.clock.now() >= this.#end) return false
      const query = { kind, limit: PAGE }
      const page = await this.#deps.store.list(after === undefined ? query : { ...query, after })
      await this.#write(page)
      after = page.at(-1)?.id
      if (page.length < PAGE) return true
    }
  }

  /** All of a page at once; one by one where somebody else was writing some of it. */
  async #write(page: readonly Stored[]): Promise<void> {
    const writes = page.flatMap((stored) => this.#sealed(stored))
    if (writes.length === 0) return
    try {
      await this.#commit(writes)
    } catch (error) {
      if (!isAppError(error, 'STORE_CONFLICT')) throw error
      for (const { kind, id } of writes) await this.#one(kind, id)
    }
  }

  async #one(kind: string, id: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const stored = await this.#deps.store.get(kind, id)
      const writes = stored ? this.#sealed(stored) : []
      if (writes.length === 0) return
      try {
        return await this.#commit(writes)
      } catch (error) {
        if (!isAppError(error, 'STORE_CONFLICT') || attempt === ATTEMPTS) throw error
      }
    }
  }

  #sealed({ kind, id, tenant, version, body }: Stored): StoreWrite[] {
    const sealed = resealBody(KIND_TABLE[kind as Kind], { kind, id }, body, this.#deps.sealer)
    return sealed ? [{ op: 'put', kind, id, tenant, expect: version, body: sealed }] : []
  }

  async #commit(writes: readonly StoreWrite[]): Promise<void> {
    const { principal, requestId } = this.#context
    const { revision } = await this.#deps.store.commit({ writes, by: principal.id, requestId })
    this.entities += writes.length
    this.revision = revision
  }
}
