// Entities as a configuration file, and a configuration file as entities; it reads, asks and writes nothing.
import { isObject, type Json, type JsonObject } from '../../base/json.ts'
import { REDACTED } from '../../base/log.ts'
import type { Kind } from '../../identity/rights.ts'
import { type Entity, KINDS } from '../api/entity.ts'
import { NOT_THERE, PLACES, type Place } from './places.ts'

export interface Exported {
  readonly document: JsonObject
  /** Paths of the document where a secret is masked. */
  readonly masked: readonly string[]
  /** Names of what it has no place for, each with the reason. */
  readonly leftOut: readonly string[]
}

export function documentOf(entities: readonly Entity[]): Exported {
  const leftOut: string[] = []
  const root: Record<string, unknown> = { version: 1 }
  for (const kind of KINDS)
    for (const entity of entities.filter((one) => one.kind === kind)) {
      const place = PLACES[kind]
      const why = place ? missingPlace(place, entity) : (NOT_THERE[kind] ?? 'it has no section')
      if (place === undefined || why !== undefined) leftOut.push(`${kind} ${entity.id}: ${why}`)
      else put(root, place, entity)
    }
  const document = root as JsonObject
  return { document, masked: maskedIn(document, ''), leftOut }
}

function missingPlace({ tenanted }: Place, { tenant }: Entity): string | undefined {
  return tenant !== null && !tenanted ? `it belongs to the tenant ${tenant}` : undefined
}

function put(root: Record<string, unknown>, { path, by }: Place, entity: Entity): void {
  const { id, kind, body } = entity
  const holder = path.slice(0, -1).reduce((at, step) => {
    at[step] ??= {}
    return at[step] as Record<string, unknown>
  }, root)
  const last = path.at(-1) as string
  if (by === 'id') {
    holder[last] ??= {}
    ;(holder[last] as Record<string, unknown>)[id] = body
    return
  }
  holder[last] ??= []
  // in the store an entry is off until it has a mode
  const item = kind === 'plugin' ? { mode: 'disabled', ...body } : body
  ;(holder[last] as unknown[]).push(item)
}

function maskedIn(value: Json | undefined, path: string): readonly string[] {
  if (value === REDACTED) return [path]
  if (Array.isArray(value))
    return value.flatMap((inner, index) => maskedIn(inner as Json, `${path}[${index}]`))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    maskedIn(inner as Json, path === '' ? name : `${path}.${name}`),
  )
}

/** Something that is to be created. */
export interface Wanted {
  readonly kind: Kind
  /** Undefined: it is made, or the body says it. */
  readonly id: string | undefined
  readonly tenant: string | undefined
  readonly body: JsonObject
  /** Where it stands. */
  readonly at: string
}

export interface Taken {
  readonly wanted: readonly Wanted[]
  /** Places of what is no entity, or cannot be made one. */
  readonly leftOut: readonly string[]
}

export function entitiesOf(document: JsonObject): Taken {
  if (Array.isArray(document.items)) return fromItems(document.items)
  const wanted: Wanted[] = []
  for (const [kind, place] of Object.entries(PLACES) as [Kind, Place][])
    wanted.push(...itemsAt(document, kind, place))
  return { wanted, leftOut: strangers(document) }
}

function itemsAt(document: JsonObject, kind: Kind, { path, by }: Place): Wanted[] {
  const found = path.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), document)
  const where = path.join('.')
  if (by === 'id')
    return Object.entries(isObject(found) ? found : {}).map(([id, body]) =>
      wantedOf(kind, id, body, `${where}.${id}`),
    )
  return (Array.isArray(found) ? found : []).map((body: unknown, index) =>
    wantedOf(kind, idOf(kind, body), body, `${where}[${index}]`),
  )
}

// what has a name has it as its id; an entry is known by its plugin, and a grant by nothing
function idOf(kind: Kind, body: unknown): string | undefined {
  if (kind === 'plugin' || kind === 'grant' || !isObject(body)) return undefined
  const id = kind === 'principal' ? body.id : body.name
  return typeof id === 'string' ? id : undefined
}

function wantedOf(kind: Kind, id: string | undefined, body: unknown, at: string): Wanted {
  const tenant = isObject(body) && typeof body.tenant === 'string' ? body.tenant : undefined
  return { kind, id, tenant, body: (isObject(body) ? body : {}) as JsonObject, at }
}

function fromItems(items: readonly unknown[]): Taken {
  const wanted: Wanted[] = []
  const leftOut: string[] = []
  items.forEach((item, index) => {
    const { kind, id, tenant, body } = isObject(item) ? item : {}
    const at = `items[${index}]`
    const known = KINDS.find((name) => name === kind && name !== 'change')
    if (known === undefined || typeof id !== 'string') leftOut.push(`${at}: it is no entity`)
    else if (known === 'key') leftOut.push(`${at}: ${NOT_THERE.key}`)
    else {
      const whose = typeof tenant === 'string' ? tenant : undefined
      wanted.push({ ...wantedOf(known, id, body, at), tenant: whose })
    }
  })
  const order = (one: Wanted) => KINDS.indexOf(one.kind)
  return { wanted: wanted.sort((one, other) => order(one) - order(other)), leftOut }
}

/** Sections, and members of sections, that belong to the configuration of a gateway alone. */
function strangers(document: JsonObject): readonly string[] {
  const known = new Map<string, Set<string>>()
  for (const { path } of Object.values(PLACES)) {
    const [section, member] = path
    const members = known.get(section) ?? new Set()
    known.set(section, member === undefined ? members : members.add(member))
  }
  const stay = 'it stays in the configuration file of the gateway'
  return Object.entries(document).flatMap(([section, value]) => {
    if (section === 'version' || section === '$schema') return []
    const members = known.get(section)
    if (members === undefined) return [`${section}: ${stay}`]
    if (members.size === 0 || !isObject(value)) return []
    return Object.keys(value)
      .filter((member) => !members.has(member))
      .map((member) => {
        const isKeys = section === 'identity' && member === 'keys'
        return `${section}.${member}: ${isKeys ? NOT_THERE.key : stay}`
      })
  })
}
