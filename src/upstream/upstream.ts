// One configured server as the gateway sees it: its lanes by era, its status, its events; transports are below, policy is above.
// Over 300 lines because its lanes share one state: which of them is up decides what the others do.
import { createDeadlineWheel, type DeadlineWheel } from '../base/deadline.ts'
import { AppError, isAppError } from '../base/errors.ts'
import type { RpcError } from '../wire/message.ts'
import {
  type ChannelOptions,
  connectorOf,
  type LegacyConnector,
  openChannel,
} from './channel/connect.ts'
import type {
  Admission,
  Era,
  InstanceClient,
  Instances,
  Upstream,
  UpstreamDeps,
  UpstreamLink,
  UpstreamState,
  UpstreamStatus,
} from './client.ts'
import { createFollower, type Follower } from './follow.ts'
import { connectHttpModern } from './http/modern.ts'
import { createInstances, type Instance, instanceOver, type OwnedInstances } from './instances.ts'
import { type Connection, Lane } from './lane.ts'
import type { HttpOptions, ServerOptions } from './options.ts'
import { compositeOf, faultOf, linkEvents } from './report.ts'
import { createProcessGuard, type ProcessGuard } from './stdio/guard.ts'
import type { ProcessTransportDeps } from './transport.ts'
import { watchOver } from './watch.ts'

/** How long a legacy answer spares a server the probe when it is started anew. */
const EVIDENCE_MS = 60 * 60_000

const UNTOLD = { changed() {}, restarted() {} }

/** Starts nothing; `start` does. */
export function createUpstream(options: ServerOptions, deps: UpstreamDeps): Upstream {
  return new SupervisedUpstream(options, deps)
}

class SupervisedUpstream implements Upstream {
  readonly name: string
  readonly tags: readonly string[]
  readonly environment: string | undefined
  readonly tenant: string | undefined
  readonly info: Upstream['info']
  readonly kind: Upstream['kind']
  readonly required: boolean
  readonly admission: Admission
  readonly #options: ServerOptions
  readonly #deps: UpstreamDeps
  readonly #wheel: DeadlineWheel
  readonly #guard: ProcessGuard
  readonly #log: UpstreamDeps['log']
  readonly #eras = new Set<Era>()
  /**
   * http: legacy and modern, on the same url; of a modern server the legacy one is begun by `prepare`. stdio: whichever era
   * the process answers to; and, when that is modern, at once a second process for the legacy era, because a process is
   * pinned to the era of its first message. A legacy server has one process only. websocket: the same with connections.
   */
  readonly #first: Lane
  readonly #second: Lane
  readonly #instances: OwnedInstances | undefined
  /** Resources outlive links: what is followed is asked for again on the next one. */
  readonly #followers: Readonly<Record<Era, Follower>>
  /** One for all connections of the era, because it remembers what it found. */
  readonly #legacy: LegacyConnector
  #legacyUntil = 0
  #state: UpstreamState = 'stopped'
  #up = ','
  #since: number

  constructor(options: ServerOptions, deps: UpstreamDeps) {
    this.name = options.name
    this.tags = options.tags
    this.environment = options.environment
    this.tenant = options.tenant
    const { name, environment, tenant } = options
    const tags = Object.freeze([...options.tags])
    this.info = Object.freeze({ name, tags, environment, tenant })
    this.kind = options.kind
    this.required = options.required
    this.admission = deps.admission ?? 'admitted'
    this.#options = options
    this.#deps = deps
    this.#since = deps.clock.wall()
    this.#log = deps.log.child({ server: options.name })
    this.#wheel = deps.wheel ?? createDeadlineWheel(deps.clock)
    this.#guard = deps.guard ?? createProcessGuard({ clock: deps.clock, log: this.#log })
    const { per, max, idleStop } = options.pool
    if (per !== 'shared') {
      const make = (client: InstanceClient) => this.#instance(client)
      const { name: server } = options
      this.#instances = createInstances({ server, per, max, idleStop, clock: deps.clock, make })
    }
    this.#followers = { legacy: this.#follower(), modern: this.#follower() }
    this.#legacy = connectorOf(options, () => this.#isModern())
    if (options.kind === 'http') {
      this.#first = this.#lane((signal) => this.#connectLegacy(signal))
      this.#second = this.#lane((signal) => this.#connectModern(options, signal))
    } else {
      this.#first = this.#lane((signal) => this.#connectChannel(options, signal))
      this.#second = this.#lane((signal) => this.#connectLegacy(signal))
    }
  }

  get status(): UpstreamStatus {
    const error = this.#state === 'ready' ? undefined : faultOf(this.#lanes)
    return {
      state: this.#state,
      restarts: this.#first.restarts + this.#second.restarts,
      since: this.#since,
      eras: [...this.#eras],
      ...(error && { error: error.message }),
    }
  }

  link(era: Era): UpstreamLink | undefined {
    if (this.#first.link?.era === era) return this.#first.link
    return this.#second.link?.era === era ? this.#second.link : undefined
  }

  nearest(era: Era): UpstreamLink | undefined {
    return this.link(era) ?? this.#first.link ?? this.#second.link
  }

  async reach(era: Era, signal?: AbortSignal): Promise<UpstreamLink> {
    try {
      return await this.ready(era, signal)
    } catch (error) {
      if (!isAppError(error, 'UPSTREAM_ERA')) throw error
      return this.nearest(era) ?? this.ready(era === 'legacy' ? 'modern' : 'legacy', signal)
    }
  }

  get own(): Instances | undefined {
    return this.#instances
  }

  async ready(era: Era, signal?: AbortSignal): Promise<UpstreamLink> {
    if (this.admission === 'quarantined')
      throw new AppError('UPSTREAM_UNAVAILABLE', `server ${this.name} is quarantined`)
    const up = this.link(era)
    if (up) return up
    if (this.kind === 'http') return (era === 'legacy' ? this.#first : this.#second).ready(signal)
    const link = await this.#first.ready(signal)
    if (link.era === era) return link
    if (era === 'legacy') return this.#second.ready(signal)
    throw new AppError('UPSTREAM_ERA', `server ${this.name} does not speak the modern era`)
  }

  async prepare(era: Era): Promise<void> {
    if (this.admission === 'quarantined') return
    const { state } = this.#first
    // whoever comes while it is being found out waits for it, too
    if (era === 'legacy' && this.kind === 'http' && (state === 'idle' || state === 'starting'))
      await this.#first.start()
  }

  follow(era: Era, uri: string): Promise<RpcError | undefined> {
    return this.#followers[era].follow(uri)
  }

  unfollow(era: Era, uri: string): void {
    this.#followers[era].unfollow(uri)
  }

  async start(): Promise<void> {
    if (this.admission === 'quarantined') return
    // a server of the modern era is not to see an initialize before somebody of the other era has come
    if (this.kind === 'http') await this.#second.start()
    if (!this.#second.link) await this.#first.start()
    // the other process of a dual-era server was begun when the first one answered
    if (this.#second.state === 'starting') await this.#second.start()
  }

  async close(): Promise<void> {
    await Promise.all([this.#instances?.close(), this.#first.close(), this.#second.close()])
    if (!this.#deps.guard) this.#guard.close()
  }

  #lane(connect: (signal: AbortSignal) => Promise<Connection>): Lane {
    return this.#laneOf((signal) => this.#watched(connect, signal), {
      changed: () => this.#changed(),
      restarted: () => this.#deps.events.restart(this),
    })
  }

  #laneOf(
    connect: (signal: AbortSignal) => Promise<Connection>,
    told: { changed(): void; restarted(): void } = UNTOLD,
  ): Lane {
    const { clock, limits } = this.#deps
    const { restart, timeout } = this.#options.health
    return new Lane({
      name: this.name,
      clock,
      random: this.#deps.random ?? Math.random,
      restart,
      // asking over HTTP is one request; a stdio server shows another era only when it is started anew, see below
      recheck: this.#options.kind === 'http' && this.#options.transport !== 'sse',
      // two probes, one initialize, and what a process needs to start
      connectTimeout: limits.requestTimeout + 2 * timeout + 1000,
      connect,
      ...told,
    })
  }

  #follower(): Follower {
    return createFollower({ log: this.#log, timeout: this.#deps.limits.requestTimeout })
  }

  /** A connection for one client: the legacy era, no probes of its own, started anew when it is lost and asked for. */
  #instance(client: InstanceClient): Instance {
    let connection: Connection | undefined
    const follower = this.#follower()
    const lane = this.#laneOf(async (signal) => {
      connection = await this.#legacy(this.#transport(client, follower), signal)
      void connection.lost.then(follower.attach(connection.link))
      return connection
    })
    return instanceOver(lane, follower, () => connection?.idle() === 0)
  }

  async #watched(
    connect: (signal: AbortSignal) => Promise<Connection>,
    signal: AbortSignal,
  ): Promise<Connection> {
    const connection = await connect(signal)
    const { link } = connection
    this.#eras.add(link.era)
    const { name, version } = link.serverInfo ?? {}
    const fields = { era: link.era, revision: link.revision, name, version }
    this.#log.debug(fields, 'the server is up')
    const { clock, clientInfo, limits, events, random = Math.random } = this.#deps
    watchOver(connection, signal, {
      clock,
      clientInfo,
      random,
      log: this.#log,
      health: this.#options.health,
      timeout: limits.requestTimeout,
      follower: this.#followers[link.era],
      notification: (message) => events.notification(this, link, message),
    })
    return connection
  }

  async #connectChannel(options: ChannelOptions, signal: AbortSignal): Promise<Connection> {
    const now = this.#deps.clock.now()
    const known = now < this.#legacyUntil ? 'legacy' : undefined
    const connection = await openChannel(options, this.#transport(), known, signal)
    if (connection.link.era === 'legacy') {
      if (!known) this.#legacyUntil = now + EVIDENCE_MS
    } else if (this.#second.state === 'idle' || this.#second.state === 'absent')
      void this.#second.start()
    return connection
  }

  /** Of a server over HTTP, once the attempt that is under way has ended. */
  async #isModern(): Promise<boolean> {
    if (this.#second.state === 'starting') await this.#second.start()
    return this.#second.link !== undefined
  }

  #connectLegacy(signal: AbortSignal): Promise<Connection> {
    return this.#noted('legacy', this.#legacy(this.#transport(), signal))
  }

  async #connectModern(options: HttpOptions, signal: AbortSignal): Promise<Connection> {
    if (options.transport === 'sse')
      throw new AppError('UPSTREAM_ERA', `server ${this.name} is spoken to in the legacy era only`)
    return this.#noted('modern', connectHttpModern(options, this.#transport(), signal))
  }

  async #noted(era: Era, connecting: Promise<Connection>): Promise<Connection> {
    try {
      return await connecting
    } catch (error) {
      if (isAppError(error, 'UPSTREAM_ERA')) this.#eras.delete(era)
      throw error
    }
  }

  #transport(client?: InstanceClient, follower?: Follower): ProcessTransportDeps {
    const { clock, limits, clientInfo, events } = this.#deps
    const of = (era: Era) => follower ?? this.#followers[era]
    return {
      clock,
      limits,
      clientInfo,
      capabilities: client?.capabilities ?? {},
      wheel: this.#wheel,
      guard: this.#guard,
      log: this.#log,
      environment: this.#deps.environment ?? process.env,
      events: linkEvents(this, events, client, of),
    }
  }

  get #lanes(): readonly Lane[] {
    return [this.#first, this.#second]
  }

  #changed(): void {
    // found out later than at the start
    if (this.kind === 'http' && this.#second.state === 'absent' && this.#first.state === 'idle')
      void this.#first.start()
    const state = compositeOf(this.#lanes)
    // an era that comes or goes changes what the server is good for, though it may be ready all the while
    const up = this.#lanes.map(({ link }) => link?.era).join()
    if (state === this.#state && up === this.#up) return
    if (state !== this.#state) this.#since = this.#deps.clock.wall()
    this.#state = state
    this.#up = up
    this.#deps.events.state(this)
  }
}
