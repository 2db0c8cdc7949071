// The admin API as commands use it: entities read, listed page by page and written; what is printed of them is decided elsewhere.
import { randomUUID } from 'node:crypto'
import { AppError, isAppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Kind } from '../../identity/rights.ts'
import { type Entity, PATHS, readEntity } from './entity.ts'
import { type Answered, type Asked, exchange, exchangeLines, type Peer } from './exchange.ts'

export type Query = Readonly<Record<string, string | number | undefined>>

export interface Page<T> {
  readonly items: readonly T[]
  /** There is more than was asked for. */
  readonly more: boolean
}

/** What became of a write. `pending`: the entity is the change that waits. */
export interface Written {
  readonly outcome: 'written' | 'dry_run' | 'pending'
  /** Undefined: removed. */
  readonly entity?: Entity
}

export interface NewEntity {
  readonly id?: string | undefined
  readonly tenant?: string | undefined
  readonly body: JsonObject
}

interface Writing {
  readonly dryRun?: boolean | undefined
}

/** An entity and the tag that says which version of it was read. */
export interface Seen {
  readonly entity: Entity
  readonly etag: string | undefined
}

/** Every method rejects with ApiRefusal, ADMIN_UNREACHABLE, ADMIN_ANSWER. */
export interface Client {
  readonly url: string
  get(path: string, query?: Query): Promise<unknown>
  /** Has something done that is about no entity. */
  act(path: string, body?: JsonObject): Promise<unknown>
  /** The items of a list, as many as `most`. */
  pages(path: string, query: Query, most?: number): Promise<Page<unknown>>
  lines(path: string, query: Query): AsyncGenerator<string>
  see(kind: Kind, id: string): Promise<Seen>
  list(kind: Kind, query?: Query): Promise<Page<Entity>>
  create(kind: Kind, entity: NewEntity, writing?: Writing): Promise<Written>
  /** Both fail when somebody has changed it since it was seen. */
  merge(seen: Seen, patch: JsonObject, writing?: Writing): Promise<Written>
  remove(seen: Seen, writing?: Writing): Promise<Written>
}

/** What a listing follows at most: as many as there may be of any kind. */
export const MOST_ITEMS = 20_000
const PAGE = 200
const MOST_PAGES = 500

export function createClient(peer: Peer): Client {
  const get = async (path: string, query: Query = {}) =>
    (await exchange(peer, { path: `${path}${textOf(query)}` })).body
  return {
    url: peer.url,
    get,
    act: async (path, body) =>
      (await exchange(peer, { method: 'POST', path, ...(body ? { body } : {}) })).body,
    pages: (path, query, most = MOST_ITEMS) =>
      follow(peer, (page) => get(path, { ...query, ...page }), most),
    lines: (path, query) => exchangeLines(peer, { path: `${path}${textOf(query)}` }),
    async see(kind, id) {
      const { body, etag } = await exchange(peer, { path: itemOf(kind, id) })
      return { entity: entityIn(peer, body), etag }
    },
    async list(kind, query = {}) {
      const page = (more: Query) => get(PATHS[kind], { ...query, ...more })
      const { items, more } = await follow(peer, page, MOST_ITEMS)
      return { items: items.map((item) => entityIn(peer, item)), more }
    },
    create: (kind, entity, writing) => create(peer, kind, entity, writing),
    merge: (seen, patch, writing) =>
      write(peer, { ...conditional(seen), method: 'PATCH', body: { body: patch } }, writing),
    remove: (seen, writing) => write(peer, { ...conditional(seen), method: 'DELETE' }, writing),
  }
}

async function follow(
  peer: Peer,
  page: (query: Query) => Promise<unknown>,
  most: number,
): Promise<Page<unknown>> {
  const items: unknown[] = []
  let cursor: string | undefined
  let pages = 0
  do {
    const body = await page({ limit: Math.min(PAGE, most - items.length), cursor })
    if (!isObject(body) || !Array.isArray(body.items)) throw strange(peer)
    items.push(...body.items)
    cursor = typeof body.next === 'string' ? body.next : undefined
    // a page may be empty and not the last one: the gateway looks through so many for each
    if (++pages >= MOST_PAGES) break
  } while (cursor !== undefined && items.length < most)
  return { items, more: cursor !== undefined }
}

async function write(peer: Peer, asked: Asked, { dryRun }: Writing = {}): Promise<Written> {
  const path = `${asked.path}${dryRun ? '?dryRun=true' : ''}`
  return writtenOf(peer, await exchange(peer, { ...asked, path }))
}

async function create(
  peer: Peer,
  kind: Kind,
  { id, tenant, body }: NewEntity,
  writing?: Writing,
): Promise<Written> {
  const entity = {
    ...(id === undefined ? {} : { id }),
    ...(tenant === undefined ? {} : { tenant }),
    body,
  }
  const headers = { 'idempotency-key': randomUUID() }
  const asked = { method: 'POST', path: PATHS[kind], headers, body: entity } as const
  try {
    return await write(peer, asked, writing)
  } catch (error) {
    // with the same key it is written once, however often it is asked for
    if (isBroken(error)) return write(peer, asked, writing)
    throw error
  }
}

function conditional({ entity, etag }: Seen): Pick<Asked, 'path' | 'headers'> {
  const headers = { 'if-match': etag ?? `"${entity.version}"` }
  return { path: itemOf(entity.kind as Kind, entity.id), headers }
}

function itemOf(kind: Kind, id: string): string {
  return `${PATHS[kind]}/${encodeURIComponent(id)}`
}

function textOf(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

function isBroken(error: unknown): boolean {
  if (!isAppError(error) || error.code !== 'ADMIN_UNREACHABLE') return false
  const { cause } = (error.cause ?? {}) as { cause?: { code?: string } }
  return cause?.code === 'ECONNRESET' || cause?.code === 'UND_ERR_SOCKET'
}

function writtenOf(peer: Peer, { status, body }: Answered): Written {
  if (status === 204) return { outcome: 'written' }
  const entity = entityIn(peer, body)
  if (status === 202) return { outcome: 'pending', entity }
  return { outcome: isObject(body) && body.dryRun === true ? 'dry_run' : 'written', entity }
}

function entityIn(peer: Peer, body: unknown): Entity {
  const entity = readEntity(body)
  if (entity === undefined) throw strange(peer)
  return entity
}

function strange({ url }: Peer): AppError {
  return new AppError('ADMIN_ANSWER', `${url} answers what is no entity or list of them`)
}
