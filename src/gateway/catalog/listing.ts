// What one server says it offers, of one kind: asked for page by page, within bounds; what becomes of it is the catalogue's affair.
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Era, UpstreamLink } from '../../upstream/client.ts'
import { type ParamHeader, paramHeadersOf } from '../../wire/headers.ts'
import { makeRequest } from '../../wire/message.ts'
import { ownMeta } from '../meta.ts'

export type ListKind = 'tools' | 'prompts' | 'resources' | 'templates'
/** How each kind is asked for, which capability it needs, and what identifies an item. */
export const LISTS = {
  tools: {
    method: 'tools/list',
    member: 'tools',
    capability: 'tools',
    key: 'name',
    changed: 'notifications/tools/list_changed',
  },
  prompts: {
    method: 'prompts/list',
    member: 'prompts',
    capability: 'prompts',
    key: 'name',
    changed: 'notifications/prompts/list_changed',
  },
  resources: {
    method: 'resources/list',
    member: 'resources',
    capability: 'resources',
    key: 'uri',
    changed: 'notifications/resources/list_changed',
  },
  templates: {
    method: 'resources/templates/list',
    member: 'resourceTemplates',
    capability: 'resources',
    key: 'uriTemplate',
    changed: 'notifications/resources/list_changed',
  },
} as const satisfies Record<ListKind, object>

/** One thing a server offers. `name` is what identifies it there: a name, URI or URI template. */
export interface Item {
  readonly server: string
  readonly name: string
  readonly definition: JsonObject
  /** Arguments of a tool that are repeated in headers where client or server is of the modern era; undefined: none. */
  readonly params: readonly ParamHeader[] | undefined
}

/** One kind of one server, as last listed. */
export interface Listing {
  readonly items: readonly Item[]
  readonly ttlMs: number
  readonly cacheScope: 'public' | 'private'
  readonly link: UpstreamLink
  readonly loadedAt: number
}

export interface ListingOptions {
  readonly era: Era
  readonly clock: Clock
  /** Milliseconds a server may take, all pages together. */
  readonly timeout: number
  readonly client: { readonly name: string; readonly version: string }
}

const MAX_PAGES = 200
const MAX_ITEMS = 20_000

/** All pages of one kind. Rejects with UPSTREAM_PROTOCOL or UPSTREAM_TOO_LARGE. */
export async function readListing(
  server: string,
  link: UpstreamLink,
  kind: ListKind,
  { era, clock, timeout, client }: ListingOptions,
): Promise<Listing> {
  const { method, member, key } = LISTS[kind]
  const items: Item[] = []
  const seen = new Set<string>()
  let ttlMs = Number.POSITIVE_INFINITY
  let cacheScope: 'public' | 'private' = 'public'
  let cursor: string | undefined
  const cursors = new Set<string>()
  const end = clock.now() + timeout
  for (;;) {
    const params = {
      ...(cursor === undefined ? {} : { cursor }),
      ...(link.era === 'modern' ? { _meta: ownMeta(link.revision, client) } : {}),
    }
    const reply = await link.request({
      message: makeRequest(method, params),
      edits: [],
      timeout: Math.max(1, end - clock.now()),
    })
    const result = reply.message.result
    if (reply.message.kind === 'error' || !isObject(result)) {
      throw new AppError(
        'UPSTREAM_PROTOCOL',
        `${server} answered ${method} with ${reply.message.error?.message ?? 'no result'}`,
      )
    }
    for (const definition of Array.isArray(result[member]) ? result[member] : []) {
      const name = isObject(definition) ? definition[key] : undefined
      // two of one name: the second could not be told from the first, so nobody gets to see it
      if (typeof name !== 'string' || seen.has(name)) continue
      const repeats = kind === 'tools' && (era === 'modern' || link.era === 'modern')
      const params = repeats ? paramHeadersOf(definition.inputSchema) : undefined
      // a tool whose header declarations are against the rules is unfit for HTTP clients (SEP-2243)
      if (repeats && params === undefined) continue
      seen.add(name)
      items.push({ server: server, name, definition: definition as JsonObject, params })
    }
    ttlMs = Math.min(ttlMs, typeof result.ttlMs === 'number' ? result.ttlMs : 0)
    if (result.cacheScope !== 'public') cacheScope = 'private'
    if (items.length > MAX_ITEMS)
      throw new AppError('UPSTREAM_TOO_LARGE', `${server} lists more than ${MAX_ITEMS} ${kind}`)
    if (typeof result.nextCursor !== 'string') break
    cursor = result.nextCursor
    if (cursors.has(cursor) || cursors.size >= MAX_PAGES)
      throw new AppError('UPSTREAM_PROTOCOL', `${server} lists ${kind} without end`)
    cursors.add(cursor)
  }
  return {
    items,
    ttlMs: Number.isFinite(ttlMs) ? ttlMs : 0,
    cacheScope,
    link,
    loadedAt: clock.now(),
  }
}
