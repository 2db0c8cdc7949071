// The one decision: may this principal do this to that. Deny wins, then allow, else no; pure, compiled for one generation.
import type { Principal } from '../../engine/context.ts'
import type { Authorizer, Decision, Target } from '../access.ts'
import { type IdentityOptions, needsAuthenticator } from '../options.ts'
import { RIGHTS, type RightSpec, rightSpec } from '../rights.ts'
import { firstBeyond } from './beyond.ts'
import { compileRoles, type Role, type RoleRule, type RoleSpec } from './roles.ts'
import type { AnyOf } from './rule.ts'
import { createScopeRules, type ScopeRules } from './scopes.ts'

export interface AuthorizerOptions {
  /** Declared ones before those of the store. */
  readonly roles: readonly RoleSpec[]
  readonly anyOf: AnyOf
  /** `identity.oauth.scopes`: right, with * a glob, to scope. */
  readonly scopes?: Readonly<Record<string, string>> | undefined
  /** `identity.oauth.required_scopes`: named along when a scope is missing. */
  readonly requiredScopes?: readonly string[] | undefined
  /** Whether any server, virtual server, tool, prompt or resource has a tenant. */
  readonly tenanted: boolean
  /** Whether there may be API keys whose scopes narrow what their roles give. */
  readonly scopedKeys: boolean
}

/** What the section says, for `createAuthorizer`; `dynamic` is what the store has beside it. */
export function authorizerOptions(
  options: IdentityOptions,
  more: {
    readonly anyOf: AnyOf
    readonly tenanted: boolean
    /** Roles of the store. */
    readonly dynamic?: readonly RoleSpec[] | undefined
    /** Keys of the store: any of them may be narrowed. */
    readonly dynamicKeys?: boolean | undefined
  },
): AuthorizerOptions {
  const declared = Object.entries(options.roles).map(([name, role]) => ({ name, ...role }))
  const scoped = options.keys.some(({ scopes }) => scopes !== undefined)
  return {
    roles: [...declared, ...(more.dynamic ?? [])],
    anyOf: more.anyOf,
    scopes: options.oauth?.scopes,
    requiredScopes: options.oauth?.required_scopes,
    tenanted: more.tenanted,
    scopedKeys: needsAuthenticator(options) && (scoped || more.dynamicKeys === true),
  }
}

const ALLOWED: Decision = Object.freeze({ allowed: true })

/** What one principal may by one right. */
interface Plan {
  /** The same for every target. */
  readonly always: Decision | undefined
  readonly tenant: string | undefined
  readonly shared: boolean
  readonly deny: readonly RoleRule[]
  /** One for each of `deny`. */
  readonly denials: readonly Decision[]
  readonly allow: readonly RoleRule[]
  /** When a rule allows: yes, or what the scopes say. */
  readonly granted: Decision
  readonly nothing: Decision
  /** The same of what is of another tenant; nobody can grant it. */
  readonly hidden: Decision
}

// principals that come as new objects every time, such as those of explain
const MOST_PLANS = 1000

/** Throws CONFIG_INVALID for a pattern that is none. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const roles = compileRoles(options.roles, options.anyOf)
  const scopes = createScopeRules(options.scopes ?? {}, options.requiredScopes ?? [])
  const known = new WeakMap<Principal, Map<string, Plan>>()
  const others = new Map<string, Plan>()

  function planOf(principal: Principal, action: string): Plan {
    const plan = known.get(principal)?.get(action)
    if (plan !== undefined) return plan
    if (!isFrozen(principal)) return planOfOther(principal, action)
    const made = makePlan(principal, action, { roles, scopes })
    // an action that is no right has no bound of its own
    if (rightSpec(action) === undefined) return made
    const plans = known.get(principal) ?? new Map<string, Plan>()
    known.set(principal, plans.set(action, made))
    return made
  }

  function planOfOther(principal: Principal, action: string): Plan {
    const { kind, roles: names, scopes: given, tenant, claims } = principal
    const key = JSON.stringify([kind, names, given, tenant, scopes.credentialOf(claims), action])
    let plan = others.get(key)
    if (plan === undefined) {
      if (others.size >= MOST_PLANS) others.clear()
      plan = makePlan(principal, action, { roles, scopes })
      others.set(key, plan)
    }
    return plan
  }

  return {
    decide: (principal, action, target) => decideOne(planOf(principal, action), target),
    decideAll(principal, action, targets) {
      const plan = planOf(principal, action)
      return targets.map((target) => decideOne(plan, target))
    },
    beyond: (by, given) =>
      firstBeyond((who, action) => makePlan(who, action, { roles, scopes }), by, given),
    open: isOpen(options, roles, scopes),
  }
}

// only what cannot change may be remembered by what it is
function isFrozen(principal: Principal): boolean {
  const { roles, scopes, claims } = principal
  return [principal, roles, scopes, claims].every(Object.isFrozen)
}

function decideOne(plan: Plan, target: Target): Decision {
  if (plan.always !== undefined) return plan.always
  for (let at = 0; at < plan.deny.length; at++) {
    const test = plan.deny[at]?.matches
    if (test === null || test?.(target)) return plan.denials[at] as Decision
  }
  for (const rule of plan.allow)
    if (reaches(plan, rule, target) && (rule.matches === null || rule.matches(target)))
      return plan.granted
  const foreign = target.tenant !== undefined && target.tenant !== plan.tenant
  return foreign ? plan.hidden : plan.nothing
}

// without a word about tenants a rule is for one's own, and for what all share
function reaches(plan: Plan, rule: RoleRule, target: Target): boolean {
  if (rule.crosses) return true
  if (target.tenant !== undefined) return target.tenant === plan.tenant
  return plan.tenant === undefined || plan.shared
}

interface Compiled {
  readonly roles: ReadonlyMap<string, Role>
  readonly scopes: ScopeRules
}

function makePlan(principal: Principal, action: string, { roles, scopes }: Compiled): Plan {
  const { tenant } = principal
  const right = rightSpec(action)
  const reason =
    right === undefined ? 'there is no such right' : `no role of the principal allows ${action}`
  const hidden = refuse(reason)
  const nothing: Decision =
    right === undefined ? hidden : Object.freeze({ allowed: false, reason, silent: true })
  const plan = { tenant, shared: right?.shared ?? false, nothing, hidden, granted: ALLOWED }
  const empty = { ...plan, deny: [], denials: [], allow: [] }
  if (right === undefined) return { ...empty, always: nothing }
  // made by the gateway only, for what nobody asked it to do
  if (principal.kind === 'system') return { ...empty, always: ALLOWED }
  const all = [...new Set(['everyone', ...principal.roles])].flatMap(
    (name) => roles.get(name) ?? [],
  )
  const holds = (rule: RoleRule): boolean =>
    rule.actions.has(action) && (rule.tenant === undefined || rule.tenant === tenant)
  const deny = all.flatMap((role) => role.deny).filter(holds)
  const allow = all.flatMap((role) => role.allow).filter(holds)
  // those that ask nothing of the target first
  allow.sort((one, other) => Number(one.matches !== null) - Number(other.matches !== null))
  const granted = scopes.check(principal, action) ?? ALLOWED
  const free = deny.length === 0 && allow.some(({ matches, crosses }) => !matches && crosses)
  return {
    ...plan,
    granted,
    deny,
    denials: deny.map(({ role }) => refuse(`the role ${role} denies ${action}`)),
    allow,
    always: free ? granted : undefined,
  }
}

function refuse(reason: string): Decision {
  return Object.freeze({ allowed: false, reason })
}

/** Whether no decision about the MCP plane can be a no, whoever asks. */
function isOpen(
  { tenanted, scopedKeys }: AuthorizerOptions,
  roles: ReadonlyMap<string, Role>,
  scopes: ScopeRules,
): boolean {
  if (scopedKeys) return false
  const rights = Object.entries(RIGHTS).filter(
    ([, { plane }]: [string, RightSpec]) => plane === 'mcp',
  )
  const everyone = roles.get('everyone')?.allow ?? []
  return rights.every(
    ([right]) =>
      !scopes.narrows(right) &&
      everyone.some(
        ({ actions, matches, crosses }) => actions.has(right) && !matches && (crosses || !tenanted),
      ) &&
      ![...roles.values()].some(({ deny }) => deny.some(({ actions }) => actions.has(right))),
  )
}
