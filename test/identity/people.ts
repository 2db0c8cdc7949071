// Principals as the tests of identity need them, and the compiler of patterns.
import { ANONYMOUS, type Principal } from '../../src/engine/context.ts'
import { compileAnyOf } from '../../src/expression/pattern.ts'
import {
  type AuthorizerOptions,
  createAuthorizer,
} from '../../src/identity/authorize/authorizer.ts'
import type { AnyOf } from '../../src/identity/authorize/rule.ts'
import { CREDENTIAL_CLAIM, makePrincipal } from '../../src/identity/principal.ts'

export const anyOf: AnyOf = (texts, options) => compileAnyOf(texts, { path: false, ...options })

export { ANONYMOUS, CREDENTIAL_CLAIM }

/** A user with a token. */
export function someone(
  roles: readonly string[],
  more: {
    tenant?: string
    scopes?: readonly string[]
    credential?: 'token' | 'api_key' | 'certificate'
  } = {},
): Principal {
  const { tenant, scopes = [], credential = 'token' } = more
  const claims = {}
  return makePrincipal({ id: 'alice', kind: 'user', roles, scopes, tenant, claims, credential }, [])
}

export function authorizer(options: Partial<AuthorizerOptions> = {}) {
  return createAuthorizer({ roles: [], anyOf, tenanted: false, scopedKeys: false, ...options })
}
