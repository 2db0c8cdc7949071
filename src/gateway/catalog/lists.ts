// The list methods: what the servers of the client's era offer, merged, paged, shown to the list points, under exposed names.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { POINTS } from '../../points/table.ts'
import type { Denied } from '../access/permit.ts'
import { visible } from '../access/visible.ts'
import { type Answer, denialAnswer, type RpcId } from '../answer.ts'
import type { Call } from '../exchange.ts'
import { serverMeta } from '../meta.ts'
import { PATIENCE_MS } from './catalog.ts'
import type { Place } from './cursor.ts'
import { listBytes } from './listed.ts'
import { type Item, LISTS, type ListKind } from './listing.ts'
import type { Merged } from './merge.ts'

const POINT_OF = {
  tools: 'tool_post_list',
  prompts: 'prompt_post_list',
  resources: 'resource_post_list',
  templates: 'resource_post_list',
} as const

/** Items on one page; a client that asks again gets the next ones. */
const PAGE = 250

export function lister(kind: ListKind): (call: Call) => Promise<Answer> {
  return async (call) => {
    const { identity, runtime, request } = call.exchange
    const catalog = runtime.catalogs[identity.era]
    const merged = catalog.current(kind) ?? (await catalog.list(kind, PATIENCE_MS))
    const found = await page(call, kind, merged)
    if ('denied' in found) return found.denied
    const { items, next } = found
    const runner = runtime.generation.runner(POINT_OF[kind])
    let shown: readonly { server: string; item: JsonObject }[] = items.map(
      ({ server, definition }) => ({ server, item: definition }),
    )
    if (runner) {
      request.origin = 'upstream'
      const cursor = call.message.params?.cursor as string | undefined
      const outcome = await runner.dispatch(
        { items: shown, ...(cursor === undefined ? {} : { cursor }) },
        request,
        {},
      )
      if (outcome.kind === 'fault') throw outcome.fault
      if (outcome.kind === 'deny') {
        return denialAnswer(POINTS[POINT_OF[kind]].denial, outcome.violation, {
          id: call.message.id,
          requestId: identity.requestId,
          era: identity.era,
        })
      }
      shown = outcome.payload.items
    }
    const rest = {
      ...(next === undefined ? {} : { nextCursor: next }),
      ...(identity.era === 'modern'
        ? modernMembers(call, merged, runner !== null || runtime.access !== null)
        : {}),
    }
    const { listed } = call.room
    const texts = shown.map(({ server, item }) => listed.text(kind, merged, server, item))
    const id = call.message.id as RpcId
    return { bytes: listBytes(id, LISTS[kind].member, texts, rest), status: 200 }
  }
}

// a list that policies or rights have filtered may differ by who asks, so nobody may share it (server/tools#listing-tools)
function modernMembers(call: Call, merged: Merged, filtered: boolean): JsonObject {
  return {
    resultType: 'complete',
    ttlMs: filtered ? 0 : merged.ttlMs,
    cacheScope: filtered ? 'private' : merged.cacheScope,
    _meta: serverMeta(call.room.self),
  }
}

async function page(
  call: Call,
  kind: ListKind,
  merged: Merged,
): Promise<Denied | { items: readonly Item[]; next: string | undefined }> {
  const { cursor } = call.message.params ?? {}
  if (cursor !== undefined && typeof cursor !== 'string')
    throw new AppError('WIRE_INVALID_PARAMS', 'params.cursor is not a string')
  const { era, virtualServer } = call.exchange.identity
  const list = virtualServer === undefined ? `${era}:${kind}` : `${era}:${kind}:${virtualServer}`
  const start = cursor === undefined ? 0 : after(merged, call.room.cursors.open(list, cursor))
  // one more than fits: whether there is another page is about what this reader may see
  const seen = await visible(call, kind, merged.items, { start, count: PAGE + 1 })
  if ('denied' in seen) return seen
  const items = seen.slice(0, PAGE)
  const last = items.at(-1)
  const more = last !== undefined && seen.length > PAGE
  return {
    items,
    next: more
      ? call.room.cursors.seal(list, { server: last.server, key: last.name, near: start })
      : undefined,
  }
}

// the item may be gone since: then the page goes on where it stood among the items of its server, or with the next server
function after({ items }: Merged, { server, key, near = 0 }: Place): number {
  const isIt = (item: Item | undefined) => item?.server === server && item.name === key
  // where nothing was added or taken away it is not far from where its page began
  for (let at = near; at < near + 2 * PAGE; at++) if (isIt(items[at])) return at + 1
  const exact = items.findIndex(isIt)
  if (exact !== -1) return exact + 1
  const own = items.findIndex((item) => item.server === server)
  return own === -1 ? items.length : own
}
