// Whether somebody would give more than he has: two principals compared right by right, rule by rule; it decides about no target.
import type { Principal } from '../../engine/context.ts'
import type { Decision } from '../access.ts'
import { RIGHTS } from '../rights.ts'
import type { RoleRule } from './roles.ts'

/** What one principal may by one right, as far as it matters here. */
export interface Holding {
  readonly allow: readonly RoleRule[]
  readonly deny: readonly RoleRule[]
  /** When a rule allows: yes, or what the scopes say. */
  readonly granted: Decision
}

type HoldingOf = (principal: Principal, action: string) => Holding

/** Whoever may write roles may make any role, and so give any right, but a tenant's none that reaches out of it. */
const GIVES_ALL = 'api:role.write'

export function firstBeyond(
  holdingOf: HoldingOf,
  by: Principal,
  given: Principal,
): string | undefined {
  const home = by.tenant === given.tenant
  const writesRoles = isWhole(holdingOf(by, GIVES_ALL), home)
  return Object.keys(RIGHTS).find((right) => {
    const wanted = holdingOf(given, right)
    if (wanted.allow.length === 0 || !wanted.granted.allowed) return false
    const own = holdingOf(by, right)
    const more = wanted.allow.filter((rule) => !covers(own, rule, home))
    if (writesRoles) return by.tenant !== undefined && more.some(({ crosses }) => crosses)
    return more.length > 0 || own.deny.some((rule) => !wanted.deny.includes(rule))
  })
}

function isWhole({ allow, deny, granted }: Holding, home: boolean): boolean {
  const whole = allow.some(({ matches, crosses }) => matches === null && (crosses || home))
  return whole && deny.length === 0 && granted.allowed
}

function covers({ allow, granted }: Holding, rule: RoleRule, home: boolean): boolean {
  if (!granted.allowed) return false
  return allow.some(
    (own) =>
      (own.crosses || home) &&
      (own === rule || (own.matches === null && (own.crosses || !rule.crosses))),
  )
}
