// What is true of an entity without anybody having written it: whether it is in force, and how its server is.
import type { JsonObject } from '../../base/json.ts'
import type { Kind } from '../../identity/rights.ts'
import { OVERLAID } from '../../registry/overlay.ts'
import { toldOf } from '../../upstream/report.ts'
import type { Assembly } from '../generation/assemble.ts'

interface Known {
  readonly assembly: Assembly | undefined
  /** Why it is not part of what is in force. */
  readonly reason: string | undefined
  /** It is left out, though another one of its name may be in force. */
  readonly waiting: boolean
  /** It is declared, and the store has another one of its name. */
  readonly shadowing: boolean
}

export function entityStatus(
  kind: Kind,
  id: string,
  { assembly, reason, waiting, shadowing }: Known,
): JsonObject | undefined {
  if (!OVERLAID.includes(kind) || !assembly) return undefined
  const isInForce = !waiting && inForce(kind, id, assembly)
  const force: JsonObject = {
    in_force: isInForce,
    ...(isInForce || reason === undefined ? {} : { reason }),
    ...(shadowing ? { shadows: 'an entity of the store' } : {}),
  }
  const server = kind === 'server' ? assembly.servers.get(id) : undefined
  if (!server) return force
  const { status, admission } = server.upstream
  const tools = toolsOf(id, assembly)
  return {
    ...force,
    ...toldOf(server.upstream),
    admission,
    eras: status.eras,
    restarts: status.restarts,
    ...(tools === undefined ? {} : { tools }),
  }
}

/** How many it has for clients; undefined: nobody has listed them since something changed, and nobody is asked for this. */
function toolsOf(id: string, { runtime }: Assembly): number | undefined {
  const counts = Object.values(runtime.catalogs).flatMap((catalog) => {
    const known = catalog.current('tools')
    if (!known || known.missing.includes(id)) return []
    return known.items.filter(({ server }) => server === id).length
  })
  return counts.length === 0 ? undefined : Math.max(...counts)
}

function inForce(kind: Kind, id: string, { servers, runtime, plugins }: Assembly): boolean {
  if (kind === 'server') return servers.has(id)
  if (kind === 'virtual_server') return runtime.virtualServers.has(id)
  return plugins.entries.some(({ name, state }) => name === id && state === 'loaded')
}
