// The control plane of one gateway: store, follower and registry wired to what runs; opened only where the admin API is on.
import { randomUUID } from 'node:crypto'
import type { CursorSigner } from '../../admin/handle.ts'
import type { Audit } from '../../audit/audit.ts'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { LoadedConfig, Loader } from '../../config/load.ts'
import { shownForm } from '../../config/print.ts'
import type { Authorizer } from '../../identity/access.ts'
import { mintKey } from '../../identity/api-key.ts'
import type { Kind } from '../../identity/rights.ts'
import type { Override } from '../../registry/catalogue/gate.ts'
import type { KnownCatalogue } from '../../registry/catalogue/known.ts'
import { createStoreMemory, type StoreMemory } from '../../registry/catalogue/store-memory.ts'
import { declaredBodies, declaredEntities } from '../../registry/declared.ts'
import { createRegistry } from '../../registry/entities.ts'
import { createFollower, type Follower } from '../../registry/follow.ts'
import { type IdentityEntities, identityEntities } from '../../registry/identity.ts'
import { KIND_TABLE } from '../../registry/kinds.ts'
import { OVERLAID } from '../../registry/overlay.ts'
import type { Declared, RegistryDeps } from '../../registry/parts.ts'
import type { Registry, Resealer } from '../../registry/registry.ts'
import { keySource } from '../../store/keys.ts'
import { createStore } from '../../store/open.ts'
import { createSealer } from '../../store/seal.ts'
import type { Store } from '../../store/store.ts'
import { createShapeCheck } from '../admin/entity-checks.ts'
import type { Assembly } from '../generation/assemble.ts'
import type { GatewayConfig } from '../sections.ts'
import type { ControlStatus } from '../status.ts'
import { createSealedCursors } from './cursors.ts'
import type { Decide } from './decide.ts'
import { type Effective, effectiveConfig, nameOf } from './effective.ts'
import { createOffered } from './offered.ts'
import { overrideOf } from './overrides.ts'
import { entityStatus } from './status.ts'
import { togetherCheck } from './together.ts'

export interface Control {
  readonly store: Store
  readonly registry: Registry & Resealer
  /** Roles, grants, keys and principals of the store, for whoever authenticates and decides. */
  readonly identity: IdentityEntities
  /** What servers listed and what was decided about it, kept over restarts. */
  readonly catalogue: StoreMemory
  /** Cursors that every replica on this store can read. */
  readonly cursors: CursorSigner
  /** Who decides on the API plane in the generation that runs. */
  authorizer(): Authorizer
  /** The configuration with what the store adds; what does not fit waits. Throws CONFIG_INVALID. */
  effective(base: LoadedConfig<GatewayConfig>): Made
  /** Of this configuration's servers. Undefined: nobody overrides what they list. */
  override(loaded?: LoadedConfig<GatewayConfig>): Override | undefined
  /** What `made` said is in force, or why it is not. */
  settled(made: Pick<Made, 'revision' | 'waiting'> | undefined, reason?: string): void
  status(): ControlStatus
  /** Resolves when what is in the store now has been read; never rejects. */
  look(): Promise<void>
  close(): Promise<void>
}

export interface Made extends Effective {
  /** Of the store, as of what was read. */
  readonly revision: number
}

export interface ControlDeps {
  readonly config: GatewayConfig
  readonly loader: Loader<GatewayConfig>
  readonly clock: Clock
  readonly log: Logger
  /** Is told of each write. */
  readonly told: RegistryDeps['audit']
  readonly audit: Pick<Audit, 'flush'>
  /** Between the auth points, by the rules of the generation that runs. */
  readonly decide: Decide
  readonly exceeds: RegistryDeps['exceeds']
  /** Who decides on the API plane in the generation that runs. */
  readonly authorizer: () => Authorizer
  /** Undefined before the first start. */
  readonly current: () => Assembly | undefined
  readonly base: () => LoadedConfig<GatewayConfig>
  /** Loads one entry or policy and lets it go again. Rejects with what is wrong with it. */
  probe(loaded: LoadedConfig<GatewayConfig>, name: string): Promise<void>
  /** What is known of what servers list. */
  readonly known: Pick<KnownCatalogue, 'seen'>
  /** What is in force has to be made anew. */
  changed(): void
  /** In place of the one that the configuration names. */
  readonly store?: Store | undefined
}

/** Rejects with STORE_UNAVAILABLE or STORE_SEALED: without what it holds, less would be in force than was written. */
export async function openControl(deps: ControlDeps): Promise<Control> {
  const { config, clock, log } = deps
  const store = deps.store ?? createStore(config.store, { clock })
  const sealer = createSealer(keySource(config.store))
  const follower = createFollower({
    store,
    sealer,
    clock,
    log,
    every: config.registry.follow,
    changed(kinds) {
      if ([...kinds].some((kind) => KIND_TABLE[kind].affects === 'generation')) deps.changed()
    },
  })
  try {
    await store.start()
    await follower.start()
  } catch (error) {
    follower.close()
    await store.close().catch(() => {})
    throw error
  }
  return new LiveControl(deps, { store, sealer, follower })
}

interface Opened extends Pick<RegistryDeps, 'store' | 'sealer'> {
  readonly follower: Follower
}

/** Kinds without which, or with two of which, nothing could be put in force; a change may be of one. */
const IN_TURN: readonly string[] = ['policy', 'plugin', 'change']

class LiveControl implements Control {
  readonly store: Store
  readonly registry: Registry & Resealer
  readonly identity: IdentityEntities
  readonly catalogue: StoreMemory
  readonly cursors: CursorSigner
  readonly #deps: ControlDeps
  readonly #follower: Follower
  #waiting: ReadonlyMap<string, string> = new Map()
  #revision = 0
  #turn: Promise<unknown> = Promise.resolve()
  #behind: string | undefined
  #declared: { readonly of: LoadedConfig<GatewayConfig>; readonly entities: Declared } | undefined

  constructor(deps: ControlDeps, { store, sealer, follower }: Opened) {
    this.#deps = deps
    this.store = store
    this.#follower = follower
    this.identity = identityEntities(follower)
    this.catalogue = createStoreMemory({ store, createId: randomUUID })
    this.cursors = createSealedCursors(sealer)
    const { config, loader, base, probe } = deps
    const registry = createRegistry({
      store,
      sealer,
      clock: deps.clock,
      createId: randomUUID,
      checks: {
        shape: createShapeCheck(),
        together: togetherCheck({
          loader,
          base,
          probe,
          entities: () => this.#entities(),
          server: (name) => deps.current()?.servers.get(name)?.upstream.info,
        }),
      },
      declared: {
        get: (kind, id) => this.#declaredNow().get(kind, id),
        list: (kind) => this.#declaredNow().list(kind),
      },
      offered: createOffered({ current: deps.current, followed: follower, known: deps.known }),
      ...deps.decide,
      exceeds: deps.exceeds,
      hold: () => holdOf(deps.current()),
      needsApproval: (kind) => (config.registry.approval as readonly Kind[]).includes(kind),
      count: (kind, tenant) =>
        tenant === undefined
          ? follower.count(kind)
          : follower.list(kind).filter((stored) => stored.tenant === tenant).length,
      issue: (kind, id) => (kind === 'key' ? newKey(id) : undefined),
      status: (kind, id) => this.#statusOf(kind, id),
      server: (name) => deps.current()?.servers.get(name)?.upstream.info,
      audit: deps.told,
      applied: () => void follower.look(),
    })
    this.registry = {
      ...registry,
      // whoever was told that it is written finds it so: a new key is one at once, a revoked one is none; and its record is kept
      write: (request, context) =>
        this.#inTurn(request.kind, async () => {
          const outcome = await registry.write(request, context)
          if (outcome.outcome === 'written' || outcome.outcome === 'pending')
            await Promise.all([follower.look(), deps.audit.flush()])
          return outcome
        }),
    }
  }

  authorizer(): Authorizer {
    return this.#deps.authorizer()
  }

  effective(base: LoadedConfig<GatewayConfig>): Made {
    const { revision } = this.#follower
    const made = effectiveConfig(this.#deps.loader, base, this.#entities())
    for (const [name, reason] of made.waiting)
      if (!this.#waiting.has(name))
        this.#deps.log.warn({ entity: name, reason }, 'an entity of the store is not in force')
    return { ...made, revision }
  }

  override(loaded = this.#deps.base()): Override | undefined {
    const owners = new Map(loaded.config.servers.map(({ name, tenant }) => [name, tenant]))
    return overrideOf(this.#follower, (name) =>
      owners.has(name) ? owners.get(name) : this.#follower.get('server', name)?.tenant,
    )
  }

  settled(made: Pick<Made, 'revision' | 'waiting'> | undefined, reason?: string): void {
    this.#behind = reason
    if (!made) return
    this.#waiting = made.waiting
    this.#revision = made.revision
  }

  status(): ControlStatus {
    return { healthy: this.#follower.healthy, revision: this.#revision, behind: this.#behind }
  }

  look(): Promise<void> {
    return this.#follower.look()
  }

  async close(): Promise<void> {
    this.#follower.close()
    await this.store.close()
  }

  /** Policies and entries are checked with all others: of two that do not go together the second has to see the first. */
  #inTurn<T>(kind: string, write: () => Promise<T>): Promise<T> {
    if (!IN_TURN.includes(kind)) return write()
    const written = this.#turn.then(write)
    this.#turn = written.catch(() => {})
    return written
  }

  #entities() {
    return OVERLAID.flatMap((kind) => this.#follower.list(kind))
  }

  #declaredNow(): Declared {
    const of = this.#deps.base()
    if (this.#declared?.of !== of)
      this.#declared = { of, entities: declaredEntities(declaredBodies(shownForm(of))) }
    return this.#declared.entities
  }

  #statusOf(kind: Kind, id: string) {
    const waits = this.#waiting.get(nameOf(kind, id))
    const declared = waits !== undefined && this.#declaredNow().get(kind, id) !== undefined
    return entityStatus(kind, id, {
      assembly: this.#deps.current(),
      reason: waits ?? this.#behind,
      waiting: waits !== undefined && !declared,
      shadowing: declared,
    })
  }
}

function holdOf(assembly: Assembly | undefined): ReturnType<RegistryDeps['hold']> {
  if (!assembly) return { generation: undefined, release() {} }
  return { generation: assembly.runtime.generation, release: assembly.runtime.pin() }
}

function newKey(id: string) {
  const { key, hash } = mintKey(id)
  return { managed: { hash }, once: { key } }
}
