// Who may connect and what they may, as the gateway takes it: the parts of the identity room, or everybody and everything.
import { ANONYMOUS, type Principal } from '../engine/context.ts'
import type { Challenges } from '../gateway/access/challenge.ts'
import type { Authenticator, Authorizer } from '../identity/access.ts'
import type { GatewayConfig } from './sections.ts'

export interface IdentityParts {
  readonly authenticator: Authenticator
  /** Compiled anew for each generation. Throws CONFIG_INVALID. */
  authorizer(config: GatewayConfig): Authorizer
  /** Who is at the other end of our own pipes. */
  readonly owner: Principal
  readonly challenges: Challenges | undefined
}

const ALLOWED = { allowed: true } as const

/** The person, or program, that started this process: nobody has to vouch for it, and policies can tell it from strangers. */
export const LOCAL: Principal = Object.freeze({ ...ANONYMOUS, id: 'local', kind: 'user' })

export const OPEN: IdentityParts = {
  authenticator: { authenticate: () => ANONYMOUS },
  authorizer: () => ({
    open: true,
    decide: () => ALLOWED,
    decideAll: (_principal, _action, targets) => targets.map(() => ALLOWED),
  }),
  owner: LOCAL,
  challenges: undefined,
}
