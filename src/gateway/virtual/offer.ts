// What a client is told of the servers when it comes in: in a virtual server, of those it selects something of, and only that.
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Era, UpstreamLink } from '../../upstream/client.ts'
import { LISTS, type ListKind } from '../catalog/listing.ts'
import type { Runtime } from '../runtime.ts'

/** A server's name and what it says of itself. */
export type Offer = readonly [string, Pick<UpstreamLink, 'era' | 'capabilities' | 'instructions'>]

/** The servers with the capabilities that are left of theirs; those that nothing is left of are not among them. */
export async function offersOf(
  { virtualServer, catalogs }: Runtime,
  era: Era,
  links: readonly Offer[],
): Promise<readonly Offer[]> {
  if (!virtualServer) return links
  const kinds = (Object.keys(LISTS) as ListKind[]).filter((kind) => virtualServer.mayOffer(kind))
  const lists = await Promise.all(kinds.map((kind) => catalogs[era].list(kind)))
  const selected = new Map<string, Set<string>>()
  lists.forEach(({ items }, index) => {
    const { capability } = LISTS[kinds[index] as ListKind]
    for (const { server } of items)
      selected.set(server, (selected.get(server) ?? new Set()).add(capability))
  })
  return links.flatMap(([name, { era: spoken, capabilities, instructions }]) => {
    const kept = selected.get(name)
    return kept
      ? [[name, { era: spoken, capabilities: remaining(capabilities, kept), instructions }]]
      : []
  })
}

/** What a capability is about; the others, such as logging, belong to the server as a whole. */
const ABOUT: Readonly<Record<string, readonly string[]>> = {
  tools: ['tools'],
  prompts: ['prompts'],
  resources: ['resources'],
  completions: ['prompts', 'resources'],
  tasks: ['tools'],
  extensions: ['tools'],
}

function remaining(capabilities: JsonObject, kept: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(
    Object.entries(capabilities).filter(
      ([name, value]) =>
        isObject(value) && (ABOUT[name]?.some((capability) => kept.has(capability)) ?? true),
    ),
  )
}
