// What roles, tenants and scopes come to for one principal, right and target; and what deciding costs.
import { describe, expect, it } from 'vitest'
import { configLoader } from '../../src/app/sections.ts'
import { SYSTEM } from '../../src/engine/context.ts'
import type { Target } from '../../src/identity/access.ts'
import { authorizerOptions } from '../../src/identity/authorize/authorizer.ts'
import type { RoleSpec } from '../../src/identity/authorize/roles.ts'
import { ANONYMOUS, anyOf, authorizer, someone } from './people.ts'

const tool = (name: string, server = 'files', tenant?: string): Target => ({
  kind: 'tool',
  server,
  name,
  tenant,
})
const entity = (kind: string, name: string, tenant?: string): Target => ({
  kind: 'entity',
  entity: kind,
  name,
  tenant,
})
const GATEWAY: Target = { kind: 'gateway' }

describe('without a word in the configuration', () => {
  const { decide, open } = authorizer()

  it('everybody may use everything of the MCP plane, and nobody needs to ask', () => {
    expect(open).toBe(true)
    expect(decide(ANONYMOUS, 'mcp:tool.call', tool('read_file'))).toEqual({ allowed: true })
  })

  it('nobody has the admin API but by a role', () => {
    expect(decide(ANONYMOUS, 'api:server.read', entity('server', 'files'))).toEqual({
      allowed: false,
      reason: 'no role of the principal allows api:server.read',
      silent: true,
    })
    expect(decide(someone(['viewer']), 'api:server.read', entity('server', 'files'))).toEqual({
      allowed: true,
    })
    expect(decide(someone(['viewer']), 'api:server.write', entity('server', 'files')).allowed).toBe(
      false,
    )
    expect(decide(someone(['admin']), 'api:key.write', entity('key', 'ci')).allowed).toBe(true)
  })

  it('an action that is no right is denied, to the admin too', () => {
    for (const action of ['mcp:tool.run', 'mcp:*', '', 'constructor', '__proto__'])
      expect(decide(someone(['admin']), action, GATEWAY)).toEqual({
        allowed: false,
        reason: 'there is no such right',
      })
  })

  it('the gateway itself may do what it does on its own', () => {
    expect(decide(SYSTEM, 'api:tool.write', entity('tool', 'x', 'acme')).allowed).toBe(true)
    expect(decide(SYSTEM, 'api:tool.erase', entity('tool', 'x')).allowed).toBe(false)
  })

  it('a role that nobody declared gives nothing', () => {
    expect(decide(someone(['constructor', 'boss']), 'api:status.read', GATEWAY).allowed).toBe(false)
  })
})

describe('a role', () => {
  const roles: RoleSpec[] = [
    { name: 'everyone', allow: [{ actions: ['mcp:*.list'] }] },
    {
      name: 'reader',
      allow: [
        { actions: ['mcp:tool.call'], tools: ['read_*', '/^list_/'], servers: ['files'] },
        { actions: ['mcp:resource.*'], resources: ['file:///srv/**'] },
      ],
    },
    { name: 'careful', deny: [{ actions: ['mcp:*'], tools: ['*secret*'] }] },
    { name: 'lead', inherits: ['reader', 'viewer'] },
    { name: 'keeper', allow: [{ actions: ['api:server.*'], entities: ['server/prod-*'] }] },
  ]
  const { decide, decideAll, open } = authorizer({ roles })

  it('that replaces everyone takes away what everybody had', () => {
    expect(open).toBe(false)
    expect(decide(ANONYMOUS, 'mcp:tool.list', tool('read_file')).allowed).toBe(true)
    expect(decide(ANONYMOUS, 'mcp:tool.call', tool('read_file')).allowed).toBe(false)
  })

  it('allows what all fields of one rule match', () => {
    const reader = someone(['reader'])
    expect(decide(reader, 'mcp:tool.call', tool('read_file')).allowed).toBe(true)
    expect(decide(reader, 'mcp:tool.call', tool('list_files')).allowed).toBe(true)
    expect(decide(reader, 'mcp:tool.call', tool('read_file', 'other')).allowed).toBe(false)
    expect(decide(reader, 'mcp:tool.call', tool('write_file')).allowed).toBe(false)
    const srv: Target = { kind: 'resource', server: 'files', name: 'file:///srv/a/b' }
    expect(decide(reader, 'mcp:resource.read', srv).allowed).toBe(true)
    expect(decide(reader, 'mcp:resource.read', { ...srv, name: 'file:///etc/b' }).allowed).toBe(
      false,
    )
  })

  it('whose rule names tools says nothing about prompts of that name', () => {
    const target: Target = { kind: 'prompt', server: 'files', name: 'read_file' }
    expect(decide(someone(['reader']), 'mcp:tool.call', target).allowed).toBe(false)
  })

  it('that denies wins over every one that allows, in whatever order they are had', () => {
    const both = [someone(['reader', 'careful']), someone(['careful', 'reader'])]
    for (const principal of both)
      expect(decide(principal, 'mcp:tool.call', tool('read_secret'))).toEqual({
        allowed: false,
        reason: 'the role careful denies mcp:tool.call',
      })
  })

  it('has the rules of those it inherits', () => {
    expect(decide(someone(['lead']), 'mcp:tool.call', tool('read_file')).allowed).toBe(true)
    expect(decide(someone(['lead']), 'api:status.read', GATEWAY).allowed).toBe(true)
  })

  it('can be for single entities', () => {
    const keeper = someone(['keeper'])
    expect(decide(keeper, 'api:server.write', entity('server', 'prod-a')).allowed).toBe(true)
    expect(decide(keeper, 'api:server.write', entity('server', 'test-a')).allowed).toBe(false)
    expect(decide(keeper, 'api:server.write', { kind: 'server', name: 'prod-a' }).allowed).toBe(
      false,
    )
  })

  it('cannot stand in for a built-in one, and of two of a name the first counts', () => {
    const all = [{ actions: ['api:*'] }]
    const { decide } = authorizer({
      roles: [
        { name: 'viewer', allow: all },
        { name: 'own', allow: [{ actions: ['api:status.read'] }] },
        { name: 'own', allow: all },
      ],
    })
    expect(decide(someone(['viewer']), 'api:key.write', entity('key', 'a')).allowed).toBe(false)
    expect(decide(someone(['own']), 'api:status.read', GATEWAY).allowed).toBe(true)
    expect(decide(someone(['own']), 'api:key.write', entity('key', 'a')).allowed).toBe(false)
  })

  it('decides many targets as it decides each', () => {
    const targets = [tool('read_file'), tool('write_file'), tool('read_x', 'other')]
    expect(decideAll(someone(['reader']), 'mcp:tool.call', targets).map((d) => d.allowed)).toEqual([
      true,
      false,
      false,
    ])
  })

  it('is looked at anew for a principal that can be changed', () => {
    const roles = ['reader']
    const loose = { ...someone([]), roles }
    expect(decide(loose, 'mcp:tool.call', tool('read_file')).allowed).toBe(true)
    roles.pop()
    expect(decide(loose, 'mcp:tool.call', tool('read_file')).allowed).toBe(false)
  })
})

describe('a tenant', () => {
  const roles: RoleSpec[] = [
    { name: 'auditor', allow: [{ actions: ['mcp:*', 'api:*.read'], tenants: ['*'] }] },
    { name: 'acme-only', allow: [{ actions: ['mcp:*', 'api:*'], tenants: ['acme'] }] },
    { name: 'frozen', deny: [{ actions: ['mcp:tool.call'], tenants: ['*'] }] },
  ]
  const { decide } = authorizer({ roles, tenanted: true })
  const may = (principal: ReturnType<typeof someone>, action: string, target: Target) =>
    decide(principal, action, target).allowed

  it('has its own and what all share, and nothing of another', () => {
    const acme = someone([], { tenant: 'acme' })
    expect(may(acme, 'mcp:tool.call', tool('a', 's', 'acme'))).toBe(true)
    expect(may(acme, 'mcp:tool.call', tool('a', 's'))).toBe(true)
    expect(may(acme, 'mcp:tool.call', tool('a', 's', 'beta'))).toBe(false)
  })

  it('is hidden from another: the refusal is that for what no role allows', () => {
    expect(
      decide(someone([], { tenant: 'acme' }), 'mcp:tool.call', tool('a', 's', 'beta')),
    ).toEqual({ allowed: false, reason: 'no role of the principal allows mcp:tool.call' })
  })

  it('is not for those who have none', () => {
    expect(may(ANONYMOUS, 'mcp:tool.call', tool('a', 's', 'acme'))).toBe(false)
    expect(may(someone(['admin']), 'api:server.write', entity('server', 's', 'acme'))).toBe(false)
  })

  it('changes what is its own, sees what it works with, and not what the gateway keeps for itself', () => {
    const operator = someone(['operator'], { tenant: 'acme' })
    expect(may(operator, 'api:server.write', entity('server', 's', 'acme'))).toBe(true)
    expect(may(operator, 'api:server.write', entity('server', 's'))).toBe(false)
    expect(may(operator, 'api:server.read', entity('server', 's'))).toBe(true)
    expect(may(operator, 'api:key.read', entity('key', 'k'))).toBe(false)
    expect(may(operator, 'api:key.read', entity('key', 'k', 'acme'))).toBe(true)
    expect(may(operator, 'api:config.read', GATEWAY)).toBe(false)
    expect(may(operator, 'api:audit.read', { kind: 'gateway', tenant: 'acme' })).toBe(true)
  })

  it('is crossed by a role that says so, and by no other', () => {
    expect(may(someone(['auditor']), 'api:key.read', entity('key', 'k', 'acme'))).toBe(true)
    const ours = someone(['auditor'], { tenant: 'acme' })
    expect(may(ours, 'mcp:tool.call', tool('a', 's', 'beta'))).toBe(true)
    expect(may(ours, 'api:key.write', entity('key', 'k', 'beta'))).toBe(false)
    expect(may(someone(['acme-only']), 'api:key.read', entity('key', 'k', 'acme'))).toBe(false)
  })

  it('denied with "*" is every tenant and none', () => {
    expect(may(someone(['frozen']), 'mcp:tool.call', tool('a', 's'))).toBe(false)
    expect(
      may(someone(['frozen'], { tenant: 'acme' }), 'mcp:tool.call', tool('a', 's', 'acme')),
    ).toBe(false)
  })

  it('that has roles of its own has them for itself: they cross nothing, whatever they say or inherit', () => {
    const { decide } = authorizer({
      tenanted: true,
      roles: [
        { name: 'wide', allow: [{ actions: ['api:key.*'], tenants: ['*'] }] },
        {
          name: 'chief',
          tenant: 'acme',
          inherits: ['admin', 'wide'],
          allow: [{ actions: ['api:*'], tenants: ['*'] }],
        },
      ],
    })
    const acme = someone(['chief'], { tenant: 'acme' })
    const beta = someone(['chief'], { tenant: 'beta' })
    expect(decide(acme, 'api:key.write', entity('key', 'k', 'acme')).allowed).toBe(true)
    expect(decide(acme, 'api:key.write', entity('key', 'k', 'beta')).allowed).toBe(false)
    expect(decide(acme, 'api:key.write', entity('key', 'k')).allowed).toBe(false)
    expect(decide(beta, 'api:key.write', entity('key', 'k', 'beta')).allowed).toBe(false)
    expect(decide(someone(['chief']), 'api:key.write', entity('key', 'k')).allowed).toBe(false)
  })
})

describe('scopes', () => {
  const { decide, open } = authorizer({
    scopes: { 'mcp:tool.call': 'tools:call', 'mcp:tool.*': 'tools' },
    requiredScopes: ['mcp'],
  })

  it('that a token lacks are named, with those that every token needs', () => {
    expect(open).toBe(false)
    expect(decide(someone([], { scopes: ['mcp', 'tools'] }), 'mcp:tool.call', tool('a'))).toEqual({
      allowed: false,
      reason: 'mcp:tool.call needs the scope tools:call tools',
      scopes: ['mcp', 'tools:call', 'tools'],
    })
    const enough = someone([], { scopes: ['mcp', 'tools', 'tools:call'] })
    expect(decide(enough, 'mcp:tool.call', tool('a')).allowed).toBe(true)
    expect(decide(someone([]), 'mcp:prompt.get', tool('a')).allowed).toBe(true)
  })

  it('are not asked for where no role allows it anyway', () => {
    expect(decide(someone([]), 'api:status.read', GATEWAY)).toEqual({
      allowed: false,
      reason: 'no role of the principal allows api:status.read',
      silent: true,
    })
  })

  it('are wanted of whoever has no credential, too', () => {
    expect(decide(ANONYMOUS, 'mcp:tool.call', tool('a')).allowed).toBe(false)
  })

  it('of an API key are rights: they narrow what its roles give, and give nothing', () => {
    const key = someone(['viewer'], { credential: 'api_key', scopes: ['mcp:tool.*', 'api:key.*'] })
    expect(decide(key, 'mcp:tool.call', tool('a')).allowed).toBe(true)
    expect(decide(key, 'mcp:prompt.get', tool('a'))).toEqual({
      allowed: false,
      reason: 'the API key is not for mcp:prompt.get',
    })
    expect(decide(key, 'api:status.read', GATEWAY).allowed).toBe(false)
    expect(decide(key, 'api:key.read', entity('key', 'k')).allowed).toBe(false)
  })

  it('do not concern a client certificate', () => {
    const service = someone([], { credential: 'certificate' })
    expect(decide(service, 'mcp:tool.call', tool('a')).allowed).toBe(true)
  })

  it('keep the plane from being open where keys may have them', () => {
    expect(authorizer({ scopedKeys: true }).open).toBe(false)
    expect(authorizer({ tenanted: true }).open).toBe(false)
    const cross = [{ name: 'everyone', allow: [{ actions: ['mcp:*'], tenants: ['*'] }] }]
    expect(authorizer({ roles: cross, tenanted: true }).open).toBe(true)
  })
})

it('the section says what an authorizer is made of', async () => {
  const text = `version: 1
identity:
  api_keys: true
  keys: [{ id: ci-1, hash: "sha256:${'0'.repeat(64)}", principal: ci, scopes: ["mcp:*"] }]
  roles: { reader: { allow: [{ actions: ["mcp:tool.call"], tools: ["read_*"] }] } }
`
  const { config } = await configLoader().parse(text)
  const options = authorizerOptions(config.identity, { anyOf, tenanted: false })
  expect(options).toMatchObject({
    roles: [
      { name: 'reader', allow: [{ actions: ['mcp:tool.call'], tools: ['read_*'] }], deny: [] },
    ],
    scopedKeys: true,
  })
})
