// What of a list its reader may see: a page that stays full while there is more, and one check for it; it cuts no page and names nothing.
import type { Target } from '../../identity/access.ts'
import type { Right } from '../../identity/rights.ts'
import { PATIENCE_MS } from '../catalog/catalog.ts'
import type { Item, ListKind } from '../catalog/listing.ts'
import type { Call } from '../exchange.ts'
import { check } from './check.ts'
import { type AimKind, type Denied, denialOf, targetOf } from './permit.ts'

const OF: Readonly<Record<ListKind, { readonly right: Right; readonly kind: AimKind }>> = {
  tools: { right: 'mcp:tool.list', kind: 'tool' },
  prompts: { right: 'mcp:prompt.list', kind: 'prompt' },
  resources: { right: 'mcp:resource.list', kind: 'resource' },
  templates: { right: 'mcp:resource.list', kind: 'resource' },
}

/** Where in the list to begin, and how many items are wanted. */
export interface Window {
  readonly start: number
  readonly count: number
}

/** So many of them, or all there are. Rejects with a fault; a denial of the whole list is an answer. */
export async function visible(
  call: Call,
  kind: ListKind,
  items: readonly Item[],
  { start, count }: Window,
): Promise<readonly Item[] | Denied> {
  if (call.exchange.runtime.access === null) return items.slice(start, start + count)
  const shown: Item[] = []
  let at = start
  do {
    const next = items.slice(at, at + count)
    at += next.length
    const seen = await seenOf(call, kind, next)
    if ('denied' in seen) return seen
    shown.push(...seen)
  } while (shown.length < count && at < items.length)
  return shown.slice(0, count)
}

/** One check. */
async function seenOf(
  call: Call,
  kind: ListKind,
  items: readonly Item[],
): Promise<readonly Item[] | Denied> {
  const { exchange, room } = call
  const { access } = exchange.runtime
  if (access === null) return items
  const { right: action, kind: aim } = OF[kind]
  const targets: Target[] = items.map((item) => targetOf(exchange, aim, item))
  const { denial, denied } = await check(access, exchange.request, {
    action,
    targets,
    listing: true,
  })
  const { violation } = denial ?? {}
  exchange.decided = true
  room.report.decided(exchange, { action, count: targets.length, hidden: denied.size, violation })
  if (denial) return { denied: denialOf(call, denial) }
  return denied.size === 0 ? items : items.filter((_, place) => !denied.has(place))
}

/**
 * The servers of which the rules show the caller anything; undefined: all of them. It decides about no item, so plugins are not asked;
 * a server that is slow to list is none of them yet.
 */
export async function serversShown({ exchange }: Call): Promise<ReadonlySet<string> | undefined> {
  const { runtime, identity } = exchange
  const { authorizer } = runtime.gate
  if (authorizer.open) return undefined
  const catalog = runtime.catalogs[identity.era]
  const kinds = Object.keys(OF) as ListKind[]
  const lists = await Promise.all(kinds.map((kind) => catalog.list(kind, PATIENCE_MS)))
  const shown = new Set<string>()
  kinds.forEach((kind, index) => {
    const { right, kind: aim } = OF[kind]
    const items = lists[index]?.items ?? []
    const targets = items.map((item) => targetOf(exchange, aim, item))
    authorizer.decideAll(identity.principal, right, targets).forEach(({ allowed }, place) => {
      if (allowed) shown.add((items[place] as Item).server)
    })
  })
  return shown
}
