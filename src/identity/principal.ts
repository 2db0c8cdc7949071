// From what a credential proved to the principal of a request: frozen, with the roles that grants add; it verifies nothing.
import { deepFreeze } from '../base/json.ts'
import type { Principal } from '../engine/context.ts'

/** The claim of a principal that says by what it was recognised. A token cannot bring it: it is taken out of what tokens say. */
export const CREDENTIAL_CLAIM = 'portcullis/credential'

export type CredentialKind = 'api_key' | 'certificate' | 'token'

/** What one credential proved. */
export interface Proven {
  readonly credential: CredentialKind
  readonly id: string
  readonly kind: 'user' | 'service'
  /** Those that the credential itself brings. */
  readonly roles: readonly string[]
  readonly scopes: readonly string[]
  readonly tenant: string | undefined
  /** The issuer of a token. */
  readonly issuer?: { readonly issuer: string; readonly name?: string | undefined } | undefined
  readonly claims: Readonly<Record<string, unknown>>
}

/** What is known of a principal beside its credential, from the configuration or the store. */
export interface PrincipalRecord {
  readonly tenant?: string | undefined
  readonly disabled?: boolean | undefined
}

export interface PrincipalDirectory {
  find(id: string): PrincipalRecord | undefined
}

/** Frozen throughout, so that a decision can be remembered by it. */
export function makePrincipal(proven: Proven, granted: readonly string[]): Principal {
  const { id, kind, roles, scopes, tenant, claims, credential } = proven
  return Object.freeze({
    id,
    kind,
    roles: Object.freeze([...new Set([...roles, ...granted])]),
    scopes: Object.freeze([...scopes]),
    tenant,
    claims: deepFreeze({ ...claims, [CREDENTIAL_CLAIM]: credential }),
  })
}
