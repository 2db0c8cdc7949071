// The compiled decision against the rule it stands for, written down as plainly as can be: deny if any denies, else allow if any allows.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Principal } from '../../src/engine/context.ts'
import type { Target } from '../../src/identity/access.ts'
import type { RoleSpec } from '../../src/identity/authorize/roles.ts'
import type { RuleSpec } from '../../src/identity/authorize/rule.ts'
import { RIGHTS, type RightSpec, rightsMatching } from '../../src/identity/rights.ts'
import { anyOf, authorizer, someone } from './people.ts'

const NAMES = ['reader', 'writer', 'careful', 'lead']
const ACTIONS = ['mcp:tool.call', 'mcp:tool.list', 'mcp:resource.read', 'api:server.read', 'api:server.write', 'api:key.read', 'api:config.read', 'api:none'] // biome-ignore format: a row
const some = (...texts: string[]) => fc.option(fc.subarray(texts, { minLength: 1 }), { nil: undefined }) // biome-ignore format: a row

const rule: fc.Arbitrary<RuleSpec> = fc.record({
  actions: fc.subarray(['mcp:*', 'mcp:tool.*', 'api:server.*', '*', '*.read', 'api:k*y.*ad'], {
    minLength: 1,
  }),
  servers: some('a', 'b*', '*'),
  tools: some('read_*', 'x'),
  resources: some('file:///**', '*'),
  tenants: some('acme', 'b*', '*'),
  entities: some('server', 'server/a*', 'key/*'),
})
const rules = fc.array(rule, { maxLength: 2 })
const role: fc.Arbitrary<RoleSpec> = fc.record({
  name: fc.constantFrom('everyone', ...NAMES),
  allow: rules,
  deny: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: rules }),
  inherits: fc.subarray(NAMES, { maxLength: 2 }),
})
const roles = fc.uniqueArray(role, { maxLength: 5, selector: ({ name }) => name })
const target: fc.Arbitrary<Target> = fc.record({
  kind: fc.constantFrom('server', 'tool', 'prompt', 'resource', 'entity', 'gateway'),
  server: fc.constantFrom('a', 'bee', undefined),
  name: fc.constantFrom('read_x', 'x', 'a1', 'file:///a/b', undefined),
  entity: fc.constantFrom('server', 'key', undefined),
  tenant: fc.constantFrom('acme', 'beta', undefined),
})
const tenant = fc.constantFrom('acme', 'beta', undefined)
const principal: fc.Arbitrary<Principal> = fc
  .record({ roles: fc.subarray([...NAMES, 'viewer', 'admin', 'nobody']), tenant })
  .map(({ roles, tenant }) => someone(roles, tenant === undefined ? {} : { tenant }))
const action = fc.constantFrom(...ACTIONS)

/** As the guide says it, without a thought for speed. */
function naive(specs: readonly RoleSpec[], who: Principal, what: string, target: Target): boolean {
  const spec = (RIGHTS as Record<string, RightSpec>)[what]
  if (spec === undefined) return false
  const had = new Set<string>()
  const have = (name: string): void => {
    if (had.has(name)) return
    had.add(name)
    for (const parent of specs.find((one) => one.name === name)?.inherits ?? []) have(parent)
  }
  for (const name of ['everyone', ...who.roles]) have(name)
  const own = [...had].flatMap((name) => specs.find((one) => one.name === name) ?? [])
  if (own.some(({ deny = [] }) => deny.some((rule) => fits(rule, what, target)))) return false
  const reaches = (rule: RuleSpec) =>
    rule.tenants?.includes('*') ||
    (target.tenant === undefined
      ? who.tenant === undefined || spec.shared
      : target.tenant === who.tenant)
  if (own.some(({ allow = [] }) => allow.some((r) => fits(r, what, target) && reaches(r))))
    return true
  const replaced = specs.some(({ name }) => name === 'everyone')
  const builtIn = [...had].filter((name) => !(name === 'everyone' && replaced))
  return spec.roles.some((name) => builtIn.includes(name)) && Boolean(reaches({ actions: [] }))
}

function fits(
  rule: RuleSpec,
  what: string,
  { kind, server, name, entity, tenant }: Target,
): boolean {
  const one = (texts: readonly string[] | undefined, ...values: (string | undefined)[]) =>
    texts === undefined || values.some((value) => value !== undefined && anyOf(texts)(value))
  const of = (wanted: string, value: string | undefined) => (kind === wanted ? value : undefined)
  const isServer = kind === 'server' || (kind === 'entity' && entity === 'server')
  return (
    rightsMatching(what).length > 0 &&
    one(rule.actions, what) &&
    one(rule.servers, server ?? (isServer ? name : undefined)) &&
    one(rule.tools, of('tool', name)) &&
    (rule.resources === undefined ||
      (kind === 'resource' &&
        name !== undefined &&
        (rule.resources.includes('*') || anyOf(rule.resources, { path: true })(name)))) &&
    (rule.tenants?.includes('*') || one(rule.tenants, tenant)) &&
    one(
      rule.entities,
      of('entity', entity),
      entity && name ? of('entity', `${entity}/${name}`) : undefined,
    )
  )
}

describe('a decision', () => {
  it('is the one the rules stand for', () => {
    fc.assert(
      fc.property(roles, principal, action, target, (specs, who, what, at) => {
        const { decide } = authorizer({ roles: specs, tenanted: true })
        expect(decide(who, what, at).allowed).toBe(naive(specs, who, what, at))
      }),
      { numRuns: 3000 },
    )
  })

  it('does not depend on the order of roles, rules and names, nor on what was asked before', () => {
    fc.assert(
      fc.property(roles, principal, action, fc.array(target), (specs, who, what, targets) => {
        const { decideAll, decide } = authorizer({ roles: specs, tenanted: true })
        const turned = specs.toReversed().map((spec) => ({
          ...spec,
          allow: spec.allow?.toReversed(),
          deny: spec.deny?.toReversed(),
        }))
        const other = authorizer({ roles: turned, tenanted: true })
        const others = { ...who, roles: who.roles.toReversed() }
        const all = decideAll(who, what, targets).map(({ allowed }) => allowed)
        expect(targets.map((one) => decide(who, what, one).allowed)).toEqual(all)
        expect(other.decideAll(others, what, targets).map(({ allowed }) => allowed)).toEqual(all)
      }),
    )
  })

  it('never becomes a yes by one more rule that denies', () => {
    fc.assert(
      fc.property(roles, rule, principal, action, target, (specs, more, who, what, at) => {
        const everyone = specs.find(({ name }) => name === 'everyone')
        fc.pre(everyone !== undefined)
        const denying = specs.map((spec) =>
          spec === everyone ? { ...spec, deny: [...(spec.deny ?? []), more] } : spec,
        )
        const before = authorizer({ roles: specs, tenanted: true }).decide(who, what, at)
        const after = authorizer({ roles: denying, tenanted: true }).decide(who, what, at)
        expect(before.allowed || !after.allowed).toBe(true)
      }),
    )
  })

  it('is a yes for everybody where the plane is open', () => {
    fc.assert(
      fc.property(
        roles,
        fc.boolean(),
        principal,
        action,
        target,
        (specs, tenanted, who, what, at) => {
          const { open, decide } = authorizer({ roles: specs, tenanted })
          fc.pre(open && what.startsWith('mcp:'))
          const target = tenanted ? at : { ...at, tenant: undefined }
          expect(decide(who, what, target).allowed).toBe(true)
        },
      ),
    )
  })

  it('is never widened by scopes', () => {
    const scopes = fc.subarray(['mcp:*', 'api:*', 'tools', '*'])
    const kind = fc.constantFrom('token', 'api_key', 'certificate')
    fc.assert(
      fc.property(roles, scopes, kind, action, target, (specs, scopes, credential, what, at) => {
        const who = someone(['reader', 'viewer'], { scopes, credential })
        const mapped = { 'mcp:tool.*': 'tools' }
        const { decide } = authorizer({ roles: specs, tenanted: true, scopes: mapped })
        const without = authorizer({ roles: specs, tenanted: true }).decide(
          someone(['reader', 'viewer'], { credential: 'certificate' }),
          what,
          at,
        )
        expect(without.allowed || !decide(who, what, at).allowed).toBe(true)
      }),
    )
  })
})

it('a text names the rights that a glob of it matches', () => {
  const part = fc.constantFrom('*', 'mcp:', 'api:', 'tool', '.', 'read', 'e', 'r', 'list', ':')
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.join('')
      expect(rightsMatching(text)).toEqual(Object.keys(RIGHTS).filter(anyOf([text])))
    }),
  )
})
