// What the servers offer to clients of one era, merged: loaded on demand, kept until it changes, indexed by exposed name and by URI.
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import type { Era, Upstream, UpstreamLink } from '../../upstream/client.ts'
import { type Item, LISTS, type Listing, type ListKind, readListing } from './listing.ts'
import { type Naming, type NamingOptions, nameAll, type OwnName } from './names.ts'
import { createUriIndex, type UriIndex } from './uris.ts'

export interface Merged {
  readonly items: readonly Item[]
  readonly naming: Naming<Item>
  readonly uris: UriIndex
  /** The least of all servers; undefined when none says. */
  readonly ttlMs: number
  readonly cacheScope: 'public' | 'private'
  /** Servers that could not be asked: their items are missing, those of the others are not. */
  readonly missing: readonly string[]
}

export interface Catalog {
  /**
   * All servers merged, in the order of the configuration. Waits at most `timeout` for each; or `patience`, for whoever can
   * do with what the others offer and is told when the rest arrives.
   */
  list(kind: ListKind, patience?: number): Promise<Merged>
  /** The same where nothing has to be waited for; undefined: ask `list`. */
  current(kind: ListKind): Merged | undefined
  /** The definition behind an own name. */
  definition(kind: ListKind, server: string, name: string): Promise<JsonObject | undefined>
  /** Whether clients may ask for what they call so; a virtual server says no to what it does not select. */
  shows(kind: ListKind, exposed: string): boolean
  /** Whether a call may go there, whoever says so. `fits`: a URI that a template of the server led to. */
  reaches(kind: ListKind, own: OwnName, fits?: boolean): boolean | Promise<boolean>
  /** Forgets what a server listed. */
  invalidate(server: string, kind?: ListKind): void
}

export interface CatalogOptions {
  readonly era: Era
  readonly upstreams: readonly Upstream[]
  readonly naming: NamingOptions
  readonly clock: Clock
  readonly log: Logger
  /** Milliseconds one server may take to list. */
  readonly timeout: number
  /** What a list was answered without has come. */
  arrived(kind: ListKind): void
  readonly client: { readonly name: string; readonly version: string }
}

/** How long a listing is kept when its server neither says a lifetime nor announces changes. */
const KEPT_FOR = 60_000
/** A server that could not be listed is asked again after this long, and nobody waits for it until it could. */
const RETRY_AFTER = 2000
/** A list waits this long for a server; one that is slower comes in later, and that is announced. */
export const PATIENCE_MS = 1000

export function createCatalog(options: CatalogOptions): Catalog {
  const { era, upstreams, clock } = options
  const listings: Readonly<Record<ListKind, Map<string, Listing>>> = {
    tools: new Map(),
    prompts: new Map(),
    resources: new Map(),
    templates: new Map(),
  }
  const loading = new Map<string, Promise<Listing | null>>()
  const merged = new Map<
    ListKind,
    {
      readonly parts: Parts
      readonly reserved: Parts
      readonly value: Merged
    }
  >()
  const epochs = new Map<string, number>()
  /** When a server whose last attempt failed may be asked again. */
  const failed = new Map<string, number>()
  /** What lists were answered without: nobody else waits for it either. */
  const late = new Set<string>()

  // null: it offers none of the kind; undefined: it has to be asked
  function keptOf(upstream: Upstream, kind: ListKind): Listing | null | undefined {
    const link = upstream.nearest(era)
    const { capability } = LISTS[kind]
    if (!link || upstream.admission === 'quarantined' || !isObject(link.capabilities[capability]))
      return null
    const known = listings[kind].get(upstream.name)
    return known && isFresh(known, link, kind) ? known : undefined
  }

  function isFresh(listing: Listing, link: UpstreamLink, kind: ListKind): boolean {
    if (listing.link !== link) return false
    const age = clock.now() - listing.loadedAt
    if (age < listing.ttlMs) return true
    const capability = link.capabilities[LISTS[kind].capability]
    const announces =
      isObject(capability) && capability.listChanged === true && link.era === 'legacy'
    return announces || age < KEPT_FOR
  }

  async function listingOf(
    upstream: Upstream,
    kind: ListKind,
    patience?: number,
  ): Promise<Listing | null> {
    const kept = keptOf(upstream, kind)
    if (kept !== undefined) return kept
    const link = upstream.nearest(era) as UpstreamLink
    const known = listings[kind].get(upstream.name)
    const id = `${upstream.name}\0${kind}`
    const retryAt = failed.get(id)
    let pending = loading.get(id)
    if (!pending && (retryAt === undefined || clock.now() >= retryAt)) {
      pending = begin(id, upstream, link, kind)
      loading.set(id, pending)
    }
    // operations on the other servers must not wait for one that is not able to say what it has
    if (retryAt !== undefined || !pending) return known ?? null
    if (patience === undefined) return pending
    const found = late.has(id) ? undefined : await within(pending, patience, clock)
    if (found !== undefined) return found
    late.add(id)
    return known ?? null
  }

  function begin(
    id: string,
    upstream: Upstream,
    link: UpstreamLink,
    kind: ListKind,
  ): Promise<Listing | null> {
    const epoch = epochs.get(id) ?? 0
    const isCurrent = () => (epochs.get(id) ?? 0) === epoch
    return readListing(upstream.name, link, kind, options)
      .then((listing) => {
        // what changed while it was being read is read again next time
        if (!isCurrent()) return listing
        listings[kind].set(upstream.name, listing)
        failed.delete(id)
        if (late.delete(id)) options.arrived(kind)
        return listing
      })
      .catch((error) => {
        if (isCurrent()) failed.set(id, clock.now() + RETRY_AFTER)
        options.log.warn(
          { server: upstream.name, kind, error: messageOf(error) },
          'a server could not be listed',
        )
        return listings[kind].get(upstream.name) ?? null
      })
      .finally(() => {
        if (isCurrent()) loading.delete(id)
      })
  }

  // what a server that is down offered is still its own: no other server's tool may answer to those names meanwhile
  function reservedBy(upstream: Upstream, kind: ListKind): Listing | null {
    return upstream.nearest(era) ? null : (listings[kind].get(upstream.name) ?? null)
  }

  async function list(kind: ListKind, patience?: number): Promise<Merged> {
    const parts = await Promise.all(
      upstreams.map((upstream) => listingOf(upstream, kind, patience)),
    )
    const reserved = upstreams.map((upstream) => reservedBy(upstream, kind))
    const known = merged.get(kind)
    if (known && isSame(known.parts, parts) && isSame(known.reserved, reserved)) return known.value
    const value = merge({ parts, reserved }, upstreams, kind, options.naming)
    merged.set(kind, { parts, reserved, value })
    return value
  }

  // what every call asks: nothing is built anew while nothing has changed
  function current(kind: ListKind): Merged | undefined {
    const known = merged.get(kind)
    if (known === undefined) return undefined
    for (let i = 0; i < upstreams.length; i++) {
      const upstream = upstreams[i] as Upstream
      const part = keptOf(upstream, kind)
      if (part === undefined || part !== known.parts[i]) return undefined
      if (reservedBy(upstream, kind) !== known.reserved[i]) return undefined
    }
    return known.value
  }

  async function definition(kind: ListKind, server: string, name: string) {
    const upstream = upstreams.find((candidate) => candidate.name === server)
    const listing = upstream && (await listingOf(upstream, kind))
    return listing?.items.find((item) => item.name === name)?.definition
  }

  return {
    list,
    current,
    definition,
    shows: () => true,
    // not all resources are listed: the server knows which it has
    reaches: (kind, { server, name }) =>
      LISTS[kind].key !== 'name' ||
      definition(kind, server, name).then((found) => found !== undefined),
    invalidate(server, kind) {
      for (const each of kind ? [kind] : (Object.keys(LISTS) as ListKind[])) {
        const id = `${server}\0${each}`
        listings[each].delete(server)
        failed.delete(id)
        late.delete(id)
        epochs.set(id, (epochs.get(id) ?? 0) + 1)
        loading.delete(id)
      }
    },
  }
}

/** Undefined: not in time. */
function within<T>(pending: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(undefined))
    void pending.then((found) => {
      cancel()
      resolve(found)
    })
  })
}

type Parts = readonly (Listing | null)[]

const isSame = (before: Parts, now: Parts) => before.every((part, index) => part === now[index])

function merge(
  { parts, reserved }: { readonly parts: Parts; readonly reserved: Parts },
  upstreams: readonly Upstream[],
  kind: ListKind,
  naming: NamingOptions,
): Merged {
  const present = parts.filter((part) => part !== null)
  const items = present.flatMap((part) => part.items)
  const owned = parts.flatMap((part, index) => (part ?? reserved[index])?.items ?? [])
  return {
    items,
    naming: nameAll(LISTS[kind].key === 'name' ? owned : [], naming),
    uris: createUriIndex(LISTS[kind].key === 'name' ? [] : owned),
    ttlMs: present.length === 0 ? 0 : Math.min(...present.map((part) => part.ttlMs)),
    cacheScope:
      present.length > 0 && present.every((part) => part.cacheScope === 'public')
        ? 'public'
        : 'private',
    missing: upstreams
      .filter((upstream, index) => parts[index] === null && upstream.status.state !== 'ready')
      .map((upstream) => upstream.name),
  }
}
