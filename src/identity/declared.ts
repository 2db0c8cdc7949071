// The keys, principals and grants that the configuration declares, found like those of the store.
import type { KeyDirectory, StoredKey } from './api-key.ts'
import type { IdentityOptions } from './options.ts'
import type { PrincipalDirectory } from './principal.ts'

export function declaredKeys({ keys }: IdentityOptions): KeyDirectory {
  const byId = new Map<string, StoredKey>(
    keys.map((key) => [
      key.id,
      {
        id: key.id,
        hash: key.hash,
        principal: key.principal,
        kind: key.kind,
        roles: key.roles ?? [],
        tenant: key.tenant,
        scopes: key.scopes,
        // a date that is none has been refused; if it came here all the same, the key has ended
        expires: key.expires === undefined ? undefined : (expiryOf(key.expires) ?? 0),
        revoked: key.revoked,
      },
    ]),
  )
  return { find: (id) => byId.get(id) }
}

export function declaredPrincipals({ principals }: IdentityOptions): PrincipalDirectory {
  const byId = new Map(principals.map((principal) => [principal.id, principal]))
  return { find: (id) => byId.get(id) }
}

/** The first that knows it: what is declared before what is in the store. */
export function firstOf<T>(...directories: readonly { find(id: string): T | undefined }[]): {
  find(id: string): T | undefined
} {
  return {
    find(id) {
      for (const directory of directories) {
        const found = directory.find(id)
        if (found !== undefined) return found
      }
      return undefined
    },
  }
}

/** When a key ends: at the begin of a day such as `2027-01-31`, or at a time, both in UTC; undefined: there is no such day. */
export function expiryOf(text: string): number | undefined {
  const time = Date.parse(text)
  if (Number.isNaN(time)) return undefined
  // 31 February would be taken for a day of March
  return new Date(time).toISOString().startsWith(text.slice(0, 10)) ? time : undefined
}
