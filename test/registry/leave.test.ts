// Who sees and changes which entities, by the rules of roles as they are: one decision for an entity alone and in a list.
import { expect, it } from 'vitest'
import type { Target } from '../../src/identity/access.ts'
import type { RoleSpec } from '../../src/identity/authorize/roles.ts'
import type { RegistryDeps } from '../../src/registry/parts.ts'
import { authorizer } from '../identity/people.ts'
import { type Bench, bench, by, person, SYSTEM } from './bench.ts'

const ROLES: readonly RoleSpec[] = [
  { name: 'of-one', allow: [{ actions: ['api:server.*'], entities: ['server/mine*'] }] },
  { name: 'of-all', allow: [{ actions: ['api:server.*'], tenants: ['*'] }] },
]
const GLOBAL = person('gloria', ['admin'])
const OVERSEER = person('olaf', ['of-all'])
const NARROW = person('nora', ['of-one'])
const ACME = person('anna', ['admin'], 'acme')
const NOBODY = person('eve', [])
const URL = 'https://server.example/mcp'

/** What was decided with the points. */
interface Rules extends Bench {
  readonly asked: { right: string; targets: readonly Target[] }[]
}

function ruled(): Rules {
  const { decide, decideAll } = authorizer({ roles: ROLES, tenanted: true })
  const asked: Rules['asked'] = []
  const deps: Partial<RegistryDeps> = {
    authorize({ principal }, right, target) {
      asked.push({ right, targets: [target] })
      return decide(principal, right, target)
    },
    authorizeAll({ principal }, right, targets) {
      asked.push({ right, targets })
      return decideAll(principal, right, targets)
    },
    rules: decide,
  }
  return { ...bench({ deps }), asked }
}

async function seeded(): Promise<Rules> {
  const made = ruled()
  const body = (name: string) => ({ name, command: 'node' })
  for (const [name, tenant] of [['shared'], ['of-acme', 'acme'], ['mine-1'], ['of-rival', 'rival']])
    await made.registry.write(
      {
        op: 'create',
        kind: 'server',
        ...(tenant === undefined ? {} : { tenant }),
        body: body(name ?? ''),
      },
      by(SYSTEM),
    )
  return made
}

const NAMES = ['mine-1', 'of-acme', 'of-rival', 'shared'] as const

async function outcome(doing: Promise<unknown>): Promise<string> {
  return doing.then(
    () => 'yes',
    (error: { code: string }) => error.code,
  )
}

it.each([
  [GLOBAL, ['mine-1', 'shared'], 'REGISTRY_NOT_FOUND'],
  [OVERSEER, [...NAMES], 'none'],
  [NARROW, ['mine-1'], 'AUTH_DENIED'],
  [ACME, ['mine-1', 'of-acme', 'shared'], 'REGISTRY_NOT_FOUND'],
] as const)('$id finds in a list what can be read alone, and no more', async (who, seen, code) => {
  const { registry, asked } = await seeded()
  const { items } = await registry.list({ kind: 'server', limit: 10 }, who)
  expect(items.map(({ id }) => id)).toEqual(seen)
  for (const id of NAMES)
    expect(await outcome(registry.get('server', id, who))).toBe(
      (seen as readonly string[]).includes(id) ? 'yes' : code,
    )
  // each of them was one check: that of the list about itself and all that is there
  expect(asked.map(({ targets }) => targets.length > 1)).toEqual([true, false, false, false, false])
})

it('who may see nothing of a kind is told so by its list', async () => {
  const { registry, asked } = await seeded()
  expect(await outcome(registry.list({ kind: 'server', limit: 10 }, NOBODY))).toBe('AUTH_DENIED')
  expect(asked).toHaveLength(1)
})

it('a list of what is of another tenant is empty, and is decided about', async () => {
  const { registry, asked } = await seeded()
  const query = { kind: 'server', limit: 10, tenant: 'rival' } as const
  expect((await registry.list(query, ACME)).items).toEqual([])
  expect(asked).toEqual([
    {
      right: 'api:server.read',
      targets: [{ kind: 'entity', entity: 'server', tenant: 'acme' }],
    },
  ])
})

it('pages go on behind what is not seen', async () => {
  const { registry } = await seeded()
  const first = await registry.list({ kind: 'server', limit: 1 }, GLOBAL)
  expect([first.items.map(({ id }) => id), first.next]).toEqual([['mine-1'], 'mine-1'])
  const second = await registry.list({ kind: 'server', limit: 1, after: 'mine-1' }, GLOBAL)
  expect([second.items.map(({ id }) => id), second.next]).toEqual([['shared'], undefined])
})

it('who may write certain entities may create them, and what is not his is refused', async () => {
  const { registry, asked } = ruled()
  const create = (name: string) =>
    registry.write({ op: 'create', kind: 'server', body: { name, url: URL } }, by(NARROW))
  expect(await outcome(create('mine-2'))).toBe('yes')
  expect(await outcome(create('other'))).toBe('AUTH_DENIED')
  expect(asked.map(({ targets }) => targets[0]?.name)).toEqual(['mine-2', 'other'])
})

it.each([
  [GLOBAL, 'of-acme', 'REGISTRY_NOT_FOUND'],
  [GLOBAL, 'nothing', 'REGISTRY_NOT_FOUND'],
  [ACME, 'shared', 'REGISTRY_NOT_FOUND'],
  [ACME, 'of-rival', 'REGISTRY_NOT_FOUND'],
  [NOBODY, 'of-acme', 'AUTH_DENIED'],
  [NOBODY, 'nothing', 'AUTH_DENIED'],
  [OVERSEER, 'of-acme', 'yes'],
] as const)('$0.id removes $1: $2, decided once', async (who, id, code) => {
  const { registry, asked } = await seeded()
  const removing = registry.write({ op: 'remove', kind: 'server', id }, by(who))
  expect(await outcome(removing)).toBe(code)
  expect(asked).toHaveLength(1)
})
