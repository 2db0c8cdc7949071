// Who asks the admin API where no host says so: API keys, declared and of the store, whatever the MCP endpoint takes.
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { ANONYMOUS } from '../../engine/context.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { Authenticator } from '../../identity/access.ts'
import { createAuthenticator, createIdentityMemory } from '../../identity/authenticator.ts'
import type { AnyOf } from '../../identity/authorize/rule.ts'
import { declaredKeys, declaredPrincipals, firstOf } from '../../identity/declared.ts'
import type { IdentityEntities } from '../../registry/identity.ts'
import type { Assembly } from '../assemble.ts'

export interface KeyDoorParts {
  readonly current: () => Assembly
  readonly entities: IdentityEntities
  readonly anyOf: AnyOf
  readonly clock: Clock
  readonly log: Logger
}

export function createKeyDoor(parts: KeyDoorParts): Authenticator {
  const { entities, anyOf, clock, log } = parts
  const fetch = () => Promise.reject(new Error('the admin API asks no issuer'))
  const memory = createIdentityMemory({ clock, log, fetch })
  const compiled = new WeakMap<Runtime, Authenticator>()
  const doorOf = ({ runtime, loaded }: Assembly): Authenticator => {
    const known = compiled.get(runtime)
    if (known) return known
    const { identity } = loaded.config
    const options = {
      ...identity,
      anonymous: 'deny',
      api_keys: true,
      oauth: undefined,
      mtls: undefined,
    } as const
    const door = createAuthenticator(options, {
      clock,
      anyOf,
      memory,
      keys: firstOf(declaredKeys(identity), entities.keys),
      principals: firstOf(declaredPrincipals(identity), entities.principals),
      grants: [...identity.grants, ...entities.grants()],
      anonymous: ANONYMOUS,
    })
    compiled.set(runtime, door)
    return door
  }
  return { authenticate: (credentials) => doorOf(parts.current()).authenticate(credentials) }
}
