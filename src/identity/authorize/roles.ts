// Every role with the rules it comes to: built-in, declared and dynamic ones, inheritance resolved; it decides nothing.
import { BUILT_IN_ROLES, isBuiltIn, RIGHTS, type RightSpec } from '../rights.ts'
import { type AnyOf, compileRule, type Rule, type RuleSpec } from './rule.ts'

/** A role as the configuration or the store has it. */
export interface RoleSpec {
  readonly name: string
  readonly allow?: readonly RuleSpec[] | undefined
  readonly deny?: readonly RuleSpec[] | undefined
  readonly inherits?: readonly string[] | undefined
  /** Whose role it is: it means something to principals of this tenant only, and reaches into no other. */
  readonly tenant?: string | undefined
}

export interface RoleRule extends Rule {
  readonly role: string
  readonly tenant: string | undefined
}

export interface Role {
  readonly allow: readonly RoleRule[]
  readonly deny: readonly RoleRule[]
}

interface Own {
  readonly spec: RoleSpec
  readonly role: Role
}

/**
 * Roles by name. Of two of the same name and tenant the first counts, so that what is declared wins over the store. A
 * built-in one is never replaced, but for `everyone`, by a role of no tenant. Inherited names that are unknown come to nothing.
 */
export function compileRoles(specs: readonly RoleSpec[], anyOf: AnyOf): ReadonlyMap<string, Role> {
  const own = new Map<string, readonly Own[]>()
  for (const spec of [...specs.filter(isFree), ...builtIn(specs)]) {
    const same = own.get(spec.name) ?? []
    if (same.some((other) => other.spec.tenant === spec.tenant)) continue
    own.set(spec.name, [...same, { spec, role: compileRole(spec, anyOf) }])
  }
  return new Map([...own.keys()].map((name) => [name, gather(name, own)]))
}

function isFree({ name, tenant }: RoleSpec): boolean {
  return !isBuiltIn(name) || (name === 'everyone' && tenant === undefined)
}

function builtIn(specs: readonly RoleSpec[]): RoleSpec[] {
  const replaced = specs.some(({ name, tenant }) => name === 'everyone' && tenant === undefined)
  const rights: [string, RightSpec][] = Object.entries(RIGHTS)
  return BUILT_IN_ROLES.filter((name) => !(name === 'everyone' && replaced)).map((name) => ({
    name,
    allow: [
      { actions: rights.filter(([, { roles }]) => roles.includes(name)).map(([right]) => right) },
    ],
  }))
}

function compileRole({ name, tenant, allow = [], deny = [] }: RoleSpec, anyOf: AnyOf): Role {
  const compile = (rule: RuleSpec): RoleRule =>
    owned({ ...compileRule(rule, anyOf), role: name, tenant: undefined }, tenant)
  return { allow: allow.map(compile), deny: deny.map(compile) }
}

// what a tenant wrote holds within the tenant, also what it took over from a role of all
function owned(rule: RoleRule, tenant: string | undefined): RoleRule {
  return tenant === undefined ? rule : { ...rule, tenant, crosses: false }
}

/** The rules of a role and of all that it inherits. A walk over (role, tenant), so that no circle and no lattice is walked twice. */
function gather(name: string, own: ReadonlyMap<string, readonly Own[]>): Role {
  const allow: RoleRule[] = []
  const deny: RoleRule[] = []
  const seen = new Set<string>()
  const open: { name: string; tenant: string | undefined }[] = [{ name, tenant: undefined }]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const key = JSON.stringify([at.name, at.tenant])
    if (seen.has(key)) continue
    seen.add(key)
    for (const { spec, role } of own.get(at.name) ?? []) {
      const within = at.tenant
      if (within !== undefined && spec.tenant !== undefined && spec.tenant !== within) continue
      allow.push(...role.allow.map((rule) => owned(rule, within)))
      deny.push(...role.deny.map((rule) => owned(rule, within)))
      for (const parent of spec.inherits ?? [])
        open.push({ name: parent, tenant: within ?? spec.tenant })
    }
  }
  return { allow, deny }
}
