// The listings of all servers as one: items in the order of the configuration, exposed names, owners of URIs. Pure.
import type { Upstream } from '../../upstream/client.ts'
import { type Item, LISTS, type Listing, type ListKind } from './listing.ts'
import { type Naming, type NamingOptions, nameAll, type OwnName } from './names.ts'
import { createUriIndex, type UriIndex } from './uris.ts'

export interface Merged {
  readonly items: readonly Item[]
  readonly naming: Naming<Item>
  readonly uris: UriIndex<Item>
  /** The least of all servers; undefined when none says. */
  readonly ttlMs: number
  readonly cacheScope: 'public' | 'private'
  /** Servers that could not be asked: their items are missing, those of the others are not. */
  readonly missing: readonly string[]
}

/** By server; null: it offers none of the kind, or could not be asked. */
export type Parts = readonly (Listing | null)[]

export const isSame = (before: Parts, now: Parts) =>
  before.every((part, index) => part === now[index])

export function merge(
  { parts, reserved }: { readonly parts: Parts; readonly reserved: Parts },
  upstreams: readonly Upstream[],
  kind: ListKind,
  naming: NamingOptions,
): Merged {
  const present = parts.filter((part) => part !== null)
  const items = present.flatMap((part) => part.items)
  const owned = parts.flatMap((part, index) => (part ?? reserved[index])?.items ?? [])
  const held = upstreams.flatMap(({ name: server }, index) =>
    ((parts[index] ?? reserved[index])?.withheld ?? []).map((name) => ({ server, name })),
  )
  return {
    items,
    naming: LISTS[kind].key === 'name' ? nameBeside(owned, held, naming) : nameAll([], naming),
    uris: createUriIndex(LISTS[kind].key === 'name' ? [] : owned),
    ttlMs: present.length === 0 ? 0 : Math.min(...present.map((part) => part.ttlMs)),
    cacheScope:
      present.length > 0 && present.every((part) => part.cacheScope === 'public')
        ? 'public'
        : 'private',
    missing: upstreams
      .filter((upstream, index) => parts[index] === null && upstream.status.state !== 'ready')
      .map((upstream) => upstream.name),
  }
}

// what is withheld keeps its name and answers to none: no other server's tool may answer to it meanwhile
function nameBeside(
  items: readonly Item[],
  held: readonly OwnName[],
  options: NamingOptions,
): Naming<Item> {
  if (held.length === 0) return nameAll(items, options)
  const { byExposed, exposed } = nameAll<Item | OwnName>([...items, ...held], options)
  const shown = new Map(
    [...byExposed].filter((entry): entry is [string, Item] => 'definition' in entry[1]),
  )
  const isShown = (name: string | undefined) => name !== undefined && shown.has(name)
  return {
    byExposed: shown,
    exposed(server, name) {
      const found = exposed(server, name)
      return isShown(found) ? found : undefined
    },
  }
}
