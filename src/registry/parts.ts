// What the registry is handed: store, decisions, checks, the running generation; interfaces only, so that it imports none of them.
import type { Clock } from '../base/clock.ts'
import type { JsonObject } from '../base/json.ts'
import type { Principal, ServerInfo } from '../engine/context.ts'
import type { Generation } from '../engine/engine.ts'
import type { Decision, Target } from '../identity/access.ts'
import type { Kind, Right } from '../identity/rights.ts'
import type { Points } from '../points/table.ts'
import type { Store } from '../store/store.ts'
import type { Entity } from './registry.ts'
import type { BodyProblem, Sealer } from './secrets.ts'

/** One entity as it would be; without a body: gone. */
export interface Prospect {
  readonly kind: Kind
  readonly id: string
  readonly tenant: string | undefined
  readonly body: JsonObject | undefined
}

/** What is wrong with an entity: validators compiled elsewhere, from the schemas that the configuration has, too. */
export interface Checks {
  shape(kind: Kind, body: JsonObject): readonly BodyProblem[]
  /** With all that is in force: names and paths that are taken, what a plugin makes of its settings. */
  together(prospect: Prospect): Promise<readonly BodyProblem[]>
}

/** What the configuration declares; it is read-only here. */
export interface Declared {
  get(kind: Kind, id: string): Entity | undefined
  /** In the order of their ids. */
  list(kind: Kind): readonly Entity[]
}

/** What servers list, with what operators say of it: there without anybody having written it. */
export interface Offered {
  /** All of a kind, in no order; undefined: servers list nothing of this kind. */
  list(kind: Kind): Promise<readonly Entity[]> | undefined
  find(kind: Kind, id: string): Promise<Entity | undefined>
}

/** What is made when one is created: members that are kept, and what the caller is shown once. */
export interface Issued {
  readonly managed: JsonObject
  readonly once: JsonObject
}

/** `repeated`: the request had been carried out before, and was answered as then. */
export type RegistryOutcome = 'written' | 'vetoed' | 'failed' | 'pending' | 'dry_run' | 'repeated'

/** For the audit: who did what to which entity, and how it ended. No bodies. */
export interface RegistryEvent {
  readonly action: 'create' | 'update' | 'remove' | 'refuse' | 'reseal'
  readonly kind: string
  readonly id: string
  readonly tenant: string | undefined
  readonly principal: Principal
  readonly requestId: string
  readonly surface: string
  readonly outcome: RegistryOutcome
  readonly version?: number | undefined
  readonly revision?: number | undefined
  /** Names of the members of the body that are others than before. */
  readonly changed?: readonly string[] | undefined
  /** Of the generation that judged. */
  readonly generation?: number | undefined
  /** The entry that vetoed. */
  readonly entry?: string | undefined
  readonly code?: string | undefined
  readonly reason?: string | undefined
  /** Whose change it was, where somebody else approved or refused it. */
  readonly author?: string | undefined
}

export interface Asker {
  readonly principal: Principal
  readonly requestId: string
  readonly surface: string
}

export interface Held {
  readonly generation: Generation<Points> | undefined
  release(): void
}

export interface RegistryDeps {
  readonly store: Store
  readonly sealer: Sealer
  readonly clock: Clock
  readonly createId: () => string
  readonly checks: Checks
  readonly declared: Declared
  readonly offered: Offered
  /** The decision, with its points: once for each operation. Rejects with the fault of a plugin. */
  authorize(by: Asker, action: Right, target: Target): Decision | Promise<Decision>
  /** The same about each of several, in one check. */
  authorizeAll(
    by: Asker,
    action: Right,
    targets: readonly Target[],
  ): Promise<readonly Decision[]> | readonly Decision[]
  /** What the rules alone say, for whether something is there at all for the caller; no point hears of it. */
  rules(principal: Principal, action: Right, target: Target): Decision
  /** The first right that this would give to somebody and that who writes it may not give; undefined: none. */
  exceeds(by: Principal, given: Pick<Prospect, 'kind' | 'tenant' | 'body'>): string | undefined
  /** The generation that runs, kept until it is released. */
  hold(): Held
  /** Whether a second person has to agree. */
  needsApproval(kind: Kind): boolean
  /** How many there are, of the tenant if there is one, as far as is known here. */
  count(kind: Kind, tenant?: string | undefined): number
  issue(kind: Kind, id: string, body: JsonObject): Issued | undefined
  /** State of it that nobody writes. */
  status(kind: Kind, id: string): JsonObject | undefined
  /** What conditions know of a server. */
  server(name: string): ServerInfo | undefined
  audit(event: RegistryEvent): void
  /** Something was committed. */
  applied(revision: number): void
}
