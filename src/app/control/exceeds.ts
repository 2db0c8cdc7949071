// Who would have which rights by a key or a grant that is about to be written, compared with whoever writes it; the comparison is made elsewhere.
import type { JsonObject } from '../../base/json.ts'
import type { Principal } from '../../engine/context.ts'
import type { Authorizer } from '../../identity/access.ts'
import type { AnyOf } from '../../identity/authorize/rule.ts'
import { compileGrants } from '../../identity/grants.ts'
import { makePrincipal, type Proven } from '../../identity/principal.ts'
import type { IdentityEntities } from '../../registry/identity.ts'
import type { RegistryDeps } from '../../registry/parts.ts'
import type { Assembly } from '../generation/assemble.ts'
import { directories } from '../identity-parts.ts'

export interface ExceedsParts {
  readonly current: () => Assembly
  readonly entities: () => IdentityEntities
  readonly anyOf: AnyOf
}

export function createExceeds(
  { current, entities, anyOf }: ExceedsParts,
  authorizer: () => Authorizer,
): RegistryDeps['exceeds'] {
  const receiver = (proven: Proven): Principal => {
    const { grants } = directories(current().loaded.config.identity, entities())
    return makePrincipal(proven, compileGrants(grants, anyOf)(proven))
  }
  return (by, { kind, tenant, body }) => {
    if ((kind !== 'key' && kind !== 'grant') || !body) return undefined
    const given = {
      credential: 'api_key',
      kind: 'service',
      id: '',
      roles: textsOf(body.roles),
      scopes: ['*'],
      tenant,
      claims: {},
    } as const
    // a key brings also what is granted to whoever it names
    const who =
      kind === 'grant'
        ? makePrincipal(given, [])
        : receiver({ ...given, id: String(body.principal), scopes: textsOf(body.scopes, ['*']) })
    return authorizer().beyond?.(by, who)
  }
}

function textsOf(
  value: JsonObject[string] | undefined,
  otherwise: readonly string[] = [],
): readonly string[] {
  return Array.isArray(value) ? value.map(String) : otherwise
}
