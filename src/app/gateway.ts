// A gateway without listeners: started whole, reloaded by swapping generations, closed in reverse order.
// Over 300 lines because what a host is offered, and what is built and ended for it, have to be read together.
import type { RequestHandler } from 'express'
import { type AdminHandle, adminMiddleware, type Readiness } from '../admin/server.ts'
import type { AuditReader } from '../audit/reader.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { createDisposer, type Disposer } from '../base/dispose.ts'
import { AppError } from '../base/errors.ts'
import type { Logger, LogLevel } from '../base/log.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Engine } from '../engine/engine.ts'
import { createDoors, type Doors } from '../gateway/endpoint/doors.ts'
import { asMiddleware } from '../gateway/http.ts'
import { serveStdio } from '../gateway/stdio.ts'
import type { PluginDefinition } from '../plugin.ts'
import type { Points } from '../points/table.ts'
import type { Store } from '../store/store.ts'
import type { LineService, Pipes } from '../wire/line-service.ts'
import type { TokenReceiver } from './admin/first-token.ts'
import type { Attestation } from './attestation/attestation.ts'
import type { Control } from './control/control.ts'
import { type Assembly, retire } from './generation/assemble.ts'
import { type ApiAccess, begin } from './generation/begin.ts'
import { Generations } from './generation/generations.ts'
import type { ReloadResult } from './generation/reload.ts'
import type { IdentityRoom } from './identity.ts'
import { createLog } from './log.ts'
import { type Stdout, storePlace } from './report/sinks.ts'
import { tellLife } from './report/told.ts'
import { type Current, type Rooms, runningOf } from './rooms.ts'
import { configLoader, type GatewayConfig } from './sections.ts'
import { readinessOf } from './status.ts'

export { BUILT_IN } from './rooms.ts'
export { SELF } from './self.ts'

export interface GatewayOptions {
  /** The configuration as an object of the shape of the file; nothing is substituted in it. */
  readonly config?: unknown
  /** Or a YAML file; only a file can be reloaded. */
  readonly configFile?: string
  readonly profile?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Overrides by path, such as `{ 'listen.port': 0 }`. */
  readonly flags?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Plugins in code, under the same two gates as all others. */
  readonly plugins?: readonly PluginDefinition[]
  /** Entries and policies to leave out although they are configured: breaks the glass, audited, shown on /readyz. */
  readonly unsafeWithout?: readonly string[]
  readonly log?: Logger
  readonly clock?: Clock
  /** In place of the database that the section `store` names; used only with `admin.api`. */
  readonly store?: Store
  /**
   * Takes the first admin token, which is made when the API is on and nobody has a key with the role admin. Without it none is made;
   * `startGateway` writes it to a file beside the database.
   */
  readonly onFirstToken?: TokenReceiver
  /** In place of the section `identity`, for hosts that know who asks. */
  readonly identity?: IdentityRoom
}

/** A gateway without listeners. */
export interface Gateway {
  /**
   * The MCP endpoint as Express middleware, for any path, also behind `express.json()`: the gateway as a whole with whatever the
   * configuration has at its paths, or one virtual server. Throws CONFIG_INVALID when there is none of that name.
   */
  mcp(options?: { readonly virtualServer?: string }): RequestHandler
  /** The MCP endpoint for one client on a pair of pipes. */
  stdio(pipes: Pipes): LineService
  /** /healthz, /readyz, /metrics and, with `admin.api`, the admin API as Express middleware. */
  admin(): RequestHandler
  /** Reads the file again and swaps generations; never rejects. `dryRun`: reads and judges, and swaps nothing. */
  reload(options?: { readonly dryRun?: boolean }): Promise<ReloadResult>
  /** Puts what the store holds in force, at once and not when it has been noticed; never rejects. */
  apply(): Promise<ReloadResult>
  /** Resolves when nothing of old generations is left. */
  retired(): Promise<void>
  /** Takes no more requests, waits for those in flight up to `limits.drain` or `hurry`, closes everything. Idempotent. */
  close(options?: { hurry?: Promise<void> }): Promise<void>
  readiness(): Readiness
  readonly engine: Engine<Points>
  /** What runs now: configuration, entries, servers. */
  state(): Assembly
  readonly log: Logger
  readonly clock: Clock
  readonly adminHandle: AdminHandle
  /** Entities and the one way to change them; undefined without `admin.api`. */
  readonly control: Control | undefined
  /** Who may serve: has a server attested now. */
  readonly attestation: Pick<Attestation, 'attest' | 'attested'>
  /** What `mcp()` wraps, for a server without Express. */
  readonly doors: Doors
  /** From now on not ready: load balancers stop sending. */
  drain(): void
}

/**
 * Loads the configuration, plugins and servers. Rejects with CONFIG_INVALID, PLUGIN_GATE, PLUGIN_LOAD, UPSTREAM_UNAVAILABLE and
 * the like when it must not start; nothing is left running then.
 */
export async function createGateway(
  options: GatewayOptions,
  stdout: Stdout = ownStdout(),
): Promise<Gateway> {
  const loader = configLoader()
  const read = () => readConfig(loader, options)
  const loaded = await read()
  const { config } = loaded
  const clock = options.clock ?? systemClock
  const log = options.log ?? createLog(config.telemetry.log.level as LogLevel)
  const owned = createDisposer()
  const current: Current = { assembly: undefined }
  let gateway: LiveGateway | undefined
  let early = false
  const changed = () => {
    if (gateway) void gateway.apply()
    else early = true
  }
  try {
    const begun = await begin({
      options,
      loader,
      loaded,
      clock,
      log,
      current,
      owned,
      changed,
      stdout,
    })
    gateway = new LiveGateway({
      ...begun,
      current,
      owned,
      clock,
      log,
      read,
      ownIdentity: options.identity !== undefined,
    })
    await gateway.serveApi(options.onFirstToken)
    gateway.ready()
    // written while the first generation was being built
    if (early) void gateway.apply()
    return gateway
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}

function ownStdout(): Stdout {
  return { write: (bytes, done) => process.stdout.write(bytes, done) }
}

export async function readConfig(
  loader: ReturnType<typeof configLoader>,
  options: GatewayOptions,
): Promise<LoadedConfig<GatewayConfig>> {
  const loaded = await readOwn(loader, options)
  if (loaded.config.attestation === undefined) return loaded
  const { withCompanions } = await import('./attestation/companions.ts')
  return withCompanions(loader, loaded)
}

function readOwn(
  loader: ReturnType<typeof configLoader>,
  options: GatewayOptions,
): Promise<LoadedConfig<GatewayConfig>> {
  const { configFile, config, profile, env = process.env, flags } = options
  if (configFile !== undefined)
    return loader.load({ file: configFile, profile, env, ...(flags ? { flags } : {}) })
  return Promise.resolve().then(() => loader.fromObject(config ?? { version: 1 }))
}

interface LiveParts {
  readonly rooms: Rooms
  readonly control: Control | undefined
  readonly access: ApiAccess | undefined
  readonly ownIdentity: boolean
  readonly current: Current
  readonly owned: Disposer
  readonly clock: Clock
  readonly log: Logger
  readonly read: () => Promise<LoadedConfig<GatewayConfig>>
}

class LiveGateway implements Gateway {
  readonly engine: Engine<Points>
  readonly log: Logger
  readonly clock: Clock
  readonly doors: Doors
  adminHandle: AdminHandle
  readonly control: Control | undefined
  readonly attestation: Pick<Attestation, 'attest' | 'attested'>
  readonly #parts: LiveParts
  #draining = false
  #closing: Promise<void> | undefined
  readonly #generations: Generations

  constructor(parts: LiveParts) {
    this.#parts = parts
    this.engine = parts.rooms.engine
    this.control = parts.control
    this.attestation = parts.rooms.attestation
    this.#generations = new Generations({ ...parts, closing: () => this.#closing !== undefined })
    this.log = parts.log
    this.clock = parts.clock
    this.doors = createDoors(parts.rooms.room)
    this.adminHandle = {
      metrics: () =>
        this.state().loaded.config.telemetry.prometheus
          ? parts.rooms.telemetry.prometheus()
          : undefined,
      readiness: () => this.readiness(),
      api: undefined,
    }
  }

  /** What the API can search: only where a sink keeps it in the store. */
  async #keptAudit(): Promise<AuditReader | undefined> {
    const { audit, store } = this.state().loaded.config
    if (!audit.sinks.some(({ type }) => type === 'store')) return undefined
    const { createAuditReader } = await import('../store/audit/reader.ts')
    const reader = createAuditReader(storePlace(store), this.clock)
    this.#parts.owned.defer(() => reader.close())
    return reader
  }

  /** With `admin.api`: loads the API, and makes the first key where nobody has one. */
  async serveApi(receive: TokenReceiver | undefined): Promise<void> {
    const { control, access, rooms } = this.#parts
    if (!control || !access) return
    const { clock, log, adminHandle } = this
    const { createId } = rooms.room
    const { createAdminApi } = await import('./admin/admin.ts')
    const api = await createAdminApi({
      ...access,
      registry: control.registry,
      authorizer: () => control.authorizer(),
      cursors: control.cursors,
      audit: await this.#keptAudit(),
      state: () => this.state(),
      readiness: () => this.readiness(),
      reload: (options) => this.reload(options),
      metrics: adminHandle.metrics,
      records: rooms.audit,
      attestation: rooms.attestation,
      clock,
      log,
      createId,
    })
    this.adminHandle = { ...adminHandle, api }
    // a host that knows who asks has given its people what they need
    if (this.#parts.ownIdentity || !receive) return
    const { ensureFirstToken } = await import('./admin/first-token.ts')
    const { config } = this.state().loaded
    const { registry } = control
    const now = clock.wall
    await ensureFirstToken({ registry, config, log, now, createId, receive })
  }

  mcp({ virtualServer }: { readonly virtualServer?: string } = {}): RequestHandler {
    if (virtualServer !== undefined && !this.state().runtime.virtualServers.has(virtualServer))
      throw new AppError('CONFIG_INVALID', `there is no virtual server ${virtualServer}`)
    return asMiddleware(this.doors, virtualServer)
  }

  stdio(pipes: Pipes): LineService {
    return serveStdio(this.#parts.rooms.room, pipes)
  }

  admin(): RequestHandler {
    return adminMiddleware(this.adminHandle)
  }

  state(): Assembly {
    return runningOf(this.#parts.current)
  }

  readiness(): Readiness {
    const { rooms, current } = this.#parts
    return readinessOf(current.assembly, {
      draining: this.#draining,
      auditHealthy: rooms.audit.healthy,
      stats: rooms.engine.stats,
      control: this.control?.status(),
    })
  }

  reload(options: { readonly dryRun?: boolean } = {}): Promise<ReloadResult> {
    return this.#generations.reload(options)
  }

  retired(): Promise<void> {
    return this.#generations.retired()
  }

  apply(): Promise<ReloadResult> {
    return this.#generations.apply()
  }

  ready(): void {
    const { audit, digests } = this.#parts.rooms
    const { id } = this.state().runtime.generation
    tellLife(audit, 'ready', { generation: id, digest: digests.configuration(id) })
  }

  drain(): void {
    if (!this.#draining) tellLife(this.#parts.rooms.audit, 'drain')
    this.#draining = true
    this.doors.drain()
    this.#parts.rooms.room.listens.endAll()
  }

  close({ hurry }: { hurry?: Promise<void> } = {}): Promise<void> {
    this.drain()
    this.#closing ??= this.#close(hurry)
    return this.#closing
  }

  async #close(hurry: Promise<void> = new Promise(() => {})): Promise<void> {
    const { current, rooms, owned } = this.#parts
    await this.#generations.reloaded()
    const last = current.assembly
    if (last) {
      const drained = Promise.all([last.runtime.drained(), this.#generations.retired()])
      await Promise.race([drained, this.#wait(last.loaded.config.limits.drain), hurry])
      for (const { entry, point, since } of this.engine.inflight) {
        this.log.warn(
          { entry, point, ms: Math.round(this.clock.now() - since) },
          'a plugin has not answered at shutdown',
        )
      }
      rooms.room.sessions.close()
      await rooms.engine.observers.idle()
      current.assembly = undefined
      const now = { patience: async () => {}, observed: async () => {}, log: this.log }
      await retire(last, undefined, now)
    }
    tellLife(rooms.audit, 'stop')
    await owned.dispose()
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }
}
