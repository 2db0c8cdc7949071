// A gateway without listeners: started whole, reloaded by swapping generations, closed in reverse order.
import type { RequestHandler } from 'express'
import { type AdminHandle, adminMiddleware, type Readiness } from '../admin/server.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { createDisposer, type Disposer } from '../base/dispose.ts'
import { AppError } from '../base/errors.ts'
import type { Logger, LogLevel } from '../base/log.ts'
import type { ConfigDiff } from '../config/diff.ts'
import type { LoadedConfig } from '../config/load.ts'
import { shownConfig } from '../config/print.ts'
import type { Engine } from '../engine/engine.ts'
import { createDoors, type Doors } from '../gateway/endpoint/doors.ts'
import { asMiddleware } from '../gateway/http.ts'
import { serveStdio } from '../gateway/stdio.ts'
import type { PluginDefinition } from '../plugin.ts'
import type { Points } from '../points/table.ts'
import type { LineService, Pipes } from '../wire/line-service.ts'
import { type Assembly, retire } from './assemble.ts'
import type { IdentityParts } from './identity.ts'
import { createLog } from './log.ts'
import { type ReloadResult, rehearse, reload } from './reload.ts'
import { type Current, createRooms, putInForce, type Rooms, runningOf } from './rooms.ts'
import { configLoader, type GatewayConfig } from './sections.ts'
import type { Stdout } from './sinks.ts'
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
  /** In place of the section `identity`, for hosts that know who asks. */
  readonly identity?: IdentityParts
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
  /** /healthz, /readyz and /metrics as Express middleware. */
  admin(): RequestHandler
  /** Reads the file again and swaps generations; never rejects. `dryRun`: reads and judges, and swaps nothing. */
  reload(options?: { readonly dryRun?: boolean }): Promise<ReloadResult>
  /** Takes no more requests, waits for those in flight up to `limits.drain` or `hurry`, closes everything. Idempotent. */
  close(options?: { hurry?: Promise<void> }): Promise<void>
  readiness(): Readiness
  readonly engine: Engine<Points>
  /** What runs now: configuration, entries, servers. */
  state(): Assembly
  readonly log: Logger
  readonly clock: Clock
  readonly adminHandle: AdminHandle
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
  try {
    const rooms = await createRooms({ options, config, clock, log, current, owned, stdout })
    current.assembly = await rooms.build(loaded, undefined)
    return new LiveGateway({ rooms, current, owned, clock, log, read })
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}

function ownStdout(): Stdout {
  return { write: (bytes, done) => process.stdout.write(bytes, done) }
}

export function readConfig(
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
  readonly current: Current
  readonly owned: Disposer
  readonly clock: Clock
  readonly log: Logger
  readonly read: () => Promise<LoadedConfig<GatewayConfig>>
}

const CLOSING: ReloadResult = {
  outcome: 'refused',
  changed: [],
  reason: 'the gateway is shutting down',
}

class LiveGateway implements Gateway {
  readonly engine: Engine<Points>
  readonly log: Logger
  readonly clock: Clock
  readonly doors: Doors
  readonly adminHandle: AdminHandle
  readonly #parts: LiveParts
  #draining = false
  #closing: Promise<void> | undefined
  /** Reloads one after the other. */
  #reloading: Promise<unknown> = Promise.resolve()
  /** Old generations let go one after the other: a later one may own what an earlier one still uses. */
  #retiring: Promise<void> = Promise.resolve()

  constructor(parts: LiveParts) {
    this.#parts = parts
    this.engine = parts.rooms.engine
    this.log = parts.log
    this.clock = parts.clock
    this.doors = createDoors(parts.rooms.room)
    this.adminHandle = {
      metrics: () =>
        this.state().loaded.config.telemetry.prometheus
          ? parts.rooms.telemetry.prometheus()
          : undefined,
      readiness: () => this.readiness(),
    }
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
    })
  }

  reload({ dryRun = false }: { readonly dryRun?: boolean } = {}): Promise<ReloadResult> {
    const next = this.#reloading.then(() => {
      if (this.#closing) return CLOSING
      return dryRun ? rehearse(this.#reloadDeps()) : this.#reload()
    })
    this.#reloading = next.catch(() => {})
    return next
  }

  drain(): void {
    this.#draining = true
    this.doors.drain()
    this.#parts.rooms.room.listens.endAll()
  }

  close({ hurry }: { hurry?: Promise<void> } = {}): Promise<void> {
    this.drain()
    this.#closing ??= this.#close(hurry)
    return this.#closing
  }

  #reloadDeps() {
    const { rooms, read } = this.#parts
    return {
      current: () => this.state(),
      read,
      createId: rooms.room.createId,
      shown: shownConfig,
    }
  }

  async #reload(): Promise<ReloadResult> {
    const result = await reload({
      ...this.#reloadDeps(),
      build: this.#parts.rooms.build,
      swap: (next, diff) => this.#swap(next, diff),
    })
    this.#tell(result)
    return result
  }

  #swap(next: Assembly, diff: ConfigDiff): void {
    const { current, rooms } = this.#parts
    const old = putInForce(current, next, diff, rooms)
    this.#retiring = this.#retiring.then(() =>
      retire(old, next, {
        patience: (ms) => this.#wait(ms),
        observed: () => this.engine.observers.idle(),
        log: this.log,
      }),
    )
  }

  #tell({ outcome, changed, reason }: ReloadResult): void {
    const { telemetry, audit } = this.#parts.rooms
    if (outcome === 'unchanged') {
      this.log.info({}, 'reload: nothing has changed')
      return
    }
    const applied = outcome === 'applied'
    telemetry.configReload(applied ? 'ok' : 'refused')
    audit.write({
      kind: applied ? 'reload' : 'reload_refused',
      generation: this.state().runtime.generation.id,
      digest: this.#parts.rooms.digests.configuration(this.state().runtime.generation.id),
      changed,
      ...(reason ? { reason } : {}),
    })
    if (applied)
      this.log.info(
        { changed, generation: this.state().runtime.generation.id },
        'reload: the new configuration is in force',
      )
    else this.log.error({ reason }, 'reload refused: the old configuration stays in force')
  }

  async #close(hurry: Promise<void> = new Promise(() => {})): Promise<void> {
    const { current, rooms, owned } = this.#parts
    await this.#reloading
    const last = current.assembly
    if (last) {
      const drained = Promise.all([last.runtime.drained(), this.#retiring])
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
    await owned.dispose()
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }
}
