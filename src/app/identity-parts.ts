// The parts of the identity room as the gateway takes them: kept apart, so that a gateway that knows nobody does not load them.
import { ANONYMOUS, type Principal } from '../engine/context.ts'
import type { Challenges } from '../gateway/access/challenge.ts'
import type { Gate } from '../gateway/runtime.ts'
import {
  createAuthenticator,
  createIdentityMemory,
  type IdentityMemory,
} from '../identity/authenticator.ts'
import { authorizerOptions, createAuthorizer } from '../identity/authorize/authorizer.ts'
import { declaredKeys, declaredPrincipals } from '../identity/declared.ts'
import { compileGrants } from '../identity/grants.ts'
import { wwwAuthenticate } from '../identity/oauth/challenge.ts'
import { metadataAddress, metadataPaths, resourceMetadata } from '../identity/oauth/metadata.ts'
import type { IdentityOptions } from '../identity/options.ts'
import { needsAuthenticator } from '../identity/options.ts'
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
}

/** Throws CONFIG_INVALID. */
export function createGate({ identity, servers }: GatewayConfig, deps: GateDeps): Gate {
  const { anyOf } = deps.expression
  const tenanted = isTenanted(servers)
  return {
    authenticator: needsAuthenticator(identity)
      ? createAuthenticator(identity, {
          clock: deps.clock,
          anyOf,
          memory: deps.memory,
          keys: declaredKeys(identity),
          principals: declaredPrincipals(identity),
          grants: identity.grants,
          anonymous: ANONYMOUS,
        })
      : anonymousOnly(identity, deps),
    authorizer: createAuthorizer(authorizerOptions(identity, { anyOf, tenanted })),
    owner: known({ ...deps.local, scopes: allScopes(identity) }, identity, deps),
    challenges: challengesOf(identity),
  }
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
  { expression }: GateDeps,
): Principal {
  const tenant = declaredPrincipals(identity).find(principal.id)?.tenant ?? principal.tenant
  const roles = compileGrants(identity.grants, expression.anyOf)({ ...principal, tenant })
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
