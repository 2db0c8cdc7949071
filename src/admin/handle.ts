// What the admin room is handed by the application: the registry, the decision and everything else behind handles; types only.
import type { Clock } from '../base/clock.ts'
import type { JsonObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import type { Principal } from '../engine/context.ts'
import type { Authenticator, Decision, Target } from '../identity/access.ts'
import type { Kind, RightSpec } from '../identity/rights.ts'
import type { Registry, WriteContext, WriteOutcome } from '../registry/registry.ts'

/** A kind of entities as the API serves it. */
export interface EntityKind {
  readonly kind: Kind
  /** One clause: what such an entity is. */
  readonly about: string
  /** JSON Schema of a body. */
  readonly schema: JsonObject
  /** Members of the body that a list can be filtered by, each a text. */
  readonly filters: readonly string[]
  /** What can be done to it beside seeing it. */
  readonly writes: readonly EntityWrite[]
}

export type EntityWrite = 'create' | 'replace' | 'merge' | 'remove'

/** What is asked of the audit; `tenant` is set for a principal that belongs to one. */
export interface AuditQuery {
  readonly tenant: string | undefined
  /** Where the page before ended. */
  readonly after: string | undefined
  readonly limit: number
  /** Milliseconds since the epoch, inclusive and exclusive. */
  readonly since: number | undefined
  readonly until: number | undefined
  /** Exact values of members: kind, principal, requestId. */
  readonly where: Readonly<Record<string, string>>
}

export interface AuditPage {
  readonly items: readonly JsonObject[]
  /** What `after` of the next page is; undefined: there is none. */
  readonly next: string | undefined
}

export interface AuditSearch {
  search(query: AuditQuery): Promise<AuditPage>
}

/** How somebody decided about a change that waits. */
export interface ChangeDecision {
  readonly id: string
  readonly approve: boolean
  readonly reason: string | undefined
}

/** Texts that only we can make, bound to a scope: what cursors are. */
export interface CursorSigner {
  sign(scope: string, value: unknown): string
  /** Undefined for a text that is not one of ours, or was made for another scope. */
  read(scope: string, text: unknown): unknown
}

/** A permission to ask for: a right of the table, and on what. */
export interface Ask {
  readonly principal: Principal
  readonly right: string
  readonly target: Target
  readonly requestId: string
}

/** The rooms that the routes lead to. */
export interface ApiRooms {
  readonly registry: Registry
  readonly rights: Readonly<Record<string, RightSpec>>
  /** Rights of the table that the principal has on the gateway or its tenant; fires nothing. */
  rightsOf(principal: Principal): readonly string[]
  /** Approves or refuses a change that waits. Rejects as `registry.write` does. */
  decide(decision: ChangeDecision, context: WriteContext): Promise<WriteOutcome>
  /** Throws WIRE_INVALID_PARAMS that says what is wrong with the question. */
  explain(question: JsonObject): Promise<object>
  reload(options: { readonly dryRun: boolean }): Promise<object>
  /** The configuration in force, secrets masked. */
  config(): object
  status(): object
  points(): readonly object[]
  /** Prometheus text; undefined when it is switched off. */
  metrics(): Promise<string> | string | undefined
  /** Undefined: no sink keeps the audit where it can be searched. */
  readonly audit: AuditSearch | undefined
}

export interface ApiHandle extends ApiRooms {
  readonly authenticator: Authenticator
  /** Decides, and passes the auth points. Rejects when it cannot be found out: that is no permission. */
  authorise(ask: Ask): Decision | Promise<Decision>
  readonly kinds: readonly EntityKind[]
  readonly version: string
  readonly clock: Clock
  readonly log: Logger
  createId(): string
  readonly cursors: CursorSigner
  /** Strict: throws WIRE_PARSE, WIRE_DUPLICATE_MEMBER, WIRE_TOO_DEEP, NUMBER_UNSAFE. */
  readJson(bytes: Uint8Array): unknown
  /** Requests per minute. */
  readonly rate: { readonly principal: number; readonly address: number }
  /** Milliseconds for a body to arrive. */
  readonly bodyTimeout: number
}
