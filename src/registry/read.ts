// What is there, as the caller may see it: declared and dynamic entities as one list, secrets masked; it changes nothing.
import { AppError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import type { Principal } from '../engine/context.ts'
import { SYSTEM } from '../engine/context.ts'
import type { Decision } from '../identity/access.ts'
import type { Kind } from '../identity/rights.ts'
import type { Stored } from '../store/store.ts'
import { KIND_TABLE, rightOf } from './kinds.ts'
import { decideOnce, targetOf } from './leave.ts'
import type { Asker, RegistryDeps } from './parts.ts'
import type { Entity, ListQuery } from './registry.ts'
import { maskBody } from './secrets.ts'
import { notFound, opened, specOf } from './writing/draft.ts'

/** How many entities one listing looks through for those that match; the next page goes on from there. */
const MOST_LOOKED_AT = 2000
const PAGE = 200

export function readerOf(
  principal: Principal,
  requestId: string | undefined,
  deps: RegistryDeps,
): Asker {
  return { principal, requestId: requestId ?? deps.createId(), surface: 'admin' }
}

export async function getEntity(
  kindName: string,
  id: string,
  by: Asker,
  deps: RegistryDeps,
): Promise<Entity> {
  const { kind, spec } = specOf(kindName)
  const declared = deps.declared.get(kind, id)
  const stored = declared || !spec.id.test(id) ? undefined : await deps.store.get(kind, id)
  const offered = declared ? undefined : await deps.offered.find(kind, id)
  const { principal } = by
  const right = rightOf(kind, 'read')
  const decision =
    principal === SYSTEM
      ? ALLOWED
      : await decideOnce({ kind, id, known: declared ?? offered ?? stored, right }, by, deps)
  if (decision === 'unknown') throw notFound(kind, id)
  if (!decision.allowed) throw denied(kind, decision)
  if (declared) return withStatus(declared, deps)
  if (offered) return offered
  if (!stored) throw notFound(kind, id)
  return entityOf(stored, deps)
}

const ALLOWED: Decision = { allowed: true }

export async function listEntities(
  query: ListQuery,
  by: Asker,
  deps: RegistryDeps,
): Promise<{ readonly items: readonly Entity[]; readonly next: string | undefined }> {
  const { kind, spec } = specOf(query.kind)
  for (const name of Object.keys(query.where ?? {}))
    if (!spec.filters.includes(name))
      throw new AppError('REGISTRY_INVALID', `${kind} cannot be filtered by ${name}`, {
        data: { problems: [{ path: name, message: 'no filter of this kind' }] },
      })
  const tenants = tenantsOf(query, by.principal)
  const seen = listReader(kind, by, deps)
  const offered = await deps.offered.list(kind)
  const items: Entity[] = []
  let { after } = query
  for (let looked = 0; looked < MOST_LOOKED_AT; ) {
    const { page, end } =
      tenants === 'none'
        ? NOTHING
        : offered
          ? pageIn(later(offered, after, tenants))
          : await pageOf(kind, after, tenants, deps)
    const found = await seen(page.filter((entity) => matches(entity, query.where)))
    const shown = found.slice(0, query.limit - items.length)
    items.push(...shown)
    if (items.length === query.limit) {
      const last = shown.at(-1)
      return { items, next: end && last === page.at(-1) ? undefined : last?.id }
    }
    if (end) return { items, next: undefined }
    looked += page.length
    after = page.at(-1)?.id ?? after
  }
  return { items, next: after }
}

const NOTHING = { page: [], end: true } as const

/**
 * Which entities of a page the caller may see: one check for all of them, each by its id and whose it is, as when it is asked for
 * alone. The first check is about the list itself, too: who may see nothing of a kind is told so.
 */
function listReader(kind: Kind, by: Asker, deps: RegistryDeps) {
  const { principal } = by
  const right = rightOf(kind, 'read')
  let isFirst = true
  return async (page: readonly Entity[]): Promise<readonly Entity[]> => {
    if (principal === SYSTEM || (page.length === 0 && !isFirst)) return page
    const about = isFirst ? [targetOf(kind, principal.tenant)] : []
    const targets = [...about, ...page.map(({ id, tenant }) => targetOf(kind, tenant, id))]
    const decisions = await deps.authorizeAll(by, right, targets)
    const [whole] = isFirst ? decisions : []
    isFirst = false
    const found = page.filter((_, place) => decisions[place + about.length]?.allowed === true)
    if (found.length > 0 || !whole || whole.allowed) return found
    const ruled = deps.rules(principal, right, targetOf(kind, principal.tenant))
    throw denied(kind, ruled.allowed ? whole : ruled)
  }
}

/** Whose are listed: of the tenant, of none (null), of all (undefined). */
type Tenants = readonly (string | null | undefined)[]

// a tenant sees its own, and what is of no tenant; never another's, whatever its roles say
function tenantsOf({ tenant }: ListQuery, { tenant: own }: Principal): Tenants | 'none' {
  if (own === undefined) return [tenant]
  if (tenant !== undefined) return tenant === own ? [tenant] : 'none'
  return [own, null]
}

const pageIn = (entities: readonly Entity[]) => ({
  page: entities.slice(0, PAGE),
  end: entities.length <= PAGE,
})

function later(
  entities: readonly Entity[],
  after: string | undefined,
  tenants: Tenants,
): readonly Entity[] {
  return entities
    .filter(({ id }) => after === undefined || byId(id, after) > 0)
    .filter((entity) => tenants.some((tenant) => includes(tenant, entity.tenant)))
    .sort((one, other) => byId(one.id, other.id))
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
  const declared = later(deps.declared.list(kind), after, tenants)
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

function denied(kind: Kind, decision: Exclude<Decision, { allowed: true }>): AppError {
  const { reason, scopes } = decision
  const data = { right: rightOf(kind, 'read'), ...(scopes ? { scopes } : {}) }
  return new AppError('AUTH_DENIED', reason, { data })
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
