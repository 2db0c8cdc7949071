// The memory of the catalogue in the store, beside the entities and none of them: only the catalogue reads and writes it.
import { createHash } from 'node:crypto'
import { isAppError } from '../../base/errors.ts'
import { type JsonObject, UnsafeNumber } from '../../base/json.ts'
import { SYSTEM } from '../../engine/context.ts'
import type { Store, StoreWrite } from '../../store/store.ts'
import type { ListedKind } from './kinds.ts'
import type { CatalogueChange, CatalogueMemory, KnownDefinition } from './memory.ts'

/** No kind of entity: no route leads to it, no right is about it, and whoever follows the store passes it by. */
export const CATALOGUE_KIND = 'catalogue'

/** What one commit takes. */
export const MOST_WRITES = 2000
const PAGE = 500
/** Other replicas write the same at the same time; who lost reads what they wrote and goes on from there. */
const ATTEMPTS = 8

export interface StoreMemoryParts {
  readonly store: Pick<Store, 'list' | 'commit'>
  readonly createId: () => string
}

export interface StoreMemory extends CatalogueMemory {
  /** Forgets servers that went while nobody was looking. */
  keepOnly(servers: ReadonlySet<string>): Promise<void>
}

interface Row {
  readonly version: number
  readonly text: string
}

/** By id: what is there, as far as is known here. */
type Rows = Map<string, Row>

/** By id; undefined: gone. */
type Wanted = ReadonlyMap<string, string | undefined>

export function createStoreMemory({ store, createId }: StoreMemoryParts): StoreMemory {
  const rows = new Map<string, Rows>()

  async function read(server: string): Promise<Rows> {
    const found: Rows = new Map()
    for (let after: string | undefined; ; ) {
      const query = { kind: CATALOGUE_KIND, prefix: `${server}/`, limit: PAGE }
      const page = await store.list(after === undefined ? query : { ...query, after })
      for (const { id, version, body } of page) found.set(id, { version, text: String(body.text) })
      after = page.at(-1)?.id
      if (page.length < PAGE) return found
    }
  }

  /** Commits what differs from what is there. Rejects as the store does, when others are faster too often. */
  async function write(server: string, known: Rows, wanted: Wanted): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const writes = [...wanted].flatMap(([id, text]) => writeOf(id, text, known.get(id)))
      if (writes.length === 0) return
      try {
        const by = { by: SYSTEM.id, requestId: createId() }
        const { versions } = await store.commit({ writes, ...by })
        for (const [index, each] of writes.entries())
          if (each.op === 'remove') known.delete(each.id)
          else
            known.set(each.id, { version: versions[index] as number, text: String(each.body.text) })
        return
      } catch (error) {
        if (!isAppError(error, 'STORE_CONFLICT') || attempt === ATTEMPTS) throw error
        const there = await read(server)
        known.clear()
        for (const [id, row] of there) known.set(id, row)
      }
    }
  }

  async function put(server: string, wanted: Wanted): Promise<void> {
    const known = rows.get(server) ?? (await read(server))
    rows.set(server, known)
    try {
      const all = [...wanted]
      for (let from = 0; from < all.length; from += MOST_WRITES)
        await write(server, known, new Map(all.slice(from, from + MOST_WRITES)))
    } catch (error) {
      // nobody knows what of it was done
      rows.delete(server)
      throw error
    }
  }

  async function forget(server: string): Promise<void> {
    rows.delete(server)
    const known = await read(server)
    await put(server, new Map([...known.keys()].map((id) => [id, undefined])))
    rows.delete(server)
  }

  return {
    async load(server) {
      const known = await read(server)
      rows.set(server, known)
      return [...known.values()].map(({ text }) => definitionOf(text))
    },
    save: (server, change) => put(server, wantedOf(server, change)),
    forget,
    async keepOnly(servers) {
      for (let after: string | undefined; ; ) {
        const query = { kind: CATALOGUE_KIND, limit: 1 }
        const [first] = await store.list(after === undefined ? query : { ...query, after })
        if (!first) return
        const [server = ''] = first.id.split('/')
        if (!servers.has(server)) await forget(server)
        // what comes after a slash: beyond all of this server, before any other
        after = `${server}0`
      }
    },
  }
}

function wantedOf(server: string, { put, removed }: CatalogueChange): Wanted {
  return new Map<string, string | undefined>([
    ...removed.map(({ kind, name }) => [idOf(server, kind, name), undefined] as const),
    ...put.map((known) => [idOf(server, known.kind, known.name), JSON.stringify(known)] as const),
  ])
}

/** Integers that a number cannot hold come back with their own digits: a store that reads them itself would round them. */
function definitionOf(text: string): KnownDefinition {
  return JSON.parse(text, (_member, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? new UnsafeNumber(String(source))
      : value,
  ) as KnownDefinition
}

/** A name may be any text of any length, which an id of the store may not. */
function idOf(server: string, kind: ListedKind, name: string): string {
  const digest = createHash('sha256').update(JSON.stringify(name)).digest('base64url')
  return `${server}/${kind}/${digest}`
}

function writeOf(id: string, text: string | undefined, there: Row | undefined): StoreWrite[] {
  const kind = CATALOGUE_KIND
  const expect = there?.version ?? 0
  if (text === undefined) return there ? [{ op: 'remove', kind, id, expect }] : []
  const body: JsonObject = { text }
  return there?.text === text ? [] : [{ op: 'put', kind, id, tenant: undefined, body, expect }]
}
