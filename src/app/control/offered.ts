// What servers list as entities of the API: what became of each thing, and what operators say of it; it asks servers only what clients ask.
import type { JsonObject } from '../../base/json.ts'
import { PATIENCE_MS } from '../../gateway/catalog/catalog.ts'
import type { Kind } from '../../identity/rights.ts'
import { catalogueId, type ListedKind } from '../../registry/catalogue/kinds.ts'
import type { KnownCatalogue } from '../../registry/catalogue/known.ts'
import type { KnownDefinition, Veto } from '../../registry/catalogue/memory.ts'
import type { Followed } from '../../registry/follow.ts'
import type { Offered } from '../../registry/parts.ts'
import type { Entity } from '../../registry/registry.ts'
import { identityOf } from '../../registry/writing/offered.ts'
import type { Stored } from '../../store/store.ts'
import type { Assembly } from '../generation/assemble.ts'
import { counts } from './overrides.ts'

export interface OfferedParts {
  /** Undefined before the first start. */
  readonly current: () => Assembly | undefined
  readonly followed: Pick<Followed, 'list' | 'get'>
  readonly known: Pick<KnownCatalogue, 'seen'>
}

const LISTED_OF: Readonly<Partial<Record<Kind, readonly ListedKind[]>>> = {
  tool: ['tools'],
  prompt: ['prompts'],
  resource: ['resources', 'templates'],
}
const ERAS = ['modern', 'legacy'] as const

/** One thing that a server lists. */
interface Listed {
  readonly listed: ListedKind
  readonly server: string
  readonly name: string
  /** As it is shown; undefined: to nobody. */
  readonly definition: JsonObject | undefined
  /** Where clients find it. */
  readonly eras: string[]
}

export function createOffered(parts: OfferedParts): Offered {
  const list = async (kind: Kind, kinds: readonly ListedKind[]): Promise<readonly Entity[]> => {
    const assembly = parts.current()
    const found = assembly ? await listedIn(assembly, kinds) : new Map<string, Listed>()
    const make = await maker(parts, kind)
    const said = parts.followed.list(kind).filter(({ id }) => !found.has(id))
    return [
      ...(await Promise.all([...found].map(([id, listed]) => make(id, listed)))),
      ...(await Promise.all(said.map(({ id }) => make(id, undefined)))),
    ]
  }
  return {
    list(kind) {
      const kinds = LISTED_OF[kind]
      return kinds && list(kind, kinds)
    },
    async find(kind, id) {
      const kinds = LISTED_OF[kind]
      const assembly = parts.current()
      if (!kinds || !identityOf(kind, id)) return undefined
      const listed = assembly && (await listedIn(assembly, kinds)).get(id)
      if (!listed && !parts.followed.get(kind, id)) return undefined
      return (await maker(parts, kind))(id, listed)
    },
  }
}

/** By id: what the servers list to clients of either era, and what of it nobody is shown. */
async function listedIn(
  { runtime }: Assembly,
  kinds: readonly ListedKind[],
): Promise<ReadonlyMap<string, Listed>> {
  const found = new Map<string, Listed>()
  for (const listed of kinds)
    for (const era of ERAS) {
      const { items, withheld } = await runtime.catalogs[era].list(listed, PATIENCE_MS)
      for (const { server, name, definition } of items) {
        const id = catalogueId(listed, server, name)
        const known = found.get(id)
        if (known?.definition) known.eras.push(era)
        else found.set(id, { listed, server, name, definition, eras: [era] })
      }
      for (const { server, name } of withheld) {
        const id = catalogueId(listed, server, name)
        if (!found.has(id)) found.set(id, { listed, server, name, definition: undefined, eras: [] })
      }
    }
  return found
}

type Make = (id: string, listed: Listed | undefined) => Promise<Entity>

async function maker({ current, followed, known }: OfferedParts, kind: Kind): Promise<Make> {
  const assembly = current()
  return async (id, listed) => {
    const server = String(identityOf(kind, id)?.server)
    const owner = assembly?.servers.get(server)?.upstream.info.tenant
    const stored = followed.get(kind, id)
    if (!listed) return { ...entityOf(kind, id, stored), status: { state: 'absent', server } }
    const said = stored && counts(stored, owner) ? stored : undefined
    const { definition, eras } = listed
    const veto = definition
      ? undefined
      : vetoOf((await known.seen(server, listed.listed)).get(listed.name))
    return {
      ...entityOf(kind, id, said),
      tenant: owner,
      source: 'catalogue',
      body: { enabled: true, ...describing(definition), ...said?.body },
      status: {
        state: stateOf(listed, veto, said),
        server,
        eras,
        ...(definition ? { definition } : {}),
        ...(veto ? { violation: { ...veto } } : {}),
        ...(said ? { overridden: Object.keys(said.body) } : {}),
      },
    }
  }
}

function entityOf(kind: Kind, id: string, stored: Stored | undefined): Entity {
  const { tenant, version = 0, body = {}, createdAt, updatedAt } = stored ?? {}
  return { kind, id, tenant, version, source: 'dynamic', body, createdAt, updatedAt }
}

/** `pending`: nobody could judge it yet. */
function stateOf({ definition }: Listed, veto: Veto | undefined, said: Stored | undefined): string {
  if (definition) return 'listed'
  if (veto) return 'vetoed'
  return said?.body.enabled === false ? 'disabled' : 'pending'
}

function vetoOf(known: KnownDefinition | undefined): Veto | undefined {
  const { listed = {}, verdicts = [] } = known ?? {}
  const now = Object.values(listed)
  return verdicts.findLast(({ digest, admitted }) => !admitted && now.includes(digest))?.violation
}

function describing(definition: JsonObject | undefined): JsonObject {
  const { title, description } = definition ?? {}
  return {
    ...(typeof title === 'string' ? { title } : {}),
    ...(typeof description === 'string' ? { description } : {}),
  }
}
