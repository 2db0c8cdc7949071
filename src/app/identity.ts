// Who may connect and what they may: the identity room, put together for each generation and loaded only where the configuration asks for it.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Egress } from '../egress/egress.ts'
import { ANONYMOUS, type Principal } from '../engine/context.ts'
import type { Expression } from '../expression/expression.ts'
import type { Gate } from '../gateway/runtime.ts'
import type { Authorizer } from '../identity/access.ts'
import type { IdentityMemory } from '../identity/authenticator.ts'
import { needsAuthenticator } from '../identity/options.ts'
import type { IdentityEntities } from '../registry/identity.ts'
import type { GatewayConfig } from './sections.ts'

/** What is made of the configuration for one generation. Rejects with CONFIG_INVALID. */
export type IdentityRoom = (
  config: GatewayConfig,
  /** Of the store; undefined: there is none. */
  entities?: IdentityEntities,
) => Promise<Gate>

export interface IdentityDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly expression: Pick<Expression, 'anyOf'>
  readonly egress: Pick<Egress, 'fetch'>
}

/** The person, or program, that started this process: nobody has to vouch for it, and policies can tell it from strangers. */
export const LOCAL: Principal = Object.freeze({ ...ANONYMOUS, id: 'local', kind: 'user' })

export function createIdentityRoom(deps: IdentityDeps): IdentityRoom {
  // failures that were counted and keys of issuers outlive a reload
  let memory: IdentityMemory | undefined
  return async (config, entities) => {
    if (isUnused(config) && !entities) return OPEN
    const room = await import('./identity-parts.ts')
    memory ??= room.createMemory(deps)
    return room.createGate(config, { ...deps, memory, local: LOCAL, entities })
  }
}

/** Nothing is said of who may connect, and nothing belongs to anybody in particular. */
function isUnused({ identity, servers }: GatewayConfig): boolean {
  const { roles, grants, principals } = identity
  const said = Object.keys(roles).length + grants.length + principals.length > 0
  return !said && !needsAuthenticator(identity) && !isTenanted(servers)
}

export function isTenanted(servers: GatewayConfig['servers']): boolean {
  return servers.some(({ tenant }) => tenant !== undefined)
}

const ALLOWED = { allowed: true } as const
const EVERYTHING: Authorizer = {
  open: true,
  decide: () => ALLOWED,
  decideAll: (_principal, _action, targets) => targets.map(() => ALLOWED),
}

/** Everybody may do everything. */
export const OPEN: Gate = {
  authenticator: { authenticate: () => ANONYMOUS },
  authorizer: EVERYTHING,
  owner: LOCAL,
  challenges: undefined,
}
