// What is added to the configuration by the entities of the store: a function of both; it loads, validates and starts nothing.
import type { Json, JsonObject } from '../base/json.ts'
import type { Kind } from '../identity/rights.ts'
import type { Stored } from '../store/store.ts'
import { byId } from './read.ts'

/** One item for a list of the configuration. */
export interface Addition {
  readonly kind: Kind
  readonly id: string
  /** Of the list. */
  readonly path: readonly string[]
  /** In the form of the file. */
  readonly value: JsonObject
}

export interface Overlay {
  readonly additions: readonly Addition[]
  /** Entities of the store whose name the configuration has, or an older one: they wait until it is free. */
  readonly shadowed: readonly { readonly kind: Kind; readonly id: string }[]
}

/** Names that are declared, by kind. */
export type DeclaredNames = (kind: Kind) => ReadonlySet<string>

interface Place {
  readonly path: readonly string[]
  value(stored: Stored): JsonObject
}

const PLACES: Readonly<Partial<Record<Kind, Place>>> = {
  // the gateway starts without it, or somebody could keep it from starting
  server: { path: ['servers'], value: ({ body }) => ({ ...body, required: false }) },
  virtual_server: { path: ['virtual_servers'], value: ({ body }) => body },
  policy: { path: ['policies'], value: (stored) => ofTenant(stored, stored.body) },
  // off until somebody has chosen a mode
  plugin: {
    path: ['plugins', 'entries'],

    value: (stored) => ofTenant(stored, { mode: 'disabled', ...stored.body }),
  },
}

/** Kinds that become part of the configuration. */
export const OVERLAID = Object.keys(PLACES) as readonly Kind[]

export function overlay(entities: readonly Stored[], declared: DeclaredNames): Overlay {
  const additions: Addition[] = []
  const shadowed: { kind: Kind; id: string }[] = []
  const twins = youngerTwins(entities)
  // one order on all replicas: it decides between equal priorities
  for (const stored of entities.toSorted((one, other) => byId(one.id, other.id))) {
    const kind = stored.kind as Kind
    const place = PLACES[kind]
    if (!place) continue
    const { id } = stored
    if (declared(kind).has(id) || twins.has(stored)) shadowed.push({ kind, id })
    else additions.push({ kind, id, path: place.path, value: place.value(stored) })
  }
  return { additions, shadowed }
}

/**
 * Policies and entries have their names in common. Two replicas can each write one of a name at the same time; with both nothing
 * could be put in force any more, so the one that came later waits.
 */
function youngerTwins(entities: readonly Stored[]): ReadonlySet<Stored> {
  const first = new Map<string, Stored>()
  const twins = new Set<Stored>()
  for (const stored of entities) {
    if (stored.kind !== 'policy' && stored.kind !== 'plugin') continue
    const other = first.get(stored.id)
    if (!other) first.set(stored.id, stored)
    else if (isBefore(stored, other)) {
      first.set(stored.id, stored)
      twins.add(other)
    } else twins.add(stored)
  }
  return twins
}

function isBefore(one: Stored, other: Stored): boolean {
  return one.createdAt === other.createdAt ? one.kind > other.kind : one.createdAt < other.createdAt
}

// a tenant may be called whatever its issuer lets it be called, and conditions are patterns
function exactly(tenant: string): string {
  if (!/[*/]/.test(tenant)) return tenant
  return `/^${tenant.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')}$/`
}

/** What a tenant sets up sees what its own principals do, and nothing else. */
function ofTenant({ tenant }: Stored, body: JsonObject): JsonObject {
  if (tenant === undefined) return body
  const given = (body.conditions ?? [{}]) as readonly JsonObject[]
  const conditions: Json = given.map((condition) => ({ ...condition, tenants: [exactly(tenant)] }))
  return { ...body, conditions }
}
