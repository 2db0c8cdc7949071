// The decision about writes and reads of entities: the rules in force between the auth points, as on the other plane.
import { RequestContext } from '../../engine/context.ts'
import { type Access, check } from '../../gateway/access/check.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { Authorizer } from '../../identity/access.ts'
import type { AnyOf } from '../../identity/authorize/rule.ts'
import type { IdentityEntities } from '../../registry/identity.ts'
import type { RegistryDeps } from '../../registry/parts.ts'
import type { Assembly } from '../assemble.ts'
import { authorizerFor } from '../identity-parts.ts'

export interface DecideParts {
  readonly current: () => Assembly
  /** A host knows who asks; otherwise the section `identity` and the store decide, also where the MCP plane is open to all. */
  readonly hosted: boolean
  readonly entities: () => IdentityEntities
  readonly anyOf: AnyOf
}

/** Who decides on the API plane in the generation that runs. */
export function createApiAuthorizer({
  current,
  hosted,
  entities,
  anyOf,
}: DecideParts): () => Authorizer {
  const compiled = new WeakMap<Runtime, Authorizer>()
  return () => {
    const { runtime, loaded } = current()
    if (hosted) return runtime.gate.authorizer
    const authorizer = compiled.get(runtime) ?? authorizerFor(loaded.config, anyOf, entities())
    compiled.set(runtime, authorizer)
    return authorizer
  }
}

export function createDecide(
  current: () => Assembly,
  authorizer: () => Authorizer,
): RegistryDeps['authorize'] {
  const accessOf = ({ runtime }: Assembly): Access => {
    const { pre = null, post = null } = runtime.access ?? {}
    return { authorizer: authorizer(), pre, post }
  }
  return async ({ principal, requestId, surface }, action, target) => {
    const assembly = current()
    const request = new RequestContext({
      requestId,
      trace: undefined,
      era: 'modern',
      surface,
      method: action,
      principal,
      client: undefined,
      session: undefined,
      generation: assembly.runtime.generation.id,
    })
    const asked = { action, targets: [target], listing: false }
    const { denial } = await check(accessOf(assembly), request, asked)
    if (!denial) return { allowed: true }
    const { violation, scopes } = denial
    return { allowed: false, reason: violation.reason, ...(scopes ? { scopes } : {}) }
  }
}
