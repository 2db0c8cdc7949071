// What of a list its reader may see: a page that stays full while there is more, and one check for it; it cuts no page and names nothing.
import type { Target } from '../../identity/access.ts'
import type { Right } from '../../identity/rights.ts'
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
  const targets: Target[] = items.map((item) => targetOf(call, aim, item))
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
