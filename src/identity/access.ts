// Who asks and what they may, as the rooms that ask see it: one authenticator, one authoriser; no rule and no token is read here.
import type { Principal } from '../engine/context.ts'

/** What a request says about who it is from. Nothing of it is ever logged. */
export interface Credentials {
  readonly authorization: string | undefined
  /** The verified client certificate, where the connection has one: DER. */
  readonly certificate?: Uint8Array | undefined
  /** For counting failures. */
  readonly address: string | undefined
  /** A token that came in the query, where none may be (OAuth 2.1 section 5). */
  readonly queryToken?: boolean
  /** Whoever asks tells of a failure himself. */
  readonly told?: boolean
}

export interface Authenticator {
  /**
   * The principal, frozen. Throws, or rejects with, AUTH_REQUIRED, AUTH_INVALID, AUTH_DENIED (a scope that every token must have is
   * missing), AUTH_LIMITED (`data.retryAfter`, seconds) or AUTH_UNAVAILABLE, whose `data` says what `WWW-Authenticate` has to:
   * `{ error, scope }` (oauth/challenge.ts makes it). At once where nothing has to be verified or fetched.
   */
  authenticate(credentials: Credentials): Principal | Promise<Principal>
}

/** What a decision is about. All names are the servers' own. */
export interface Target {
  readonly kind: 'server' | 'tool' | 'prompt' | 'resource' | 'entity' | 'gateway'
  /** The upstream server, where there is one. */
  readonly server?: string | undefined
  /** Name of a tool or prompt, URI of a resource, id of an entity. */
  readonly name?: string | undefined
  /** Kind of an entity. */
  readonly entity?: string | undefined
  /** Whose it is; undefined: of the gateway as a whole. */
  readonly tenant?: string | undefined
}

export type Decision =
  | { readonly allowed: true }
  | {
      readonly allowed: false
      readonly reason: string
      /** Scopes that would have done (RFC 6750 section 3.1, insufficient_scope). */
      readonly scopes?: readonly string[]
      /** No rule denies it; none allows it either, so that the grant of an entitled plugin counts. */
      readonly silent?: boolean
    }

/** Compiled for one generation. Pure: no clock, no database. A principal of kind `system` may do everything that is a right. */
export interface Authorizer {
  /** `action` is a right of the table in rights.ts. */
  decide(principal: Principal, action: string, target: Target): Decision
  /** The same for each; what does not depend on the target is looked at once. */
  decideAll(principal: Principal, action: string, targets: readonly Target[]): readonly Decision[]
  /**
   * The first right that `given` would have and `by` may not give: one that he has himself, or any in the reach of who may write roles.
   * Undefined: none. Absent: nobody is asked.
   */
  readonly beyond?: ((by: Principal, given: Principal) => string | undefined) | undefined
  /** True where everybody may use everything of the MCP plane: nobody needs to ask. */
  readonly open: boolean
}
