// What the schema cannot say of roles, grants and mappings of certificates: that what they name is there, and that patterns are patterns.
import { suggest } from '../base/suggest.ts'
import type { Report } from '../config/load.ts'
import type { AnyOf } from './authorize/rule.ts'
import type { IdentityOptions, RoleOptions, RuleOptions } from './options.ts'
import { isBuiltIn, KINDS, RIGHTS, rightsMatching } from './rights.ts'

/** Ids that no configuration gives to anybody. */
export const RESERVED_IDS = ['anonymous', 'system']

export function checkRoles(options: IdentityOptions, anyOf: AnyOf, report: Report): void {
  for (const [name, role] of Object.entries(options.roles)) {
    const path = ['identity', 'roles', name]
    if (!/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/.test(name))
      report(path, `identity.roles: ${JSON.stringify(name)} is no name of a role`, { key: true })
    if (isBuiltIn(name) && name !== 'everyone')
      report(path, `identity.roles.${name}: is built in and stays as it is; choose another name`, {
        key: true,
      })
    for (const list of ['allow', 'deny'] as const)
      role[list].forEach((rule, index) => {
        const at = `identity.roles.${name}.${list}[${index}]`
        checkRule(rule, [...path, list, index], at, { anyOf, report })
      })
    role.inherits?.forEach((parent, index) => {
      if (parent === 'everyone' || !(isBuiltIn(parent) || Object.hasOwn(options.roles, parent)))
        report(
          [...path, 'inherits', index],
          parent === 'everyone'
            ? `identity.roles.${name}.inherits: everyone is had by all`
            : `identity.roles.${name}.inherits: there is no role ${parent}`,
        )
    })
    if (inheritsItself(name, options.roles))
      report([...path, 'inherits'], `identity.roles.${name}.inherits: comes back to itself`)
  }
}

interface Means {
  readonly anyOf: AnyOf
  readonly report: Report
}

function checkRule(
  rule: RuleOptions,
  path: (string | number)[],
  at: string,
  { anyOf, report }: Means,
): void {
  rule.actions.forEach((action, index) => {
    checkRight(action, [...path, 'actions', index], `${at}.actions[${index}]`, { report })
  })
  for (const [field, patterns] of Object.entries(rule))
    for (const [index, pattern] of (patterns as readonly string[]).entries()) {
      const wrong = wrongPattern(anyOf, pattern, field === 'resources')
      if (wrong) report([...path, field, index], `${at}.${field}[${index}]: ${wrong}`)
    }
  for (const [index, entity] of (rule.entities ?? []).entries()) {
    const kind = entity.split('/')[0] ?? ''
    if (/^[a-z_]+$/.test(kind) && !KINDS.some((known) => known === kind))
      report(
        [...path, 'entities', index],
        `${at}.entities[${index}]: there is no kind ${kind}; known: ${KINDS.join(', ')}`,
      )
  }
}

export function checkGrants(options: IdentityOptions, anyOf: AnyOf, report: Report): void {
  const issuers = options.oauth?.issuers ?? []
  options.grants.forEach((grant, index) => {
    const at = `identity.grants[${index}]`
    const path = ['identity', 'grants', index]
    checkRoleNames(grant.roles, { options, path, at, report })
    for (const [field, patterns] of Object.entries({
      principals: grant.principals ?? [],
      ...Object.fromEntries(Object.entries(grant.claims ?? {})),
    }))
      for (const pattern of patterns) {
        const wrong = wrongPattern(anyOf, pattern, false)
        if (wrong) report(path, `${at}: ${field}: ${wrong}`)
      }
    for (const name of grant.issuers ?? [])
      if (!issuers.some((known) => known.issuer === name || known.name === name))
        report([...path, 'issuers'], `${at}.issuers: there is no issuer ${name}`)
    // a group of one issuer is not the group of the same name of another
    if (grant.claims && !grant.issuers && issuers.length > 1)
      report([...path, 'claims'], `${at}.claims: there are several issuers; say whose: issuers`, {
        key: true,
      })
  })
  options.keys.forEach(({ roles = [] }, index) => {
    const path = ['identity', 'keys', index]
    checkRoleNames(roles, { options, path, at: `identity.keys[${index}]`, report })
  })
}

export function checkMappings(options: IdentityOptions, anyOf: AnyOf, report: Report): void {
  options.mtls?.map.forEach((mapping, index) => {
    const at = `identity.mtls.map[${index}]`
    const path = ['identity', 'mtls', 'map', index]
    checkRoleNames(mapping.roles ?? [], { options, path, at, report })
    const { spiffe, dns, uri, email, common_name } = mapping
    const given = Object.entries({ spiffe, dns, uri, email, common_name })
    if (given.every(([, patterns]) => patterns === undefined))
      report(path, `${at}: nothing could match it; give one of ${given.map(([n]) => n).join(', ')}`)
    for (const [field, patterns = []] of given)
      for (const pattern of patterns) {
        const wrong = wrongPattern(anyOf, pattern, field === 'spiffe' || field === 'uri')
        if (wrong) report([...path, field], `${at}.${field}: ${wrong}`)
      }
    if (spiffe && !options.mtls?.trust_domains)
      report([...path, 'spiffe'], `${at}.spiffe: set identity.mtls.trust_domains, too`)
    if (mapping.principal !== undefined && RESERVED_IDS.includes(mapping.principal))
      report(
        [...path, 'principal'],
        `${at}.principal: ${mapping.principal} is a name of the gateway's own`,
      )
  })
}

interface Place {
  readonly options: IdentityOptions
  readonly path: (string | number)[]
  readonly at: string
  readonly report: Report
}

// dynamic roles come later, from the store: a name that is not declared here is told, not refused
function checkRoleNames(names: readonly string[], { options, path, at, report }: Place): void {
  names.forEach((name, index) => {
    if (isBuiltIn(name) || Object.hasOwn(options.roles, name)) return
    report(
      [...path, 'roles', index],
      `${at}.roles: no role ${name} is declared; it means nothing until somebody creates it`,
      { warning: true },
    )
  })
}

export function checkRight(
  pattern: string,
  path: (string | number)[],
  at: string,
  { report, key = false }: { readonly report: Report; readonly key?: boolean },
): void {
  if (rightsMatching(pattern).length > 0) return
  const suggestion = suggest(pattern, Object.keys(RIGHTS))
  const message = `${at}: there is no right ${pattern}; docs/rights.md lists them`
  report(path, message, { key, suggestion })
}

function wrongPattern(anyOf: AnyOf, pattern: string, path: boolean): string | undefined {
  try {
    anyOf([pattern], { path })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function inheritsItself(name: string, roles: Readonly<Record<string, RoleOptions>>): boolean {
  const reached = new Set<string>()
  const open = [name]
  for (let role = open.pop(); role !== undefined; role = open.pop())
    for (const parent of (Object.hasOwn(roles, role) && roles[role]?.inherits) || [])
      if (!reached.has(parent)) {
        reached.add(parent)
        open.push(parent)
      }
  return reached.has(name)
}
