// How scopes narrow what roles give: those of an API key are rights, those of a token are what the configuration maps rights to.
import type { Principal } from '../../engine/context.ts'
import type { Decision } from '../access.ts'
import { CREDENTIAL_CLAIM, type CredentialKind } from '../principal.ts'
import { RIGHTS, rightsMatching } from '../rights.ts'

export interface ScopeRules {
  /** Why the scopes of the principal do not cover the right; undefined: they do. */
  check(principal: Principal, action: string): Decision | undefined
  /** Whether tokens need a scope of its own for the right. */
  narrows(action: string): boolean
  credentialOf(claims: Principal['claims']): CredentialKind | undefined
}

/** `mapping`: right, with * a glob, to scope. Of several that match all are needed. */
export function createScopeRules(
  mapping: Readonly<Record<string, string>>,
  required: readonly string[],
): ScopeRules {
  const needed = new Map<string, readonly string[]>(Object.keys(RIGHTS).map((right) => [right, []]))
  for (const [pattern, scope] of Object.entries(mapping))
    for (const right of rightsMatching(pattern))
      needed.set(right, [...new Set([...(needed.get(right) ?? []), scope])])

  return {
    narrows: (action) => (needed.get(action)?.length ?? 0) > 0,
    credentialOf,
    check(principal, action) {
      const credential = credentialOf(principal.claims)
      if (credential === 'certificate') return undefined
      if (credential === 'api_key') return ofKey(principal.scopes, action)
      // a principal of unknown making, too: what it lacks it does not get
      const scopes = needed.get(action) ?? []
      if (scopes.every((scope) => principal.scopes.includes(scope))) return undefined
      return Object.freeze({
        allowed: false,
        reason: `${action} needs the scope ${scopes.join(' ')}`,
        scopes: Object.freeze([...new Set([...required, ...scopes])]),
      })
    },
  }
}

function ofKey(scopes: readonly string[], action: string): Decision | undefined {
  if (scopes.some((scope) => rightsMatching(scope).some((right) => right === action)))
    return undefined
  return Object.freeze({ allowed: false, reason: `the API key is not for ${action}` })
}

function credentialOf(claims: Principal['claims']): CredentialKind | undefined {
  return Object.hasOwn(claims, CREDENTIAL_CLAIM)
    ? (claims[CREDENTIAL_CLAIM] as CredentialKind)
    : undefined
}
