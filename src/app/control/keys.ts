// Who asks the admin API: whoever the MCP endpoint knows, and always those with an API key, whether it takes keys or not.
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { ANONYMOUS } from '../../engine/context.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { Authenticator } from '../../identity/access.ts'
import { KEY_PREFIX } from '../../identity/api-key.ts'
import { createAuthenticator, createIdentityMemory } from '../../identity/authenticator.ts'
import type { AnyOf } from '../../identity/authorize/rule.ts'
import { createLogins, type LoginReceiver } from '../../identity/logins.ts'
import { needsAuthenticator } from '../../identity/options.ts'
import type { IdentityEntities } from '../../registry/identity.ts'
import type { Assembly } from '../generation/assemble.ts'
import { directories } from '../identity-parts.ts'

export interface ApiDoorParts {
  readonly current: () => Assembly
  /** A host knows who asks: nobody else is asked. */
  readonly hosted: boolean
  readonly entities: () => IdentityEntities
  readonly anyOf: AnyOf
  readonly clock: Clock
  readonly log: Logger
  /** Is told who came in and who could not. */
  readonly logins: LoginReceiver
}

const API_KEY = new RegExp(`^bearer +${KEY_PREFIX}`, 'i')

export function createApiDoor(parts: ApiDoorParts): Authenticator {
  const keyDoor = createKeyDoor(parts)
  return {
    authenticate(credentials) {
      const assembly = parts.current()
      const { identity } = assembly.loaded.config
      const isKey = API_KEY.test(credentials.authorization ?? '')
      const own = !identity.api_keys && (isKey || !needsAuthenticator(identity))
      const door = own && !parts.hosted ? keyDoor(assembly) : assembly.runtime.gate.authenticator
      return door.authenticate(credentials)
    },
  }
}

/** For a gateway whose clients need no keys: its operators have some all the same. */
function createKeyDoor({ entities, anyOf, clock, log, logins: receiver }: ApiDoorParts) {
  const fetch = () => Promise.reject(new Error('keys need no issuer'))
  const memory = createIdentityMemory({ clock, log, fetch })
  const logins = createLogins(clock, receiver)
  const compiled = new WeakMap<Runtime, Authenticator>()
  return ({ runtime, loaded }: Assembly): Authenticator => {
    const known = compiled.get(runtime)
    if (known) return known
    const { identity } = loaded.config
    const keysOnly = {
      anonymous: 'deny',
      api_keys: true,
      oauth: undefined,
      mtls: undefined,
    } as const
    const door = logins.watch(
      createAuthenticator(
        { ...identity, ...keysOnly },
        { ...directories(identity, entities()), clock, anyOf, memory, anonymous: ANONYMOUS },
      ),
    )
    compiled.set(runtime, door)
    return door
  }
}
