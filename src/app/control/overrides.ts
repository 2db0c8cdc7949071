// What operators say about tools, prompts and resources, as the gate of the catalogue asks for it; it changes no definition itself.
import type { Kind } from '../../identity/rights.ts'
import type { Override } from '../../registry/catalogue/gate.ts'
import { catalogueId, LISTED } from '../../registry/catalogue/kinds.ts'
import type { Followed } from '../../registry/follow.ts'

const KINDS: readonly Kind[] = ['tool', 'prompt', 'resource']

/**
 * As of now, for one generation. Undefined: nothing has to be looked up. What a tenant says of a server that is not its own, or is not
 * any more, counts for nothing.
 */
export function overrideOf(
  followed: Followed,
  tenantOf: (server: string) => string | undefined,
): Override | undefined {
  if (KINDS.every((kind) => followed.count(kind) === 0)) return undefined
  const known = new Map(
    KINDS.flatMap((kind) => followed.list(kind)).map((stored) => [
      `${stored.kind} ${stored.id}`,
      stored,
    ]),
  )
  return (listed, server, name) => {
    const said = known.get(`${LISTED[listed].entity} ${catalogueId(listed, server, name)}`)
    if (!said || (said.tenant !== undefined && said.tenant !== tenantOf(server))) return undefined
    const { body } = said
    const { title, description } = body
    const definition = {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
    }
    const enabled = body.enabled !== false
    return Object.keys(definition).length > 0 ? { enabled, definition } : { enabled }
  }
}
