// What the servers offer to clients of one era, merged: loaded on demand, kept until it changes, indexed by exposed name and by URI.
import type { Clock } from '../../base/clock.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import type { Era, Upstream, UpstreamLink } from '../../upstream/client.ts'
import type { CatalogueGate } from './gate.ts'
import { LISTS, type Listing, type ListKind, readListing } from './listing.ts'
import { isSame, type Merged, merge, type Parts } from './merge.ts'
import type { NamingOptions, OwnName } from './names.ts'
import { isWithheld } from './withheld.ts'

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
  /** What a listing passes inside its reading: there is no other way into the catalogue. Undefined: nobody judges. */
  readonly gate?: CatalogueGate | undefined
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
    if (!link || !isObject(link.capabilities[capability])) return null
    const known = listings[kind].get(upstream.name)
    if (!known || !isFresh(known, link, kind)) return undefined
    // what was not judged is withheld until it is; what was judged does not wait for it
    if (!known.complete && clock.now() - known.loadedAt >= RETRY_AFTER)
      void load(upstream, link, kind)
    return known
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
    const id = idOf(upstream, kind)
    const retryAt = failed.get(id)
    const pending = load(upstream, link, kind)
    // operations on the other servers must not wait for one that is not able to say what it has
    if (retryAt !== undefined || !pending) return known ?? null
    if (patience === undefined) return pending
    const found = late.has(id) ? undefined : await within(pending, patience, clock)
    if (found !== undefined) return found
    late.add(id)
    return known ?? null
  }

  /** What is being read, begun unless the last attempt failed a moment ago. */
  function load(
    upstream: Upstream,
    link: UpstreamLink,
    kind: ListKind,
  ): Promise<Listing | null> | undefined {
    const id = idOf(upstream, kind)
    const retryAt = failed.get(id)
    const pending = loading.get(id)
    if (pending || (retryAt !== undefined && clock.now() < retryAt)) return pending
    const begun = begin(upstream, link, kind)
    loading.set(id, begun)
    return begun
  }

  function begin(upstream: Upstream, link: UpstreamLink, kind: ListKind): Promise<Listing | null> {
    const id = idOf(upstream, kind)
    const epoch = epochs.get(id) ?? 0
    const isCurrent = () => (epochs.get(id) ?? 0) === epoch
    return readListing(upstream, link, kind, options)
      .then((listing) => {
        // what changed while it was being read is read again next time
        if (!isCurrent()) return listing
        const before = listings[kind].get(upstream.name)
        listings[kind].set(upstream.name, listing)
        failed.delete(id)
        // a server announces its changes itself; what the gate made of the same listing only we can tell
        if (late.delete(id) || (before && before.shown !== listing.shown)) options.arrived(kind)
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

  async function mayRead(server: string, uri: string): Promise<boolean> {
    const upstream = upstreams.find((candidate) => candidate.name === server)
    if (!upstream?.nearest(era))
      throw (
        upstream?.refusal ??
        new AppError('UPSTREAM_UNAVAILABLE', `the server ${server} is not available`)
      )
    const [resources, templates] = await Promise.all([
      listingOf(upstream, 'resources'),
      listingOf(upstream, 'templates'),
    ])
    // what is withheld is not known: then everything may be
    return resources !== null && templates !== null && !isWithheld(uri, resources, templates)
  }

  return {
    list,
    current,
    definition,
    shows: () => true,
    // not all resources are listed: the server knows which it has, the gate which it withholds
    reaches: (kind, { server, name }) =>
      LISTS[kind].key === 'name'
        ? definition(kind, server, name).then((found) => found !== undefined)
        : !options.gate?.judges('resources') || mayRead(server, name),
    invalidate(server, kind) {
      for (const each of kind ? [kind] : (Object.keys(LISTS) as ListKind[])) {
        const id = idOf({ name: server }, each)
        listings[each].delete(server)
        failed.delete(id)
        late.delete(id)
        epochs.set(id, (epochs.get(id) ?? 0) + 1)
        loading.delete(id)
      }
    },
  }
}

const idOf = ({ name }: Pick<Upstream, 'name'>, kind: ListKind) => `${name}\0${kind}`

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
