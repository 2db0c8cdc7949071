// The parts of the identity room as the gateway takes them: kept apart, so that a gateway that knows nobody does not load them.
import { ANONYMOUS, type Principal } from '../engine/context.ts'
import type { Challenges } from '../gateway/access/challenge.ts'
import type { Gate } from '../gateway/runtime.ts'
import type { Authorizer } from '../identity/access.ts'
import {
  createAuthenticator,
  createIdentityMemory,
  type IdentityMemory,
} from '../identity/authenticator.ts'
import { authorizerOptions, createAuthorizer } from '../identity/authorize/authorizer.ts'
import type { AnyOf } from '../identity/authorize/rule.ts'
import { declaredKeys, declaredPrincipals, firstOf } from '../identity/declared.ts'
import { compileGrants } from '../identity/grants.ts'
import { wwwAuthenticate } from '../identity/oauth/challenge.ts'
import { metadataAddress, metadataPaths, resourceMetadata } from '../identity/oauth/metadata.ts'
import type { IdentityOptions } from '../identity/options.ts'
import { needsAuthenticator } from '../identity/options.ts'
import type { PrincipalRecord } from '../identity/principal.ts'
import type { IdentityEntities } from '../registry/identity.ts'
import { type IdentityDeps, isTenanted } from './identity.ts'
import type { GatewayConfig } from './sections.ts'

export function createMemory({ clock, log, egress }: IdentityDeps): IdentityMemory {
  return createIdentityMemory({
    clock,
    log,
    // the host of an issuer, and of what its metadata names, is granted by naming the issuer
    fetch: (url, request) =>
      egress.fetch(url, { ...request, allowed: [URL.parse(url)?.host ?? ''] }),
  })
}

interface GateDeps extends IdentityDeps {
  readonly memory: IdentityMemory
  readonly local: Principal
  readonly entities: IdentityEntities | undefined
}

/** Throws CONFIG_INVALID. */
export function createGate(config: GatewayConfig, deps: GateDeps): Gate {
  const { identity } = config
  const { keys, principals, grants } = directories(identity, deps.entities)
  return {
    authenticator: needsAuthenticator(identity)
      ? createAuthenticator(identity, {
          clock: deps.clock,
          anyOf: deps.expression.anyOf,
          memory: deps.memory,
          keys,
          principals,
          grants,
          anonymous: ANONYMOUS,
        })
      : anonymousOnly(identity, deps),
    authorizer: authorizerFor(config, deps.expression.anyOf, deps.entities),
    owner: known({ ...deps.local, scopes: allScopes(identity) }, identity, deps),
    challenges: challengesOf(identity),
  }
}

/** What is declared before what is in the store. */
export function directories(identity: IdentityOptions, entities: IdentityEntities | undefined) {
  const [keys, principals] = [declaredKeys(identity), declaredPrincipals(identity)]
  if (!entities) return { keys, principals, grants: identity.grants }
  return {
    keys: firstOf(keys, entities.keys),
    principals: firstOf<PrincipalRecord>(principals, entities.principals),
    grants: [...identity.grants, ...entities.grants()],
  }
}

/** The decision on both planes. Throws CONFIG_INVALID. */
export function authorizerFor(
  { identity, servers }: GatewayConfig,
  anyOf: AnyOf,
  entities: IdentityEntities | undefined,
): Authorizer {
  return createAuthorizer(
    authorizerOptions(identity, {
      anyOf,
      tenanted: isTenanted(servers) || entities?.tenanted() === true,
      dynamic: entities?.roles(),
      dynamicKeys: entities !== undefined,
    }),
  )
}

function anonymousOnly(identity: IdentityOptions, deps: GateDeps): Gate['authenticator'] {
  const principal = known(ANONYMOUS, identity, deps)
  return { authenticate: () => principal }
}

// scopes narrow what a token may be used for, and the owner of the process has none
function allScopes({ oauth }: IdentityOptions): readonly string[] {
  return Object.freeze([...new Set(Object.values(oauth?.scopes ?? {}))])
}

/** With the tenant and the roles that the configuration gives to its id. */
function known(
  principal: Principal,
  identity: IdentityOptions,
  { expression, entities }: GateDeps,
): Principal {
  const { principals, grants } = directories(identity, entities)
  const tenant = principals.find(principal.id)?.tenant ?? principal.tenant
  const roles = compileGrants(grants, expression.anyOf)({ ...principal, tenant })
  return Object.freeze({ ...principal, tenant, roles: Object.freeze([...new Set(roles)]) })
}

function challengesOf(identity: IdentityOptions): Challenges | undefined {
  const { oauth } = identity
  if (!needsAuthenticator(identity)) return undefined
  const address = oauth && metadataAddress(oauth)
  return {
    header: (challenge) => wwwAuthenticate({ ...challenge, resourceMetadata: address }),
    metadata: oauth && { paths: metadataPaths(oauth), document: resourceMetadata(oauth) },
  }
}
