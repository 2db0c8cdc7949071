// What the admin room is handed by the application: the registry, the decision and everything else behind handles; types only.
import type { AuditReader } from '../audit/reader.ts'
import type { Clock } from '../base/clock.ts'
import type { JsonObject } from '../base/json.ts'
import type { Logger } from '../base/log.ts'
import type { Principal } from '../engine/context.ts'
import type { Authenticator, Decision, Target } from '../identity/access.ts'
import type { Kind, RightSpec } from '../identity/rights.ts'
import type { Registry } from '../registry/registry.ts'

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

/** The audit where it is kept: the reader of the audit room, as far as the API uses it. */
export type AuditRecords = Pick<AuditReader, 'search' | 'export'>

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
  /** Throws WIRE_INVALID_PARAMS that says what is wrong with the question. */
  explain(question: JsonObject): Promise<object>
  reload(options: { readonly dryRun: boolean }): Promise<object>
  /** Seals the secrets of the store under the first key. */
  reseal(by: { readonly principal: Principal; readonly requestId: string }): Promise<object>
  /** Has a server attested now. Rejects with API_NOT_FOUND when no appraisal policy is for it. */
  attest(server: string, how: { readonly newHardware: boolean }): Promise<object>
  /** How the last attestation of a server ended. Throws API_NOT_FOUND. */
  attested(server: string): object
  /** The configuration in force, secrets masked. */
  config(): object
  status(): object
  points(): readonly object[]
  /** Prometheus text; undefined when it is switched off. */
  metrics(): Promise<string> | string | undefined
  /** Undefined: no sink keeps the audit where it can be searched. */
  readonly audit: AuditRecords | undefined
}

/** Somebody who was not let in, or may not do what he asked for. Holds no credential. */
export interface Refusal {
  readonly code: 'AUTH_INVALID' | 'AUTH_DENIED'
  readonly reason: string
  readonly requestId: string
  readonly address: string | undefined
  /** Undefined: it is not known who it was. */
  readonly principal: Principal | undefined
  /** Of the route; undefined where there is none. */
  readonly operation: string | undefined
  readonly right: string | undefined
  readonly id: string | undefined
}

export interface ApiHandle extends ApiRooms {
  /** Told of each, for the audit; must not throw. */
  readonly refused?: ((refusal: Refusal) => void) | undefined
  readonly authenticator: Authenticator
  /** Decides about what is no entity, and passes the auth points; about entities the registry does. Rejects when it cannot be found out: that is no permission. */
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
