// Who follows which resource: one subscription at a server however many follow it, asked for with the first and given up with the last.
import { AppError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import type { Upstream, UpstreamLink } from '../../upstream/client.ts'
import type { RpcError } from '../../wire/message.ts'
import type { Receiver } from './receiver.ts'
import type { Source } from './source.ts'

/** One resource of one server, followed on one connection. */
export interface Place {
  readonly source: Source
  /** The server's own URI. */
  readonly uri: string
}

export interface Follow extends Place {
  /** The URI the client knows it by. */
  readonly exposed: string
  /** Most resources one receiver may follow. */
  readonly max: number
}

/** Told of one update that concerns a receiver, with the URI it knows the updated resource by. */
export type Tell = (receiver: Receiver, exposed: string) => void

export interface Subscriptions {
  /** Resolves with the server's refusal, or undefined. Rejects with SUBSCRIPTION_LIMIT and what a request rejects with. */
  join(receiver: Receiver, follow: Follow): Promise<RpcError | undefined>
  /** False when it followed no such resource. */
  leave(receiver: Receiver, exposed: string): boolean
  leaveAll(receiver: Receiver): void
  /** Tells all that follow the resource, or one that it is part of. */
  updated(source: string, uri: string, tell: Tell): void
  /** The server of that name may be another one now: what is followed is asked of that. */
  renew(upstream: Upstream): void
  /** Subscriptions at servers. */
  readonly size: number
}

interface Entry {
  readonly place: { source: Source; readonly uri: string }
  readonly followers: Set<Subscription>
  agreed: Promise<RpcError | undefined>
}

interface Subscription {
  readonly receiver: Receiver
  readonly exposed: string
  readonly entry: Entry
}

export function createSubscriptions(): Subscriptions {
  return new Ledger()
}

class Ledger implements Subscriptions {
  /** By source, then by URI. */
  readonly #entries = new Map<string, Map<string, Entry>>()
  /** By the URI the receiver knows. */
  readonly #held = new WeakMap<Receiver, Map<string, Subscription>>()

  async join(receiver: Receiver, follow: Follow): Promise<RpcError | undefined> {
    const held = this.#heldBy(receiver)
    const known = held.get(follow.exposed)
    if (known && isAt(known.entry, follow)) return known.entry.agreed
    if (!known && held.size >= follow.max)
      throw new AppError(
        'SUBSCRIPTION_LIMIT',
        `no more resources than ${follow.max} are followed at one time; unsubscribe from one`,
      )
    // a policy sends it to another resource than before
    if (known) this.leave(receiver, follow.exposed)
    const entry = this.#entryAt(follow)
    const subscription = { receiver, exposed: follow.exposed, entry }
    entry.followers.add(subscription)
    held.set(follow.exposed, subscription)
    let agreed = false
    try {
      const refusal = await entry.agreed
      agreed = refusal === undefined
      return refusal
    } finally {
      if (!agreed) this.#end(subscription)
    }
  }

  leave(receiver: Receiver, exposed: string): boolean {
    const subscription = this.#held.get(receiver)?.get(exposed)
    if (subscription) this.#end(subscription)
    return subscription !== undefined
  }

  leaveAll(receiver: Receiver): void {
    for (const subscription of [...(this.#held.get(receiver)?.values() ?? [])])
      this.#end(subscription)
  }

  updated(source: string, uri: string, tell: Tell): void {
    for (const { place, followers } of this.#entries.get(source)?.values() ?? []) {
      if (!isWithin(uri, place.uri)) continue
      const rest = uri.slice(place.uri.length)
      for (const { receiver, exposed } of followers) tell(receiver, exposed + rest)
    }
  }

  renew(upstream: Upstream): void {
    for (const entries of this.#entries.values()) {
      for (const entry of entries.values()) {
        const { source, uri } = entry.place
        if (source.server !== upstream.name) break
        const now = source.at(upstream)
        if (now === source) break
        entry.place.source = now
        entry.agreed = now.follow(uri)
        // nobody waits for it: whoever joins next learns how it ended
        entry.agreed.catch(() => {})
      }
    }
  }

  get size(): number {
    let size = 0
    for (const entries of this.#entries.values()) size += entries.size
    return size
  }

  #heldBy(receiver: Receiver): Map<string, Subscription> {
    let held = this.#held.get(receiver)
    if (!held) {
      held = new Map()
      this.#held.set(receiver, held)
    }
    return held
  }

  #entryAt({ source, uri }: Place): Entry {
    const entries = this.#entries.get(source.name) ?? new Map<string, Entry>()
    this.#entries.set(source.name, entries)
    let entry = entries.get(uri)
    if (!entry) {
      const place = { source, uri }
      entry = { place, followers: new Set(), agreed: source.follow(uri) }
      entries.set(uri, entry)
    }
    return entry
  }

  #end(subscription: Subscription): void {
    const { receiver, exposed, entry } = subscription
    const held = this.#held.get(receiver)
    if (held?.get(exposed) === subscription) held.delete(exposed)
    if (!entry.followers.delete(subscription) || entry.followers.size > 0) return
    const { source, uri } = entry.place
    const entries = this.#entries.get(source.name)
    if (entries?.get(uri) !== entry) return
    entries.delete(uri)
    if (entries.size === 0) this.#entries.delete(source.name)
    source.unfollow(uri)
  }
}

function isAt({ place }: Entry, { source, uri }: Place): boolean {
  return place.source.name === source.name && place.uri === uri
}

/** A server may name a part of what was subscribed to (server/resources#subscriptions). */
function isWithin(uri: string, followed: string): boolean {
  if (!uri.startsWith(followed)) return false
  return uri.length === followed.length || followed.endsWith('/') || uri[followed.length] === '/'
}

/** Whether the server at the other end says when a resource has changed. */
export function tellsOfUpdates(link: Pick<UpstreamLink, 'capabilities'> | undefined): boolean {
  const resources = link?.capabilities.resources
  return isObject(resources) && resources.subscribe === true
}
