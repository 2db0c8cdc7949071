// Where a resource is followed: on the connection all clients share, or on the one that its client has to itself, where its calls go, too.
import type { Era, Upstream } from '../../upstream/client.ts'
import type { RpcError } from '../../wire/message.ts'
import type { Call } from '../exchange.ts'
import { instanceKey, linkFor } from '../links.ts'
import { tellsOfUpdates } from './ledger.ts'

export interface Source {
  /** Tells sources apart; what a server says comes with the same name. */
  readonly name: string
  readonly server: string
  /** Resolves with the server's refusal, or undefined; rejects like a request. */
  follow(uri: string): Promise<RpcError | undefined>
  unfollow(uri: string): void
  /** The same source at what the server of that name is now. */
  at(upstream: Upstream): Source
}

/** Undefined: the server does not tell of updates. Rejects with UPSTREAM_UNAVAILABLE or DISPATCH_ABORTED. */
export async function sourceFor(call: Call, upstream: Upstream): Promise<Source | undefined> {
  const { identity, request } = call.exchange
  const near =
    upstream.nearest(identity.era) ?? (await upstream.reach(identity.era, request.signal))
  const key = near.era === 'legacy' ? instanceKey(call, upstream) : undefined
  if (key !== undefined) return tellsOfUpdates(near) ? ownSource(call, upstream, key) : undefined
  // a server of both eras may tell of it in the older one only
  if (!tellsOfUpdates(near)) await upstream.prepare('legacy')
  const over = followedOver(upstream, identity.era)
  return over && sharedSource(upstream, over)
}

/** The era of the link that a resource is followed over: the client's own where the server can; undefined: it cannot. */
export function followedOver(upstream: Upstream, era: Era): Era | undefined {
  const eras = era === 'legacy' ? (['legacy', 'modern'] as const) : (['modern', 'legacy'] as const)
  return eras.find((each) => tellsOfUpdates(upstream.link(each)))
}

export const sharedName = (server: string, era: Era): string => `${era} ${server}`
export const ownName = (server: string, key: string): string => `own ${server} ${key}`

function sharedSource(upstream: Upstream, era: Era): Source {
  const source: Source = {
    name: sharedName(upstream.name, era),
    server: upstream.name,
    follow: (uri) => upstream.follow(era, uri),
    unfollow: (uri) => upstream.unfollow(era, uri),
    at: (now) => (now === upstream ? source : sharedSource(now, era)),
  }
  return source
}

function ownSource(call: Call, upstream: Upstream, key: string): Source {
  const source: Source = {
    name: ownName(upstream.name, key),
    server: upstream.name,
    async follow(uri) {
      await linkFor(call, upstream)
      return upstream.own?.follow(key, uri)
    },
    unfollow: (uri) => upstream.own?.unfollow(key, uri),
    at: (now) => (now === upstream ? source : ownSource(call, now, key)),
  }
  return source
}
