// What is there, as the caller may see it: declared and dynamic entities as one list, secrets masked; it changes nothing.
import { AppError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import type { Principal } from '../engine/context.ts'
import { SYSTEM } from '../engine/context.ts'
import type { Kind } from '../identity/rights.ts'
import type { Stored } from '../store/store.ts'
import { KIND_TABLE, rightOf } from './kinds.ts'
import type { RegistryDeps } from './parts.ts'
import type { Entity, ListQuery } from './registry.ts'
import { maskBody } from './secrets.ts'
import { notFound, opened, specOf } from './writing/draft.ts'

/** How many entities one listing looks through for those that match; the next page goes on from there. */
const MOST_LOOKED_AT = 2000
const PAGE = 200

export async function getEntity(
  kindName: string,
  id: string,
  by: Principal,
  deps: RegistryDeps,
): Promise<Entity> {
  const { kind, spec } = specOf(kindName)
  const declared = deps.declared.get(kind, id)
  const stored = declared || !spec.id.test(id) ? undefined : await deps.store.get(kind, id)
  const known = declared ?? stored
  const own = await mayRead(kind, by.tenant, by, deps, id)
  if (!own.allowed) throw denied(kind, own.reason)
  // what may not be seen is not there
  const seen =
    known && known.tenant !== by.tenant ? await mayRead(kind, known.tenant, by, deps, id) : own
  if (!known || !seen.allowed || !isWithin(known.tenant, by)) throw notFound(kind, id)
  return declared ? withStatus(declared, deps) : entityOf(known as Stored, deps)
}

/** A tenant sees its own, and what is of no tenant; never another's, whatever its roles say. */
function isWithin(tenant: string | undefined, by: Principal): boolean {
  return by.tenant === undefined || tenant === undefined || tenant === by.tenant
}

export async function listEntities(
  query: ListQuery,
  by: Principal,
  deps: RegistryDeps,
): Promise<{ readonly items: readonly Entity[]; readonly next: string | undefined }> {
  const { kind, spec } = specOf(query.kind)
  for (const name of Object.keys(query.where ?? {}))
    if (!spec.filters.includes(name))
      throw new AppError('REGISTRY_INVALID', `${kind} cannot be filtered by ${name}`, {
        data: { problems: [{ path: name, message: 'no filter of this kind' }] },
      })
  const own = await mayRead(kind, by.tenant, by, deps)
  if (!own.allowed) throw denied(kind, own.reason)
  const tenants = await tenantsOf(kind, query, by, deps)
  if (tenants === 'none') return { items: [], next: undefined }
  const isSeen = tenantReader(kind, by, deps)
  const items: Entity[] = []
  let { after } = query
  for (let looked = 0; looked < MOST_LOOKED_AT; ) {
    const { page, end } = await pageOf(kind, after, tenants, deps)
    for (const entity of page) {
      looked++
      after = entity.id
      if (!matches(entity, query.where) || !(await isSeen(entity.tenant))) continue
      items.push(entity)
      if (items.length === query.limit)
        return { items, next: end && entity === page.at(-1) ? undefined : after }
    }
    if (end) return { items, next: undefined }
  }
  return { items, next: after }
}

/** Whether entities of a tenant may be seen; asked once for each. */
function tenantReader(kind: Kind, by: Principal, deps: RegistryDeps) {
  const known = new Map<string | undefined, boolean>([[by.tenant, true]])
  return async (tenant: string | undefined): Promise<boolean> => {
    let seen = known.get(tenant)
    if (seen === undefined) {
      seen = (await mayRead(kind, tenant, by, deps)).allowed
      known.set(tenant, seen)
    }
    return seen
  }
}

/** Whose are listed: of the tenant, of none (null), of all (undefined). */
type Tenants = readonly (string | null | undefined)[]

async function tenantsOf(
  kind: Kind,
  { tenant }: ListQuery,
  by: Principal,
  deps: RegistryDeps,
): Promise<Tenants | 'none'> {
  if (by.tenant === undefined) return [tenant]
  if (tenant !== undefined) return tenant === by.tenant ? [tenant] : 'none'
  const shared = await mayRead(kind, undefined, by, deps)
  return shared.allowed ? [by.tenant, null] : [by.tenant]
}

/** The next entities in the order of their ids, from the configuration and the store. */
async function pageOf(
  kind: Kind,
  after: string | undefined,
  tenants: Tenants,
  deps: RegistryDeps,
): Promise<{ readonly page: readonly Entity[]; readonly end: boolean }> {
  const read = await Promise.all(
    tenants.map((tenant) =>
      deps.store.list({
        kind,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
        ...(tenant === undefined ? {} : { tenant }),
      }),
    ),
  )
  const declared = deps.declared
    .list(kind)
    .filter((entity) => after === undefined || byId(entity.id, after) > 0)
    .filter((entity) => tenants.some((tenant) => includes(tenant, entity.tenant)))
  // beyond the end of a page that was full there may be more that belongs before what the others have
  const borders = read.flatMap((rows) => (rows.length < PAGE ? [] : [(rows.at(-1) as Stored).id]))
  const border = borders.toSorted(byId)[0]
  const names = new Set(declared.map(({ id }) => id))
  const dynamic = read.flat().filter(({ id }) => !names.has(id))
  const page = [
    ...declared.map((entity) => withStatus(entity, deps)),
    ...dynamic.map((stored) => entityOf(stored, deps)),
  ]
    .filter(({ id }) => border === undefined || byId(id, border) <= 0)
    .sort((one, other) => byId(one.id, other.id))
  return { page, end: border === undefined }
}

function includes(tenant: string | null | undefined, of: string | undefined): boolean {
  return tenant === undefined || (tenant ?? undefined) === of
}

/** The order of UTF-8 bytes, as the store has it. */
export function byId(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function matches({ body }: Entity, where: ListQuery['where']): boolean {
  return Object.entries(where ?? {}).every(([name, wanted]) => {
    const value: Json | undefined = body[name]
    return Array.isArray(value)
      ? value.some((item) => String(item) === wanted)
      : String(value) === wanted
  })
}

function mayRead(
  kind: Kind,
  tenant: string | undefined,
  principal: Principal,
  deps: RegistryDeps,
  name?: string,
) {
  if (principal === SYSTEM) return { allowed: true } as const
  const by = { principal, requestId: deps.createId(), surface: 'admin' }
  const target = { kind: 'entity', entity: kind, tenant, ...(name === undefined ? {} : { name }) }
  return deps.authorize(by, rightOf(kind, 'read'), target as never)
}

function denied(kind: Kind, reason: string): AppError {
  return new AppError('AUTH_DENIED', reason, { data: { right: rightOf(kind, 'read') } })
}

function entityOf(stored: Stored, deps: RegistryDeps): Entity {
  const { kind, id, tenant, version, createdAt, updatedAt } = stored
  const spec = KIND_TABLE[kind as Kind]
  const body = maskBody(spec, opened(stored, spec, deps).body)
  const entity = {
    kind,
    id,
    tenant,
    version,
    source: 'dynamic',
    body,
    createdAt,
    updatedAt,
  } as const
  return withStatus(entity, deps)
}

function withStatus(entity: Entity, deps: RegistryDeps): Entity {
  const status = deps.status(entity.kind as Kind, entity.id)
  return status ? { ...entity, status } : entity
}
