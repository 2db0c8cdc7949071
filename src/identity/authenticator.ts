// Who a request is from: client certificate, then bearer (API key or access token), then nobody, if nobody may come; it decides no right.
import { hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { isAppError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Principal } from '../engine/context.ts'
import type { Authenticator, Credentials } from './access.ts'
import { isKey, type KeyDirectory, type StoredKey } from './api-key.ts'
import type { AnyOf } from './authorize/rule.ts'
import { parseBearer } from './bearer.ts'
import { createFailures, type Failures } from './failures.ts'
import { compileGrants, type GrantSpec } from './grants.ts'
import { type CertificateReader, createCertificateReader } from './mtls.ts'
import type { FetchDocument } from './oauth/document.ts'
import { createKeySets, type KeySets } from './oauth/key-set.ts'
import { createTokenVerifier, type TokenVerifier, type VerifiedToken } from './oauth/verifier.ts'
import type { IdentityOptions } from './options.ts'
import { makePrincipal, type PrincipalDirectory, type Proven } from './principal.ts'
import { invalid, lacksScopes, limited, required } from './refusal.ts'

/** What outlives a reload: failures that were counted, and keys of issuers. */
export interface IdentityMemory {
  readonly failures: Failures
  readonly keySets: KeySets
}

export function createIdentityMemory(parts: {
  readonly clock: Clock
  readonly log: Logger
  /** Guarded; reaches the issuers that are configured, and where their metadata says their keys are. */
  readonly fetch: FetchDocument
}): IdentityMemory {
  return { failures: createFailures(parts.clock), keySets: createKeySets(parts) }
}

export interface AuthenticatorParts {
  readonly clock: Clock
  readonly anyOf: AnyOf
  readonly memory: IdentityMemory
  /** Declared keys, and those of the store (`firstOf`). Asked for every request with a key. */
  readonly keys: KeyDirectory
  readonly principals: PrincipalDirectory
  /** Declared ones and those of the store. */
  readonly grants: readonly GrantSpec[]
  /** The principal of whoever shows no credentials. */
  readonly anonymous: Principal
}

/** For one generation. Throws CONFIG_INVALID for a pattern that is none. */
export function createAuthenticator(
  options: IdentityOptions,
  parts: AuthenticatorParts,
): Authenticator {
  const { memory, anyOf, clock } = parts
  const grants = compileGrants(parts.grants, anyOf)
  const { oauth, mtls } = options
  return new Doors(options, parts, {
    grant: (proven) => grants(proven),
    anonymous: withRoles(parts.anonymous, grants(parts.anonymous)),
    tokens: oauth && createTokenVerifier(oauth, { keySets: memory.keySets, clock }),
    certificates: mtls && createCertificateReader(mtls, { anyOf, clock }),
  })
}

function withRoles(anonymous: Principal, roles: readonly string[]): Principal {
  if (roles.length === 0) return anonymous
  return Object.freeze({ ...anonymous, roles: Object.freeze([...roles]) })
}

interface Compiled {
  readonly grant: (proven: Proven) => readonly string[]
  readonly anonymous: Principal
  readonly tokens: TokenVerifier | undefined
  readonly certificates: CertificateReader | undefined
}

class Doors implements Authenticator {
  readonly #options: IdentityOptions
  readonly #parts: AuthenticatorParts
  readonly #compiled: Compiled
  readonly #proven = new WeakMap<StoredKey, Proven>()
  readonly #principals = new WeakMap<Proven, { record: unknown; principal: Principal }>()

  constructor(options: IdentityOptions, parts: AuthenticatorParts, compiled: Compiled) {
    this.#options = options
    this.#parts = parts
    this.#compiled = compiled
  }

  authenticate(credentials: Credentials): Principal | Promise<Principal> {
    const { authorization, certificate, queryToken } = credentials
    if (queryToken)
      throw invalid('a token must not come in the query; send Authorization', 'invalid_request')
    if (certificate !== undefined && this.#compiled.certificates !== undefined) {
      const proven = this.#compiled.certificates(certificate)
      if (proven !== undefined && authorization !== undefined)
        throw invalid(
          'the request has two identities, a certificate and Authorization; send one',
          'invalid_request',
        )
      if (proven !== undefined) return this.#settle(proven)
      // with credentials that are nobody's one is not nobody
      if (authorization === undefined)
        throw invalid('the client certificate is of nobody that is known')
    }
    if (authorization !== undefined) return this.#bearer(authorization, credentials)
    if (this.#options.anonymous === 'allow') return this.#compiled.anonymous
    throw required(this.#options.oauth?.required_scopes ?? [])
  }

  #bearer(authorization: string, credentials: Credentials): Principal | Promise<Principal> {
    const { address } = credentials
    const bearer = parseBearer(authorization)
    if (bearer.kind === 'key') return this.#key(bearer.key, bearer.id, address)
    const { tokens } = this.#compiled
    if (tokens === undefined) throw this.#fail('access tokens are not accepted here', address)
    const known = tokens.recall(bearer.token)
    if (known !== undefined) return this.#accept(known, credentials)
    return this.#token(tokens, bearer.token, credentials)
  }

  #key(key: string, id: string | undefined, address: string | undefined): Principal {
    if (!this.#options.api_keys) throw this.#fail('API keys are not accepted here', address)
    if (id === undefined) throw this.#fail('the API key is mistyped', address)
    const stored = this.#parts.keys.find(id)
    if (!isKey(key, stored) || stored === undefined)
      throw this.#fail('the API key is not valid', address, id)
    // whoever has the secret may know this
    if (stored.revoked) throw this.#fail('the API key has been revoked', address, id)
    if (stored.expires !== undefined && this.#parts.clock.wall() >= stored.expires)
      throw this.#fail('the API key has expired', address, id)
    let proven = this.#proven.get(stored)
    if (proven === undefined) {
      proven = provenByKey(stored)
      this.#proven.set(stored, proven)
    }
    return this.#settle(proven)
  }

  async #token(tokens: TokenVerifier, token: string, credentials: Credentials): Promise<Principal> {
    const { address } = credentials
    const { failures } = this.#parts.memory
    const mayVerify = (): void => {
      const wait = failures.wait(address)
      if (wait > 0 && !failures.ration(address)) throw limited(wait)
    }
    let verified: VerifiedToken
    try {
      verified = await tokens.verify(token, mayVerify)
    } catch (error) {
      throw isAppError(error, 'AUTH_INVALID') ? this.#fail(error.message, address) : error
    }
    return this.#accept(verified, credentials)
  }

  #accept({ proven, certificate: bound }: VerifiedToken, credentials: Credentials): Principal {
    const { certificate, address } = credentials
    if (bound !== undefined) {
      const shown = certificate && hash('sha256', certificate, 'base64url')
      if (shown !== bound)
        throw this.#fail('the token is bound to another client certificate', address)
    }
    const needed = this.#options.oauth?.required_scopes ?? []
    if (!needed.every((scope) => proven.scopes.includes(scope))) throw lacksScopes(needed)
    return this.#settle(proven)
  }

  #settle(proven: Proven): Principal {
    const record = this.#parts.principals.find(proven.id)
    const known = this.#principals.get(proven)
    if (known !== undefined && known.record === record) return known.principal
    if (record?.disabled) throw invalid('the principal has been disabled')
    if (record?.tenant !== undefined && proven.tenant !== undefined)
      if (record.tenant !== proven.tenant) throw invalid('the principal is of another tenant')
    const placed = { ...proven, tenant: proven.tenant ?? record?.tenant }
    const principal = makePrincipal(placed, this.#compiled.grant(placed))
    this.#principals.set(proven, { record, principal })
    return principal
  }

  #fail(message: string, address: string | undefined, keyId?: string): Error {
    const { failures } = this.#parts.memory
    const wait = failures.wait(address, keyId)
    if (wait > 0) return limited(wait)
    failures.count(address, keyId)
    return invalid(message)
  }
}

function provenByKey(stored: StoredKey): Proven {
  const { id, principal, kind, roles, tenant, scopes } = stored
  return {
    credential: 'api_key',
    id: principal,
    kind,
    roles,
    scopes: scopes ?? ['*'],
    tenant,
    claims: { key: id },
  }
}
