// Identity in a few lines: tokens that stand for principals, and rules that are a function; what is tested is what the gateway makes of them.
import type { IdentityRoom } from '../../src/app/identity.ts'
import { AppError } from '../../src/base/errors.ts'
import { ANONYMOUS, type Principal } from '../../src/engine/context.ts'
import type { Gate } from '../../src/gateway/runtime.ts'
import type { Credentials, Decision, Target } from '../../src/identity/access.ts'

const PLACE = '/.well-known/oauth-protected-resource'

export type Rule = (principal: Principal, action: string, target: Target) => Decision

export const YES: Decision = { allowed: true }
export const no = (reason = 'the rules say no', more: object = {}): Decision => ({
  allowed: false,
  reason,
  ...more,
})

export interface Guarded {
  readonly room: IdentityRoom
  /** What was asked, as `who action name`. */
  readonly asked: string[]
  /** What the authenticator was shown. */
  readonly shown: (string | undefined)[]
  /** Is in force at once. */
  rule: Rule
  anonymous: boolean
  /** The authenticator has to fetch something first. */
  slow: boolean
}

export const user = (id: string, more: Partial<Principal> = {}): Principal =>
  Object.freeze({ ...ANONYMOUS, id, kind: 'user', ...more })

/** `Bearer NAME` is the user NAME, and NAME+ROLE has a role; a name that begins with `no` is not valid, `many` is limited, `unknown` cannot be found out, `narrow` lacks a scope. */
export function guarded(rule: Rule = () => YES): Guarded {
  const parts: Guarded = {
    asked: [],
    shown: [],
    rule,
    anonymous: true,
    slow: false,
    room: async () => gate,
  }
  const decide: Rule = (principal, action, target) => {
    parts.asked.push(`${principal.id} ${action} ${target.name}`)
    return parts.rule(principal, action, target)
  }
  const gate: Gate = {
    authenticator: {
      authenticate(credentials) {
        parts.shown.push(credentials.authorization)
        if (!parts.slow) return principalOf(credentials, parts)
        return new Promise((resolve) => setImmediate(resolve)).then(() =>
          principalOf(credentials, parts),
        )
      },
    },
    authorizer: {
      open: false,
      decide: (principal, action, target) => decide(principal, action, target),
      decideAll: (principal, action, targets) =>
        targets.map((target) => decide(principal, action, target)),
    },
    owner: user('local'),
    challenges: {
      header: ({ error, scopes }) =>
        [
          `Bearer resource_metadata="https://gate.test${PLACE}/api/mcp"`,
          ...(error ? [`error="${error}"`] : []),
          ...(scopes ? [`scope="${scopes.join(' ')}"`] : []),
        ].join(', '),
      metadata: {
        paths: [`${PLACE}/api/mcp`, PLACE],
        document: { resource: 'https://gate.test/api/mcp' },
      },
    },
  }
  return parts
}

function principalOf({ authorization }: Credentials, { anonymous }: Guarded): Principal {
  if (authorization === undefined) {
    if (anonymous) return ANONYMOUS
    throw new AppError('AUTH_REQUIRED', 'the request has no credentials')
  }
  const name = authorization.replace(/^Bearer /, '')
  if (name === 'many')
    throw new AppError('AUTH_LIMITED', 'too many failed attempts', { data: { retryAfter: 30 } })
  if (name === 'unknown') throw new AppError('AUTH_UNAVAILABLE', 'the issuer does not answer')
  if (name === 'narrow')
    throw new AppError('AUTH_DENIED', 'the token lacks a scope', {
      data: { error: 'insufficient_scope', scope: 'mcp tools' },
    })
  if (name.startsWith('no'))
    throw new AppError('AUTH_INVALID', 'the token is not valid', {
      data: { error: 'invalid_token' },
    })
  const [id = '', ...roles] = name.split('+')
  return user(id, { roles })
}

export const bearer = (name: string) => ({ authorization: `Bearer ${name}` })
