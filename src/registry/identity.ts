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
  /** Whether anything that is asked for on the MCP plane belongs to a tenant. */
  tenanted(): boolean
}

const OFFERED = ['server', 'virtual_server', 'tool', 'prompt', 'resource'] as const

export function identityEntities(followed: Followed): IdentityEntities {
  // one object for one version: what is known of it is remembered by it
  const keyOf = remembered(storedKey)
  const principalOf = remembered(knownPrincipal)
  return {
    tenanted: () =>
      OFFERED.some((kind) => followed.list(kind).some(({ tenant }) => tenant !== undefined)),
    roles: () =>
      followed
        .list('role')
        .map(({ id, tenant, body }) => ({ ...body, name: id, tenant }) as RoleSpec),
    grants: () => followed.list('grant').map(({ tenant, body }) => ({ ...body, tenant }) as never),
    keys: { find: (id) => keyOf(followed.get('key', id)) },
    principals: { find: (id) => principalOf(followed.get('principal', id)) },
  }
}

function remembered<T>(make: (stored: Stored) => T): (stored: Stored | undefined) => T | undefined {
  const known = new WeakMap<Stored, T>()
  return (stored) => {
    if (!stored) return undefined
    const made = known.get(stored) ?? make(stored)
    known.set(stored, made)
    return made
  }
}

function knownPrincipal({ id, tenant, body }: Stored): KnownPrincipal {
  return { id, tenant, disabled: body.disabled === true }
}

function storedKey({ id, tenant, body }: Stored): StoredKey {
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
