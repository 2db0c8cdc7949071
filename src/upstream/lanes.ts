// The lanes of one server, by era, of which one decides what the other does; whether it is admitted, and what it is called, is above.
import type { DeadlineWheel } from '../base/deadline.ts'
import { AppError, isAppError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Doorway } from './admission/door.ts'
import { type ChannelOptions, type LegacyConnector, openChannel } from './channel/connect.ts'
import type {
  Era,
  InstanceClient,
  Upstream,
  UpstreamDeps,
  UpstreamLink,
  UpstreamState,
} from './client.ts'
import { createFollower, type Follower } from './follow.ts'
import { connectHttpModern } from './http/modern.ts'
import { type Instance, instanceOver } from './instances.ts'
import { type Connection, Lane } from './lane.ts'
import type { HttpOptions, ServerOptions } from './options.ts'
import { compositeOf, faultOf, linkEvents } from './report.ts'
import type { ProcessGuard } from './stdio/guard.ts'
import type { Peer } from './tls/peer.ts'
import type { ProcessTransportDeps } from './transport.ts'
import { watchOver } from './watch/watch.ts'

/** How long a legacy answer spares a server the probe when it is started anew. */
const EVIDENCE_MS = 60 * 60_000

const UNTOLD = { changed() {}, restarted() {} }

/** What all lanes of one server are made with. */
export interface LanesDeps extends UpstreamDeps {
  readonly wheel: DeadlineWheel
  readonly guard: ProcessGuard
  readonly log: Logger
  readonly door: Doorway
  readonly peer: Peer
  /** Whom events are told of. */
  readonly upstream: Upstream
  /** One for all connections of the era, because it remembers what it found. */
  readonly legacy: LegacyConnector
  /** Resources outlive links: what is followed is asked for again on the next one. */
  readonly followers: Readonly<Record<Era, Follower>>
  /** The eras it is known to speak; kept up to date. */
  readonly eras: Set<Era>
  changed(lanes: Lanes): void
}

export class Lanes {
  readonly #options: ServerOptions
  readonly #deps: LanesDeps
  /**
   * http: legacy and modern, on the same url; of a modern server the legacy one is begun by `prepare`. stdio: whichever era
   * the process answers to; and, when that is modern, at once a second process for the legacy era, because a process is
   * pinned to the era of its first message. A legacy server has one process only. websocket: the same with connections.
   */
  readonly #first: Lane
  readonly #second: Lane
  #legacyUntil = 0

  constructor(options: ServerOptions, deps: LanesDeps) {
    this.#options = options
    this.#deps = deps
    if (options.kind === 'http') {
      this.#first = this.#lane((signal) => this.#connectLegacy(signal))
      this.#second = this.#lane((signal) => this.#connectModern(options, signal))
    } else {
      this.#first = this.#lane((signal) => this.#connectChannel(options, signal))
      this.#second = this.#lane((signal) => this.#connectLegacy(signal))
    }
  }

  get state(): UpstreamState {
    return compositeOf(this.#both)
  }

  get fault(): AppError | undefined {
    return faultOf(this.#both)
  }

  get restarts(): number {
    return this.#first.restarts + this.#second.restarts
  }

  /** Which eras are up, as one text to compare. */
  get up(): string {
    return this.#both.map(({ link }) => link?.era).join()
  }

  link(era: Era): UpstreamLink | undefined {
    if (this.#first.link?.era === era) return this.#first.link
    return this.#second.link?.era === era ? this.#second.link : undefined
  }

  nearest(era: Era): UpstreamLink | undefined {
    return this.link(era) ?? this.#first.link ?? this.#second.link
  }

  async ready(era: Era, signal?: AbortSignal): Promise<UpstreamLink> {
    const up = this.link(era)
    if (up) return up
    const { kind, name } = this.#options
    if (kind === 'http') return (era === 'legacy' ? this.#first : this.#second).ready(signal)
    const link = await this.#first.ready(signal)
    if (link.era === era) return link
    if (era === 'legacy') return this.#second.ready(signal)
    throw new AppError('UPSTREAM_ERA', `server ${name} does not speak the modern era`)
  }

  async prepare(era: Era): Promise<void> {
    const { state } = this.#first
    // whoever comes while it is being found out waits for it, too
    const undecided = state === 'idle' || state === 'starting'
    if (era === 'legacy' && this.#options.kind === 'http' && undecided) await this.#first.start()
  }

  async start(): Promise<void> {
    // a server of the modern era is not to see an initialize before somebody of the other era has come
    if (this.#options.kind === 'http') await this.#second.start()
    if (!this.#second.link) await this.#first.start()
    // the other process of a dual-era server was begun when the first one answered
    if (this.#second.state === 'starting') await this.#second.start()
  }

  async close(): Promise<void> {
    await Promise.all([this.#first.close(), this.#second.close()])
  }

  /** Of a server over HTTP, once the attempt that is under way has ended. */
  async isModern(): Promise<boolean> {
    if (this.#second.state === 'starting') await this.#second.start()
    return this.#second.link !== undefined
  }

  /** A connection for one client: the legacy era, no probes of its own, started anew when it is lost and asked for. */
  instance(client: InstanceClient): Instance {
    let connection: Connection | undefined
    const { log, limits, legacy } = this.#deps
    const follower = createFollower({ log, timeout: limits.requestTimeout })
    const lane = this.#laneOf(async (signal) => {
      connection = await legacy(this.#transport(client, follower), signal)
      void connection.lost.then(follower.attach(connection.link))
      return connection
    })
    return instanceOver(lane, follower, () => connection?.idle() === 0)
  }

  get #both(): readonly Lane[] {
    return [this.#first, this.#second]
  }

  #lane(connect: (signal: AbortSignal) => Promise<Connection>): Lane {
    const { events, upstream } = this.#deps
    return this.#laneOf((signal) => this.#watched(connect, signal), {
      changed: () => this.#changed(),
      restarted: () => events.restart(upstream),
    })
  }

  #laneOf(
    connect: (signal: AbortSignal) => Promise<Connection>,
    told: { changed(): void; restarted(): void } = UNTOLD,
  ): Lane {
    const { clock, limits, door, random = Math.random } = this.#deps
    const { restart, timeout } = this.#options.health
    return new Lane({
      name: this.#options.name,
      door,
      clock,
      random,
      restart,
      // asking over HTTP is one request; a stdio server shows another era only when it is started anew, see below
      recheck: this.#options.kind === 'http' && this.#options.transport !== 'sse',
      // two probes, one initialize, and what a process needs to start
      connectTimeout: limits.requestTimeout + 2 * timeout + 1000,
      connect,
      ...told,
    })
  }

  async #watched(
    connect: (signal: AbortSignal) => Promise<Connection>,
    signal: AbortSignal,
  ): Promise<Connection> {
    const connection = await connect(signal)
    const { link } = connection
    // given up meanwhile: whoever did closes it
    if (signal.aborted) return connection
    const { clock, clientInfo, limits, events, log, upstream, random = Math.random } = this.#deps
    this.#deps.eras.add(link.era)
    const { name, version } = link.serverInfo ?? {}
    log.debug({ era: link.era, revision: link.revision, name, version }, 'the server is up')
    watchOver(connection, signal, {
      clock,
      clientInfo,
      random,
      log,
      health: this.#options.health,
      timeout: limits.requestTimeout,
      follower: this.#deps.followers[link.era],
      notification: (message) => events.notification(upstream, link, message),
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

  #connectLegacy(signal: AbortSignal): Promise<Connection> {
    return this.#noted('legacy', this.#deps.legacy(this.#transport(), signal))
  }

  async #connectModern(options: HttpOptions, signal: AbortSignal): Promise<Connection> {
    if (options.transport === 'sse')
      throw new AppError(
        'UPSTREAM_ERA',
        `server ${options.name} is spoken to in the legacy era only`,
      )
    return this.#noted('modern', connectHttpModern(options, this.#transport(), signal))
  }

  async #noted(era: Era, connecting: Promise<Connection>): Promise<Connection> {
    try {
      return await connecting
    } catch (error) {
      if (isAppError(error, 'UPSTREAM_ERA')) this.#deps.eras.delete(era)
      throw error
    }
  }

  #transport(client?: InstanceClient, follower?: Follower): ProcessTransportDeps {
    const { clock, limits, clientInfo, events, upstream, followers } = this.#deps
    const { door, peer, wheel, guard, log, environment = process.env } = this.#deps
    const of = (era: Era) => follower ?? followers[era]
    return {
      door,
      peer,
      clock,
      limits,
      clientInfo,
      capabilities: client?.capabilities ?? {},
      wheel,
      guard,
      log,
      environment,
      events: linkEvents(upstream, events, client, of),
    }
  }

  #changed(): void {
    // found out later than at the start
    const { kind } = this.#options
    if (kind === 'http' && this.#second.state === 'absent' && this.#first.state === 'idle')
      void this.#first.start()
    this.#deps.changed(this)
  }
}
