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
  /** Entities of the store that the configuration has by the same name: they wait until it has not. */
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
  // one order on all replicas: it decides between equal priorities
  for (const stored of entities.toSorted((one, other) => byId(one.id, other.id))) {
    const kind = stored.kind as Kind
    const place = PLACES[kind]
    if (!place) continue
    const { id } = stored
    if (declared(kind).has(id)) shadowed.push({ kind, id })
    else additions.push({ kind, id, path: place.path, value: place.value(stored) })
  }
  return { additions, shadowed }
}

/** What a tenant sets up sees what its own principals do, and nothing else. */
function ofTenant({ tenant }: Stored, body: JsonObject): JsonObject {
  if (tenant === undefined) return body
  const given = (body.conditions ?? [{}]) as readonly JsonObject[]
  const conditions: Json = given.map((condition) => ({ ...condition, tenants: [tenant] }))
  return { ...body, conditions }
}
