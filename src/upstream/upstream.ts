// One configured server as the gateway sees it: whether it may serve, its status, its events; its lanes are below, policy is above.
import { createDeadlineWheel } from '../base/deadline.ts'
import { type AppError, isAppError, messageOf } from '../base/errors.ts'
import type { RpcError } from '../wire/message.ts'
import { Door } from './admission/door.ts'
import { connectorOf } from './channel/connect.ts'
import type {
  Admission,
  Era,
  Instances,
  PeerTrust,
  Upstream,
  UpstreamDeps,
  UpstreamLink,
  UpstreamState,
  UpstreamStatus,
} from './client.ts'
import { createFollower, type Follower } from './follow.ts'
import { createInstances, type OwnedInstances } from './instances.ts'
import { Lanes, type LanesDeps } from './lanes.ts'
import type { ServerOptions } from './options.ts'
import { createProcessGuard } from './stdio/guard.ts'
import { Peer } from './tls/peer.ts'

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
  readonly #options: ServerOptions
  readonly #deps: LanesDeps
  readonly #ownsGuard: boolean
  readonly #door: Door
  readonly #peer: Peer
  readonly #eras = new Set<Era>()
  readonly #instances: OwnedInstances | undefined
  readonly #followers: Readonly<Record<Era, Follower>>
  /** Replaced whole by a quarantine: whatever is begun or up in the old ones ends. */
  #lanes: Lanes
  /** Lanes from before a quarantine that have not ended yet. */
  readonly #ending = new Set<Promise<void>>()
  #state: UpstreamState = 'stopped'
  #up: string
  #since: number
  /** Of lanes that have been replaced. */
  #restarts = 0
  /** Clients of the legacy era have come. */
  #prepared = false
  #closed = false

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
    this.#options = options
    this.#since = deps.clock.wall()
    this.#door = new Door(name, deps.admission ?? 'admitted', deps.admissionReason)
    this.#peer = new Peer({
      server: name,
      url: options.kind === 'stdio' ? undefined : options.url,
      trust: deps.trust ?? {},
      keyChanged: (spkiSha256) => deps.events.keyChanged(this, spkiSha256),
    })
    this.#ownsGuard = deps.guard === undefined
    const log = deps.log.child({ server: name })
    const follower = () => createFollower({ log, timeout: deps.limits.requestTimeout })
    this.#followers = { legacy: follower(), modern: follower() }
    this.#deps = {
      ...deps,
      log,
      wheel: deps.wheel ?? createDeadlineWheel(deps.clock),
      guard: deps.guard ?? createProcessGuard({ clock: deps.clock, log }),
      door: this.#door,
      peer: this.#peer,
      upstream: this,
      legacy: connectorOf(options, () => this.#lanes.isModern()),
      followers: this.#followers,
      eras: this.#eras,
      changed: (lanes) => lanes === this.#lanes && this.#changed(),
    }
    this.#lanes = new Lanes(options, this.#deps)
    this.#up = this.#lanes.up
    this.#instances = this.#ownInstances()
  }

  get admission(): Admission {
    return this.#door.admission
  }

  get admissionReason(): string | undefined {
    return this.#door.reason
  }

  get refusal(): AppError | undefined {
    return this.#door.refusal
  }

  get status(): UpstreamStatus {
    const error = this.#state === 'ready' ? undefined : this.#lanes.fault
    return {
      state: this.#state,
      restarts: this.#restarts + this.#lanes.restarts,
      since: this.#since,
      eras: [...this.#eras],
      ...(error && { error: error.message }),
    }
  }

  link(era: Era): UpstreamLink | undefined {
    return this.#lanes.link(era)
  }

  nearest(era: Era): UpstreamLink | undefined {
    return this.#lanes.nearest(era)
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
    this.#assertServes()
    return this.#lanes.ready(era, signal)
  }

  async prepare(era: Era): Promise<void> {
    if (era === 'legacy') this.#prepared = true
    if (!this.refusal) await this.#lanes.prepare(era)
  }

  async follow(era: Era, uri: string): Promise<RpcError | undefined> {
    this.#assertServes()
    return this.#followers[era].follow(uri)
  }

  unfollow(era: Era, uri: string): void {
    this.#followers[era].unfollow(uri)
  }

  async start(): Promise<void> {
    if (!this.refusal) await this.#lanes.start()
  }

  async admit(admission: Admission, reason?: string): Promise<void> {
    const wasShut = this.refusal !== undefined
    this.#door.set(admission, reason)
    const isShut = this.refusal !== undefined
    if (isShut === wasShut || this.#closed) return
    try {
      if (isShut) await this.#shut()
      else await this.#reopen()
    } catch (error) {
      this.#deps.log.warn({ reason: messageOf(error) }, 'a connection did not end as it should')
    }
  }

  get trust(): PeerTrust {
    return this.#peer.trust
  }

  secure(trust: PeerTrust): void {
    this.#peer.replace(trust)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#instances?.close(), this.#lanes.close(), ...this.#ending])
    if (this.#ownsGuard) this.#deps.guard.close()
  }

  /** From here on nobody finds a link; what was found before, or is being opened, is ended. */
  async #shut(): Promise<void> {
    const old = this.#lanes
    this.#restarts += old.restarts
    this.#lanes = new Lanes(this.#options, this.#deps)
    const ended = Promise.allSettled([old.close(), this.#instances?.end()]).then(() => {
      this.#ending.delete(ended)
    })
    this.#ending.add(ended)
    this.#changed(true)
    await ended
  }

  async #reopen(): Promise<void> {
    await this.start()
    if (this.#prepared) await this.prepare('legacy')
  }

  #assertServes(): void {
    const { refusal } = this
    if (refusal) throw refusal
  }

  #ownInstances(): OwnedInstances | undefined {
    const { per, max, idleStop } = this.#options.pool
    if (per === 'shared') return undefined
    const { clock } = this.#deps
    return createInstances({
      server: this.name,
      door: this.#door,
      per,
      max,
      idleStop,
      clock,
      make: (client) => this.#lanes.instance(client),
    })
  }

  /** `always`: that it is quarantined is told, also of one that was down. */
  #changed(always = false): void {
    const { state, up } = this.#lanes
    // an era that comes or goes changes what the server is good for, though it may be ready all the while
    if (state === this.#state && up === this.#up && !always) return
    if (state !== this.#state) this.#since = this.#deps.clock.wall()
    this.#state = state
    this.#up = up
    this.#deps.events.state(this)
  }
}
