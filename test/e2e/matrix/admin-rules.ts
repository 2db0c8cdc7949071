// What the coverage matrix states about the admin API: a cell for every route of its table and every way a request can end, by rule.
import type { Route } from '../../../src/admin/route.ts'
import { routesOf } from '../../../src/admin/routes/table.ts'
import { entityKinds } from '../../../src/app/admin/kinds.ts'
import type { Kind } from '../../../src/identity/rights.ts'
import type { PointName } from '../../../src/points/table.ts'
import { KIND_TABLE, postOf } from '../../../src/registry/kinds.ts'
import { REGISTRY_SCHEMA } from '../../../src/registry/options.ts'
import type { Cell, Counts, SentenceId } from './expected.ts'

/** How a request ends, and why. */
export const VARIANTS = {
  allowed: 'allowed',
  created: 'allowed, by `PUT` with `If-None-Match: *`',
  repeated: 'sent twice with the same `Idempotency-Key`',
  dry: 'a dry run',
  waits: 'waits for the approval of somebody else',
  vetoed: 'vetoed at its pre-point',
  'auth-vetoed': 'vetoed at `auth_pre_check`',
  denied: 'denied, because no role allows it',
  own: 'denied, because the change is one of his own',
  anonymous: 'without credentials',
  unknown: 'about what is not there',
  exists: 'about what is there already',
  conflict: 'of another version than `If-Match` says',
  invalid: 'with a body that is no entity',
  malformed: 'with a body that is no JSON',
} as const
export type Variant = keyof typeof VARIANTS

export const ADMIN_ROUTES: readonly Route[] = routesOf(entityKinds())

type Write = 'create' | 'update' | 'remove'

const WRITE_OF: Readonly<Partial<Record<Route['method'], Write>>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'remove',
}

/** Of a route that writes entities of its kind; deciding about a change is none of these. */
export function writeOf({ kind, method, path }: Route): Write | undefined {
  return kind === undefined || /\/(approve|refuse)$/.test(path) ? undefined : WRITE_OF[method]
}

const isDecision = ({ path }: Route): boolean => /\/(approve|refuse)$/.test(path)

/** The kind whose change is decided about. */
export const DECIDED_KIND: Kind = 'peer'

/** The point that `explain` is asked about. */
export const EXPLAINED = 'config_pre_reload'

/** What the operation itself fires, by the table of kinds. */
function preOf(route: Route, variant: Variant): PointName | undefined {
  if (route.operation === 'reload') return 'config_pre_reload'
  if (route.operation === 'approveChange') return KIND_TABLE[DECIDED_KIND].points?.create
  const write = variant === 'created' ? 'create' : writeOf(route)
  return write && route.kind && KIND_TABLE[route.kind].points?.[write]
}

const approvable: readonly string[] = REGISTRY_SCHEMA.properties.approval.items.enum

/** Every way in which a request to this route can end. */
export function variantsOf(route: Route): readonly Variant[] {
  const { right, kind, method, headers, query, body, path } = route
  const write = writeOf(route)
  const possible: Readonly<Record<Variant, boolean>> = {
    allowed: true,
    created: write === 'update' && headers.includes('If-None-Match'),
    repeated: headers.includes('Idempotency-Key'),
    dry: 'dryRun' in query,
    waits: write !== undefined && approvable.includes(kind ?? ''),
    vetoed: preOf(route, 'allowed') !== undefined,
    'auth-vetoed': right !== undefined,
    denied: right !== undefined,
    own: isDecision(route),
    anonymous: true,
    unknown: path.includes('{id}'),
    exists: write === 'create',
    conflict: headers.includes('If-Match'),
    invalid: write !== undefined && method !== 'DELETE',
    malformed: body !== undefined,
  }
  return (Object.keys(VARIANTS) as Variant[]).filter((variant) => possible[variant])
}

const REACHED: ReadonlySet<Variant> = new Set([
  'allowed',
  'created',
  'repeated',
  'dry',
  'waits',
  'vetoed',
])
const WRITTEN: ReadonlySet<Variant> = new Set(['allowed', 'created', 'repeated'])

/** A request is decided about once, before anything else is looked at; about an entity when its body has been read. */
function isChecked({ right, kind }: Route, variant: Variant): boolean {
  if (right === undefined || variant === 'anonymous') return false
  return variant !== 'malformed' || kind === undefined
}

export function adminCell(route: Route, variant: Variant): Cell {
  const counts: Partial<Record<PointName, number>> = {}
  const zero: Partial<Record<PointName, SentenceId>> = {}
  const checks = isChecked(route, variant) ? (variant === 'repeated' ? 2 : 1) : 0
  for (const point of ['auth_pre_check', 'auth_post_check'] as const)
    if (checks > 0) counts[point] = checks
    else zero[point] = route.right === undefined ? 'everybody' : 'api-order'
  const pre = preOf(route, variant)
  if (pre) {
    const post = postOf(pre)
    if (REACHED.has(variant)) counts[pre] = 1
    else zero[pre] = 'api-order'
    if (variant === 'dry' || variant === 'waits') zero[post] = 'unended'
    else if (REACHED.has(variant)) counts[post] = 1
    else zero[post] = 'api-order'
  }
  // a dry run of every entry of the point that is asked about
  if (route.operation === 'explain' && variant === 'allowed') counts[EXPLAINED] = 1
  return { counts: { ...counts, ...(WRITTEN.has(variant) ? inForce(route, variant) : {}) }, zero }
}

/** Entries of the configuration. */
const ENTRIES = 3

/** What comes of a write when it is put in force: states of a server, the loading of entries. */
function inForce(route: Route, variant: Variant): Counts {
  if (route.operation === 'reload') return loads(ENTRIES)
  const write = variant === 'created' ? 'create' : writeOf(route)
  if (route.operation === 'attestServer') return { server_pre_admit: 1 }
  if (route.kind === 'server' && write)
    return {
      server_status_changed: STATES[write],
      // one that starts, or starts as another one, is asked about
      ...(write === 'remove' ? {} : { server_pre_admit: 1 }),
    }
  if (!write || (route.kind !== 'policy' && route.kind !== 'plugin')) return {}
  // all are loaded anew; an entry of a plugin has no mode yet, and is off
  return loads(route.kind === 'policy' && write !== 'remove' ? ENTRIES + 1 : ENTRIES)
}

/** Starting and ready; the same beside the old one that ends; that it ends. */
const STATES = { create: 2, update: 3, remove: 1 } as const

const loads = (count: number): Counts => ({ plugin_pre_load: count, plugin_post_load: count })

/** One row of the document: routes whose cells of a variant are the same. */
export interface AdminRow {
  readonly variant: Variant
  readonly routes: readonly Route[]
  readonly cell: Cell
}

export function adminRows(): readonly AdminRow[] {
  const cells = (Object.keys(VARIANTS) as Variant[]).flatMap((variant) =>
    ADMIN_ROUTES.filter((route) => variantsOf(route).includes(variant)).map((route) => ({
      variant,
      route,
      cell: adminCell(route, variant),
    })),
  )
  const groups = Map.groupBy(cells, ({ variant, cell }) => JSON.stringify([variant, cell]))
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    return first
      ? [{ variant: first.variant, cell: first.cell, routes: group.map(({ route }) => route) }]
      : []
  })
}
