// Whether an entity goes with everything else: the whole configuration with it is validated, and a plugin is tried before it is written down.
import { isAppError, messageOf } from '../../base/errors.ts'
import type { LoadedConfig, Loader } from '../../config/load.ts'
import { problemsOf } from '../../config/problem.ts'
import type { ServerInfo } from '../../engine/context.ts'
import type { Kind } from '../../identity/rights.ts'
import { OVERLAID } from '../../registry/overlay.ts'
import type { Checks, Prospect } from '../../registry/parts.ts'
import type { BodyProblem } from '../../registry/secrets.ts'
import { identityOf } from '../../registry/writing/offered.ts'
import type { Stored } from '../../store/store.ts'
import type { GatewayConfig } from '../sections.ts'
import { effectiveConfig, nameOf } from './effective.ts'

export interface TogetherParts {
  readonly loader: Loader<GatewayConfig>
  readonly base: () => LoadedConfig<GatewayConfig>
  readonly entities: () => readonly Stored[]
  probe(loaded: LoadedConfig<GatewayConfig>, name: string): Promise<void>
  /** What is known of a server that is configured. */
  server(name: string): Pick<ServerInfo, 'tenant'> | undefined
}

export function togetherCheck(parts: TogetherParts): Checks['together'] {
  return async (prospect) => {
    const { kind, id, body } = prospect
    if (!OVERLAID.includes(kind)) return ownServer(prospect, parts)
    try {
      const { loaded, waiting } = effectiveConfig(
        parts.loader,
        parts.base(),
        withProspect(parts.entities(), prospect),
      )
      const reason = waiting.get(nameOf(kind, id))
      if (reason !== undefined && body) return [{ path: '', message: reason }]
      if (body && isPlugin(kind)) await parts.probe(loaded, id)
      return []
    } catch (error) {
      return problemsFrom(error)
    }
  }
}

// what others share, one tenant alone has no say about; of a server to come, what is said counts once it is the tenant's
function ownServer({ kind, id, tenant, body }: Prospect, parts: TogetherParts) {
  const server = identityOf(kind, id)?.server
  if (server === undefined || tenant === undefined || !body) return []
  const known = parts.server(String(server))
  if (!known || known.tenant === tenant) return []
  return [{ path: 'id', message: `the server ${server} is none of the tenant ${tenant}` }]
}

const isPlugin = (kind: Kind): boolean => kind === 'policy' || kind === 'plugin'

function withProspect(entities: readonly Stored[], { kind, id, tenant, body }: Prospect): Stored[] {
  const isIt = (stored: Stored) => stored.kind === kind && stored.id === id
  const others = entities.filter((stored) => !isIt(stored))
  if (!body) return others
  // what is new is younger than all that is there
  const createdAt = entities.find(isIt)?.createdAt ?? Number.MAX_SAFE_INTEGER
  return [...others, { kind, id, tenant, body, version: 0, createdAt, updatedAt: createdAt }]
}

function problemsFrom(error: unknown): readonly BodyProblem[] {
  const problems = isAppError(error) ? problemsOf(error) : []
  if (problems.length === 0) return [{ path: '', message: messageOf(error) }]
  return problems.map(({ message }) => ({ path: '', message }))
}
