// Who came in and who could not, told when it is new: not per request, and never more than a bound; nothing of a secret is told.
import { LRUCache } from 'lru-cache'
import type { Clock } from '../base/clock.ts'
import { isAppError } from '../base/errors.ts'
import type { Principal } from '../engine/context.ts'
import type { Authenticator, Credentials } from './access.ts'
import { parseBearer } from './bearer.ts'
import { networkOf } from './failures.ts'
import { CREDENTIAL_CLAIM } from './principal.ts'

/** Milliseconds, and counts. */
export const LOGIN_LIMITS = {
  /** A credential that came from an address is not told again for so long. */
  window: 3_600_000,
  /** Credentials and addresses that are known. */
  most: 10_000,
  /** Failures are counted by the minute: so many of one network are told, and so many of all. */
  minute: 60_000,
  perNetwork: 5,
  perMinute: 120,
} as const

export interface Login {
  readonly principal: Principal
  /** By what: `api_key`, `token`, `certificate`. */
  readonly by: string
  /** The id of the key, the `jti` of the token; undefined: it has none. */
  readonly id: string | undefined
  readonly address: string | undefined
}

export interface FailedLogin {
  readonly code: string
  readonly reason: string
  /** The id of the API key, which is no secret. */
  readonly key: string | undefined
  readonly address: string | undefined
  /** How many failures were not told since the one before. */
  readonly untold: number
}

export interface LoginReceiver {
  login(login: Login): void
  failed(failed: FailedLogin): void
}

/** Outlives a reload, and is one for all doors. */
export interface Logins {
  /** The same authenticator, with its outcomes told. */
  watch(authenticator: Authenticator): Authenticator
}

const FAILURES: ReadonlySet<string> = new Set(['AUTH_INVALID', 'AUTH_DENIED', 'AUTH_LIMITED'])

export function createLogins(clock: Pick<Clock, 'now'>, receiver: LoginReceiver): Logins {
  const seen = createSeen(clock)
  const mayTell = createRation(clock)
  const came = (principal: Principal, { address }: Credentials): void => {
    const by = principal.claims[CREDENTIAL_CLAIM]
    if (typeof by !== 'string' || !seen(principal, address)) return
    receiver.login({ principal, by, id: credentialOf(principal), address })
  }
  const failed = (error: unknown, { address, authorization, told }: Credentials): void => {
    if (told || !isAppError(error) || !FAILURES.has(error.code)) return
    const untold = mayTell(networkOf(address) ?? '')
    if (untold === undefined) return
    const { code, message: reason } = error
    receiver.failed({ code, reason, key: keyOf(authorization), address, untold })
  }
  return {
    watch: (authenticator) => ({
      authenticate(credentials) {
        try {
          const found = authenticator.authenticate(credentials)
          if (found instanceof Promise) return settled(found, credentials)
          came(found, credentials)
          return found
        } catch (error) {
          failed(error, credentials)
          throw error
        }
      },
    }),
  }

  async function settled(finding: Promise<Principal>, credentials: Credentials) {
    try {
      const found = await finding
      came(found, credentials)
      return found
    } catch (error) {
      failed(error, credentials)
      throw error
    }
  }
}

/** Whether this is new. */
function createSeen(clock: Pick<Clock, 'now'>) {
  const until = new LRUCache<string, number>({ max: LOGIN_LIMITS.most })
  // most requests come from where the one before came from
  const last = new WeakMap<Principal, { readonly address: string | undefined; until: number }>()
  return (principal: Principal, address: string | undefined): boolean => {
    const now = clock.now()
    const before = last.get(principal)
    if (before !== undefined && before.address === address && now < before.until) return false
    const key = JSON.stringify([principal.tenant, principal.id, credentialOf(principal), address])
    const known = until.get(key) ?? Number.NEGATIVE_INFINITY
    const end = now < known ? known : now + LOGIN_LIMITS.window
    until.set(key, end)
    last.set(principal, { address, until: end })
    return now >= known
  }
}

/** How many were not told before, when this one may be; undefined: it may not. */
function createRation(clock: Pick<Clock, 'now'>) {
  let minute = Number.NEGATIVE_INFINITY
  let told = 0
  let untold = 0
  const networks = new LRUCache<string, number>({ max: LOGIN_LIMITS.most })
  return (network: string): number | undefined => {
    if (clock.now() - minute >= LOGIN_LIMITS.minute) {
      minute = clock.now()
      told = 0
      networks.clear()
    }
    const own = networks.get(network) ?? 0
    if (told >= LOGIN_LIMITS.perMinute || own >= LOGIN_LIMITS.perNetwork) {
      untold++
      return undefined
    }
    told++
    networks.set(network, own + 1)
    const missing = untold
    untold = 0
    return missing
  }
}

function credentialOf({ claims }: Principal): string | undefined {
  const id = claims[CREDENTIAL_CLAIM] === 'api_key' ? claims.key : claims.jti
  return typeof id === 'string' ? id : undefined
}

function keyOf(authorization: string | undefined): string | undefined {
  try {
    const bearer = authorization === undefined ? undefined : parseBearer(authorization)
    return bearer?.kind === 'key' ? bearer.id : undefined
  } catch {
    return undefined
  }
}
