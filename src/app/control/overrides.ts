// What operators say about tools, prompts and resources, as the gate of the catalogue asks for it; it changes no definition itself.
import type { Kind } from '../../identity/rights.ts'
import type { Override } from '../../registry/catalogue/gate.ts'
import { catalogueId, LISTED } from '../../registry/catalogue/kinds.ts'
import type { Followed } from '../../registry/follow.ts'
import type { Stored } from '../../store/store.ts'

const KINDS: readonly Kind[] = ['tool', 'prompt', 'resource']

/**
 * As of now, for one generation. Undefined: nothing has to be looked up. What a tenant says counts for servers of its own; what is
 * said for the gateway as a whole counts for all.
 */
export function overrideOf(
  followed: Followed,
  tenantOf: (server: string) => string | undefined,
): Override | undefined {
  if (KINDS.every((kind) => followed.count(kind) === 0)) return undefined
  const known = new Map(
    KINDS.flatMap((kind) => followed.list(kind)).map((said) => [`${said.kind} ${said.id}`, said]),
  )
  return (listed, server, name) => {
    const said = known.get(`${LISTED[listed].entity} ${catalogueId(listed, server, name)}`)
    if (!said || !counts(said, tenantOf(server))) return undefined
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

/** Whether it is said of a server of this tenant by somebody who has a say there. */
export function counts({ tenant }: Pick<Stored, 'tenant'>, owner: string | undefined): boolean {
  return tenant === undefined || tenant === owner
}
