// Connections of a legacy server that belong to one client each: opened on first use, bounded in number, ended when nobody uses them.
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { RpcError } from '../wire/message.ts'
import type { Doorway } from './admission/door.ts'
import type { InstanceClient, Instances, UpstreamLink } from './client.ts'
import type { Follower } from './follow.ts'
import type { Lane } from './lane.ts'

/** One instance, which is an upstream of its own with the legacy era only. */
export interface Instance {
  readonly link: UpstreamLink | undefined
  ready(signal?: AbortSignal): Promise<UpstreamLink>
  follow(uri: string): Promise<RpcError | undefined>
  unfollow(uri: string): void
  /** Calls under way, something waiting to be answered, or a resource followed. */
  readonly busy: boolean
  close(): Promise<void>
}

export interface InstancesOptions {
  readonly server: string
  readonly door: Doorway
  readonly per: Instances['per']
  readonly max: number
  /** Milliseconds after which one that nobody used is ended. */
  readonly idleStop: number
  readonly clock: Clock
  make(client: InstanceClient): Instance
}

export interface OwnedInstances extends Instances {
  readonly size: number
  /** Ends all there are. */
  end(): Promise<void>
  close(): Promise<void>
}

interface Kept {
  readonly instance: Instance
  usedAt: number
}

export function createInstances(options: InstancesOptions): OwnedInstances {
  const { clock, server, door, max, idleStop } = options
  // insertion order is order of use
  const kept = new Map<string, Kept>()
  const ending = new Set<Promise<void>>()
  let cancel: (() => void) | undefined
  let closed = false

  function end(key: string): void {
    const found = kept.get(key)
    if (!found) return
    kept.delete(key)
    const done = found.instance.close().finally(() => ending.delete(done))
    ending.add(done)
    done.catch(() => {})
  }

  function sweep(): void {
    for (const [key, { instance, usedAt }] of kept)
      if (!instance.busy && clock.now() - usedAt >= idleStop) end(key)
    cancel = kept.size > 0 ? clock.after(idleStop / 2, sweep) : undefined
  }

  function makeRoom(): void {
    if (kept.size < max) return
    for (const [key, { instance }] of kept)
      if (!instance.busy) {
        end(key)
        return
      }
    throw new AppError(
      'UPSTREAM_UNAVAILABLE',
      `all ${max} instances of server ${server} are in use; raise pool.max`,
    )
  }

  async function endAll(): Promise<void> {
    for (const key of [...kept.keys()]) end(key)
    await Promise.all(ending)
  }

  function instanceOf(key: string, client: InstanceClient): Instance {
    const { refusal } = door
    if (refusal) throw refusal
    const known = kept.get(key)
    if (known) {
      known.usedAt = clock.now()
      kept.delete(key)
      kept.set(key, known)
      return known.instance
    }
    if (closed) throw new AppError('UPSTREAM_UNAVAILABLE', `server ${server} is being stopped`)
    makeRoom()
    const instance = options.make(client)
    kept.set(key, { instance, usedAt: clock.now() })
    cancel ??= clock.after(idleStop / 2, sweep)
    return instance
  }

  return {
    per: options.per,
    get size() {
      return kept.size
    },
    async open(key, client, signal) {
      const instance = instanceOf(key, client)
      return instance.link ?? instance.ready(signal)
    },
    link(key) {
      const found = kept.get(key)
      if (!found) return undefined
      found.usedAt = clock.now()
      return found.instance.link
    },
    release: end,
    end: endAll,
    async follow(key, uri) {
      const found = kept.get(key)
      if (found) return found.instance.follow(uri)
      throw (
        door.refusal ??
        new AppError('UPSTREAM_UNAVAILABLE', `an instance of server ${server} has ended`)
      )
    },
    unfollow: (key, uri) => kept.get(key)?.instance.unfollow(uri),
    async close() {
      closed = true
      cancel?.()
      await endAll()
    },
  }
}

/** A lane as an instance; `working` says whether calls are under way on what it connected. */
export function instanceOver(lane: Lane, follower: Follower, working: () => boolean): Instance {
  return {
    get link() {
      return lane.link
    },
    get busy() {
      if (lane.state === 'starting' || follower.uris.length > 0) return true
      return lane.link !== undefined && working()
    },
    ready: (signal) => lane.ready(signal),
    follow: (uri) => follower.follow(uri),
    unfollow: (uri) => follower.unfollow(uri),
    close: () => lane.close(),
  }
}
