// Identity in a few lines: tokens that stand for principals, and rules that are a function; what is tested is what the gateway makes of them.
import type { IdentityParts } from '../../src/app/identity.ts'
import { AppError } from '../../src/base/errors.ts'
import { ANONYMOUS, type Principal } from '../../src/engine/context.ts'
import type { Credentials, Decision, Target } from '../../src/identity/access.ts'

export type Rule = (principal: Principal, action: string, target: Target) => Decision

export const YES: Decision = { allowed: true }
export const no = (reason = 'the rules say no', more: object = {}): Decision => ({
  allowed: false,
  reason,
  ...more,
})

export interface Guarded extends IdentityParts {
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

/** `Bearer NAME` is the user NAME, and NAME+ROLE has a role; a name that begins with `no` is not valid, `many` is limited, `unknown` cannot be found out. */
export function guarded(rule: Rule = () => YES): Guarded {
  const parts: Guarded = {
    asked: [],
    shown: [],
    rule,
    anonymous: true,
    slow: false,
    authenticator: {
      authenticate(credentials) {
        parts.shown.push(credentials.authorization)
        if (parts.slow)
          return new Promise((resolve) => setImmediate(resolve)).then(() =>
            principalOf(credentials, parts),
          )
        return principalOf(credentials, parts)
      },
    },
    authorizer: () => {
      const decide: Rule = (principal, action, target) => {
        parts.asked.push(`${principal.id} ${action} ${target.name}`)
        return parts.rule(principal, action, target)
      }
      return {
        open: false,
        decide,
        decideAll: (principal, action, targets) =>
          targets.map((target) => decide(principal, action, target)),
      }
    },
    owner: user('local'),
    challenges: {
      header: (path, { error, scopes }) =>
        [
          `Bearer resource_metadata="https://gate.test/.well-known/oauth-protected-resource${path}"`,
          ...(error ? [`error="${error}"`] : []),
          ...(scopes ? [`scope="${scopes.join(' ')}"`] : []),
        ].join(', '),
      metadata: (path) => ({ resource: `https://gate.test${path}` }),
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
  if (name.startsWith('no'))
    throw new AppError('AUTH_INVALID', 'the token is not valid', {
      data: { error: 'invalid_token' },
    })
  const [id = '', ...roles] = name.split('+')
  return user(id, { roles })
}

export const bearer = (name: string) => ({ authorization: `Bearer ${name}` })
