// An authenticator over the real guarded network, with time in the hand of the test.

import { configLoader } from '../../src/app/sections.ts'
import type { Clock } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createEgress } from '../../src/egress/egress.ts'
import type { Principal } from '../../src/engine/context.ts'
import type { Authenticator, Credentials } from '../../src/identity/access.ts'
import {
  type AuthenticatorParts,
  createAuthenticator,
  createIdentityMemory,
} from '../../src/identity/authenticator.ts'
import { declaredKeys, declaredPrincipals, firstOf } from '../../src/identity/declared.ts'
import type { FetchDocument } from '../../src/identity/oauth/document.ts'
import type { IdentityOptions } from '../../src/identity/options.ts'
import { ANONYMOUS, anyOf } from './people.ts'

/** 2026-11-28T00:00:00Z, in seconds. */
export const NOW = 1_795_824_000

export interface ManualClock extends Clock {
  advance(ms: number): void
}

export function createManualClock(): ManualClock {
  let time = 0
  const waiting = new Set<{ at: number; run: () => void }>()
  return {
    now: () => time,
    wall: () => NOW * 1000 + time,
    after(ms, run) {
      const timer = { at: time + ms, run }
      waiting.add(timer)
      return () => waiting.delete(timer)
    },
    advance(ms) {
      time += ms
      for (const timer of [...waiting])
        if (timer.at <= time) {
          waiting.delete(timer)
          timer.run()
        }
    },
  }
}

/** As the application hands it in: each address is granted for itself. */
export const overEgress = (): FetchDocument & AsyncDisposable => {
  const allowedHosts = ['127.0.0.1']
  const egress = createEgress({ allowedHosts, clock: systemClock, log: silentLogger })
  const fetch: FetchDocument = (url, request) =>
    egress.fetch(url, { ...request, allowed: [new URL(url).host] })
  return Object.assign(fetch, { [Symbol.asyncDispose]: () => egress.close() })
}

/** The section as the loader resolves it: defaults in place. */
export async function section(identity: object): Promise<IdentityOptions> {
  const listen = { tls: { cert: 'a.pem', key: 'b.pem', client_ca: 'c.pem' } }
  return configLoader().fromObject({ version: 1, listen, identity }).config.identity
}

export interface Gate {
  readonly clock: ManualClock
  readonly authenticator: Authenticator
  /** The code and `data` of the refusal, or the principal. */
  enter(credentials: Partial<Credentials>): Promise<Entered>
}

export type Entered =
  | { readonly principal: Principal }
  | { readonly code: string; readonly message: string; readonly data: unknown }

export async function gate(
  identity: object,
  parts: Partial<AuthenticatorParts> & { fetch?: FetchDocument; clock?: ManualClock } = {},
): Promise<Gate> {
  const clock = parts.clock ?? createManualClock()
  const options = await section(identity)
  const none: FetchDocument = () => Promise.reject(new Error('nothing is fetched here'))
  const memory = createIdentityMemory({ clock, log: silentLogger, fetch: parts.fetch ?? none })
  const authenticator = createAuthenticator(options, {
    clock,
    anyOf,
    memory,
    keys: firstOf(declaredKeys(options)),
    principals: declaredPrincipals(options),
    grants: options.grants,
    anonymous: ANONYMOUS,
    ...parts,
  })
  const enter = async (credentials: Partial<Credentials>): Promise<Entered> => {
    try {
      const all = { authorization: undefined, address: '192.0.2.1', ...credentials }
      return { principal: await authenticator.authenticate(all) }
    } catch (error) {
      const { code, message, data } = error as { code: string; message: string; data: unknown }
      return { code, message, data }
    }
  }
  return { clock, authenticator, enter }
}
