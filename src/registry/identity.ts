// What the store says about who asks: roles, grants, keys and principals as the identity room looks them up; it decides nothing.
import type { JsonObject } from '../base/json.ts'
import type { KeyDirectory, StoredKey } from '../identity/api-key.ts'
import type { RoleSpec } from '../identity/authorize/roles.ts'
import type { GrantSpec } from '../identity/grants.ts'
import type { Stored } from '../store/store.ts'
import type { Followed } from './follow.ts'

/** A principal that somebody has set up. */
export interface KnownPrincipal {
  readonly id: string
  readonly tenant: string | undefined
  readonly disabled: boolean
}

export interface IdentityEntities {
  /** For the next generation. */
  roles(): readonly RoleSpec[]
  grants(): readonly GrantSpec[]
  /** As of now: a key that was revoked is not found to be valid by the next request. */
  readonly keys: KeyDirectory
  readonly principals: { find(id: string): KnownPrincipal | undefined }
}

export function identityEntities(followed: Followed): IdentityEntities {
  return {
    roles: () =>
      followed
        .list('role')
        .map(({ id, tenant, body }) => ({ ...body, name: id, tenant }) as RoleSpec),
    grants: () => followed.list('grant').map(({ tenant, body }) => ({ ...body, tenant }) as never),
    keys: { find: (id) => keyOf(followed.get('key', id)) },
    principals: {
      find(id) {
        const stored = followed.get('principal', id)
        return stored && { id, tenant: stored.tenant, disabled: stored.body.disabled === true }
      },
    },
  }
}

function keyOf(stored: Stored | undefined): StoredKey | undefined {
  if (!stored) return undefined
  const { id, tenant, body } = stored
  return {
    id,
    tenant,
    hash: String(body.hash),
    principal: String(body.principal),
    kind: body.kind === 'user' ? 'user' : 'service',
    roles: textsOf(body, 'roles') ?? [],
    scopes: textsOf(body, 'scopes'),
    // a time that is none has been refused; if it came here all the same, the key has ended
    expires: body.expires === undefined ? undefined : Date.parse(String(body.expires)) || 0,
    revoked: body.revoked === true,
  }
}

function textsOf(body: JsonObject, name: string): readonly string[] | undefined {
  const value = body[name]
  return Array.isArray(value) ? value.map(String) : undefined
}
