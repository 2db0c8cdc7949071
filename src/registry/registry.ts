// The control plane as its callers see it: entities of every kind, and the one way to change them; it knows no HTTP and no database.
import type { JsonObject } from '../base/json.ts'
import type { Principal } from '../engine/context.ts'
import type { StampedViolation } from '../engine/verdict.ts'
import type { ResealContext, Resealed } from './reseal.ts'

/** An entity as callers see it: secrets masked. */
export interface Entity {
  readonly kind: string
  readonly id: string
  readonly tenant: string | undefined
  /** 0: declared in the configuration, read-only; or listed by a server, and nobody has said anything of it. */
  readonly version: number
  readonly source: 'declared' | 'dynamic' | 'catalogue'
  readonly body: JsonObject
  readonly createdAt: number | undefined
  readonly updatedAt: number | undefined
  /** State that nobody writes, such as whether a server is up. */
  readonly status?: JsonObject | undefined
}

/** Who changes something, and how. */
export interface WriteContext {
  readonly principal: Principal
  readonly requestId: string
  /** `admin`, `catalogue`, `config`, `cli`. */
  readonly surface: string
  readonly dryRun?: boolean
  /** `If-Match`: the version the caller has seen; undefined: whichever it is. */
  readonly expect?: number | undefined
  /** `Idempotency-Key`, already bound to the caller; `digest` of the request it came with. */
  readonly idempotency?: { readonly key: string; readonly digest: string } | undefined
}

export type WriteRequest =
  | {
      readonly op: 'create'
      readonly kind: string
      readonly id?: string
      readonly tenant?: string
      readonly body: JsonObject
    }
  | {
      readonly op: 'replace'
      readonly kind: string
      readonly id: string
      readonly body: JsonObject
    }
  /** RFC 7396. */
  | { readonly op: 'merge'; readonly kind: string; readonly id: string; readonly patch: JsonObject }
  | { readonly op: 'remove'; readonly kind: string; readonly id: string }

export type WriteOutcome =
  /** `once`: shown to the caller and never again, such as a new key. */
  | {
      readonly outcome: 'written'
      readonly entity: Entity
      readonly once?: JsonObject
      readonly revision: number
    }
  | { readonly outcome: 'dry_run'; readonly entity: Entity }
  | { readonly outcome: 'vetoed'; readonly violation: StampedViolation }
  /** Waits for the approval of somebody else. */
  | { readonly outcome: 'pending'; readonly change: Entity }

export interface ListQuery {
  readonly kind: string
  readonly tenant?: string | undefined
  readonly after?: string | undefined
  readonly limit: number
  /** Exact values of filterable members. */
  readonly where?: Readonly<Record<string, string>> | undefined
}

export interface Registry {
  /** Rejects with AUTH_DENIED or REGISTRY_NOT_FOUND. Without a `requestId` one is made. */
  get(kind: string, id: string, by: Principal, requestId?: string): Promise<Entity>
  /** What the caller would be shown one by one. Rejects with AUTH_DENIED where that can be nothing of the kind. */
  list(
    query: ListQuery,
    by: Principal,
    requestId?: string,
  ): Promise<{ readonly items: readonly Entity[]; readonly next: string | undefined }>
  /**
   * The one write path. Rejects with AUTH_DENIED, REGISTRY_INVALID (`data.problems`), REGISTRY_NOT_FOUND, REGISTRY_EXISTS,
   * REGISTRY_READ_ONLY, STORE_CONFLICT, STORE_UNAVAILABLE, or with the fault of a plugin; nothing is written then.
   */
  write(request: WriteRequest, context: WriteContext): Promise<WriteOutcome>
}

/** Seals under the first key what an older one sealed. */
export interface Resealer {
  reseal(context: ResealContext): Promise<Resealed>
}
