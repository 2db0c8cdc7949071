// Which roles grants give to whom: patterns of ids and claims, compiled once; it knows no credential.
import { isObject } from '../base/json.ts'
import type { AnyOf } from './authorize/rule.ts'

/** A grant as the configuration or the store has it. */
export interface GrantSpec {
  readonly principals?: readonly string[] | undefined
  readonly claims?: Readonly<Record<string, readonly string[]>> | undefined
  /** Whose claims: issuers or their names. */
  readonly issuers?: readonly string[] | undefined
  readonly roles: readonly string[]
  /** Whose grant it is: it counts for principals of this tenant only. */
  readonly tenant?: string | undefined
}

/** Who asks for roles. */
export interface Grantee {
  readonly id: string
  readonly kind: string
  readonly tenant: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
  readonly issuer?: { readonly issuer: string; readonly name?: string | undefined } | undefined
}

export type Grants = (grantee: Grantee) => readonly string[]

type Test = (grantee: Grantee) => boolean

/** Throws CONFIG_INVALID for a pattern that is none. */
export function compileGrants(specs: readonly GrantSpec[], anyOf: AnyOf): Grants {
  const grants = specs.map((spec) => ({ roles: spec.roles, tests: testsOf(spec, anyOf) }))
  return (grantee) =>
    grants.flatMap(({ roles, tests }) => (tests.every((test) => test(grantee)) ? roles : []))
}

function testsOf({ principals, claims, issuers, tenant }: GrantSpec, anyOf: AnyOf): Test[] {
  const tests: Test[] = []
  // a grant that asks for nothing would be one to everybody
  if (principals === undefined && claims === undefined) tests.push(() => false)
  if (tenant !== undefined) tests.push((grantee) => grantee.tenant === tenant)
  if (principals !== undefined) {
    const matches = anyOf(principals)
    const named = principals.includes('anonymous')
    tests.push(({ id, kind }) => (kind === 'anonymous' ? named : matches(id)))
  }
  if (issuers !== undefined)
    tests.push(
      ({ issuer }) =>
        issuer !== undefined &&
        (issuers.includes(issuer.issuer) ||
          (issuer.name !== undefined && issuers.includes(issuer.name))),
    )
  for (const [name, patterns] of Object.entries(claims ?? {})) {
    const matches = anyOf(patterns)
    tests.push((grantee) => textsAt(grantee.claims, name).some(matches))
  }
  return tests
}

/** The texts of a claim: one, or a list of them. A name with dots is a member of a member, unless there is a claim of that very name. */
export function textsAt(claims: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = valueAt(claims, name)
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function valueAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const step of name.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined
    value = value[step]
  }
  return value
}
