// The decision about writes and reads of entities: the rules in force between the auth points, as on the other plane.
import { RequestContext } from '../../engine/context.ts'
import { type Access, check, createAccess } from '../../gateway/access/check.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { Authorizer } from '../../identity/access.ts'
import { authorizerOptions, createAuthorizer } from '../../identity/authorize/authorizer.ts'
import type { AnyOf } from '../../identity/authorize/rule.ts'
import type { IdentityEntities } from '../../registry/identity.ts'
import type { RegistryDeps } from '../../registry/parts.ts'
import type { Assembly } from '../assemble.ts'
import type { IdentityParts } from '../identity.ts'
import type { GatewayConfig } from '../sections.ts'

export interface DecideParts {
  readonly current: () => Assembly
  /** Of a host that knows who asks; undefined: the section `identity` and the store decide. */
  readonly parts: IdentityParts | undefined
  readonly entities: () => Pick<IdentityEntities, 'roles'>
  readonly anyOf: AnyOf
}

/** The decision with its points, and the rules alone. */
export interface Decide {
  readonly authorize: RegistryDeps['authorize']
  /** Of the generation in force. */
  rules(): Authorizer
}

export function createDecide({ current, parts, entities, anyOf }: DecideParts): Decide {
  const compiled = new WeakMap<Runtime, Access>()
  const accessOf = ({ runtime, loaded }: Assembly): Access => {
    const known = compiled.get(runtime)
    if (known) return known
    const authorizer = parts?.authorizer(loaded.config) ?? own(loaded.config)
    const { generation } = runtime
    const access = createAccess(authorizer, generation) ?? { authorizer, pre: null, post: null }
    compiled.set(runtime, access)
    return access
  }
  const own = ({ identity }: GatewayConfig) =>
    createAuthorizer(
      authorizerOptions(identity, {
        anyOf,
        tenanted: true,
        dynamic: entities().roles(),
        dynamicKeys: true,
      }),
    )
  const authorize: RegistryDeps['authorize'] = async (
    { principal, requestId, surface },
    action,
    target,
  ) => {
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
  return { authorize, rules: () => accessOf(current()).authorizer }
}
