// What one server says it offers, of one kind: asked for page by page, within bounds, and past the gate; what becomes of it is the catalogue's affair.
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Era, Upstream, UpstreamLink } from '../../upstream/client.ts'
import { type ParamHeader, paramHeadersOf } from '../../wire/headers.ts'
import { makeRequest } from '../../wire/message.ts'
import { ownMeta } from '../meta.ts'
import type { Admitted, CatalogueGate, Definition } from './gate.ts'

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
export interface Item extends Definition {
  readonly server: string
  /** Arguments of a tool that are repeated in headers where client or server is of the modern era; undefined: none. */
  readonly params: readonly ParamHeader[] | undefined
}

/** One kind of one server, as last listed. */
export interface Listing {
  readonly items: readonly Item[]
  /** Of what the gate made of it: another text, and other things are shown. */
  readonly shown: string | undefined
  /** Names of what the gate keeps out of every list and every call. */
  readonly withheld: readonly string[]
  /** False: the gate could not judge all of it. */
  readonly complete: boolean
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
  /** Undefined: nobody judges what servers list. */
  readonly gate?: CatalogueGate | undefined
}

const MAX_PAGES = 200
const MAX_ITEMS = 20_000

const METHOD_NOT_FOUND = -32601

/** All of one kind, as far as the gate admits it. Rejects with UPSTREAM_PROTOCOL or UPSTREAM_TOO_LARGE, or as the gate does. */
export async function readListing(
  upstream: Upstream,
  link: UpstreamLink,
  kind: ListKind,
  options: ListingOptions,
): Promise<Listing> {
  const { era, clock, gate } = options
  const { definitions, ttlMs, cacheScope } = await readPages(upstream.name, link, kind, options)
  const admitted: Admitted = gate?.judges(kind)
    ? await gate.admit({
        server: upstream.info,
        kind,
        era: link.era,
        eras: erasOf(upstream, link),
        items: definitions,
      })
    : { items: definitions, shown: undefined, withheld: NOTHING, complete: true }
  const repeats = kind === 'tools' && (era === 'modern' || link.era === 'modern')
  return {
    items: repeats
      ? withParams(upstream.name, definitions, admitted.items)
      : admitted.items.map(({ name, definition }) => itemOf(upstream.name, name, definition)),
    shown: admitted.shown,
    withheld: admitted.withheld,
    complete: admitted.complete,
    ttlMs,
    cacheScope,
    link,
    loadedAt: clock.now(),
  }
}

const NOTHING: readonly never[] = []

function erasOf(upstream: Upstream, link: UpstreamLink): readonly Era[] {
  return [
    ...new Set([link.era, upstream.nearest('legacy')?.era, upstream.nearest('modern')?.era]),
  ].filter((era) => era !== undefined)
}

const itemOf = (
  server: string,
  name: string,
  definition: JsonObject,
  params?: readonly ParamHeader[],
): Item => ({ server, name, definition, params })

/**
 * A tool whose header declarations are against the rules is unfit for HTTP clients (SEP-2243). What is repeated follows from the
 * server's own definition: that is what it wants to see.
 */
function withParams(
  server: string,
  listed: readonly Definition[],
  shown: readonly Definition[],
): Item[] {
  const own = new Map(listed.map(({ name, definition }) => [name, definition]))
  return shown.flatMap(({ name, definition }) => {
    const params = paramHeadersOf(own.get(name)?.inputSchema)
    const fit = params !== undefined && paramHeadersOf(definition.inputSchema) !== undefined
    return fit ? [itemOf(server, name, definition, params)] : []
  })
}

type Pages = Pick<Listing, 'ttlMs' | 'cacheScope'> & { readonly definitions: readonly Definition[] }

async function readPages(
  server: string,
  link: UpstreamLink,
  kind: ListKind,
  { clock, timeout, client }: ListingOptions,
): Promise<Pages> {
  const definitions: Definition[] = []
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
    const result = await readPage(server, link, kind, params, Math.max(1, end - clock.now()))
    collect(result, kind, seen, definitions)
    ttlMs = Math.min(ttlMs, typeof result.ttlMs === 'number' ? result.ttlMs : 0)
    if (result.cacheScope !== 'public') cacheScope = 'private'
    if (definitions.length > MAX_ITEMS)
      throw new AppError('UPSTREAM_TOO_LARGE', `${server} lists more than ${MAX_ITEMS} ${kind}`)
    if (typeof result.nextCursor !== 'string') break
    cursor = result.nextCursor
    if (cursors.has(cursor) || cursors.size >= MAX_PAGES)
      throw new AppError('UPSTREAM_PROTOCOL', `${server} lists ${kind} without end`)
    cursors.add(cursor)
  }
  return { definitions, ttlMs: Number.isFinite(ttlMs) ? ttlMs : 0, cacheScope }
}

async function readPage(
  server: string,
  link: UpstreamLink,
  kind: ListKind,
  params: JsonObject,
  timeout: number,
): Promise<Record<string, unknown>> {
  const { method, member } = LISTS[kind]
  const reply = await link.request({ message: makeRequest(method, params), edits: [], timeout })
  const { result, error } = reply.message
  // who offers resources need not have templates, and no capability says so
  if (kind === 'templates' && error?.code === METHOD_NOT_FOUND) return { [member]: [] }
  if (reply.message.kind === 'error' || !isObject(result)) {
    throw new AppError(
      'UPSTREAM_PROTOCOL',
      `${server} answered ${method} with ${error?.message ?? 'no result'}`,
    )
  }
  return result
}

// two of one name: the second could not be told from the first, so nobody gets to see it
function collect(
  result: Record<string, unknown>,
  kind: ListKind,
  seen: Set<string>,
  definitions: Definition[],
): void {
  const { member, key } = LISTS[kind]
  for (const definition of Array.isArray(result[member]) ? result[member] : []) {
    const name = isObject(definition) ? definition[key] : undefined
    if (typeof name !== 'string' || seen.has(name)) continue
    seen.add(name)
    definitions.push({ name, definition: definition as JsonObject })
  }
}
