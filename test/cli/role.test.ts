// `portcullis role` against the admin API of a gateway over HTTP: roles, and the grants behind them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/base/json.ts'
import { ALICE, by } from '../registry/bench.ts'
import { type AdminWorld, createAdminWorld } from './admin-world.ts'

let world: AdminWorld
beforeEach(async () => {
  world = await createAdminWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const create = (kind: string, id: string, body: JsonObject) =>
  world.bench.registry.write({ op: 'create', kind, id, body }, by())
const grants = async () =>
  (await world.bench.registry.list({ kind: 'grant', limit: 99 }, ALICE)).items
    .filter(({ source }) => source === 'dynamic')
    .map(({ id, body }) => [id, body])

describe('role list', () => {
  it('shows built-in roles and your own, and which of them replaces one', async () => {
    await create('role', 'reader', { allow: [{ actions: ['mcp:*.list'] }], inherits: ['viewer'] })
    await create('role', 'everyone', { deny: [{ actions: ['mcp:tool.call'] }] })
    const { exit, out } = await world.run(['role', 'list'], { tty: true })
    expect(exit).toBe(0)
    expect(out).toContain('ROLE')
    expect(out).toMatch(/^viewer +built-in +\d+ rights$/m)
    expect(out).toMatch(/^reader +dynamic +mcp:\*\.list as viewer$/m)
    expect(out).toMatch(/^everyone +dynamic +mcp:tool\.call$/m)
    expect(out).not.toMatch(/^everyone +built-in/m)
    const { json } = await world.run(['role', 'list'])
    expect(json.items.map(({ id }: { id: string }) => id)).toEqual([
      'viewer',
      'operator',
      'policy-author',
      'admin',
      'everyone',
      'reader',
    ])
  })
})

describe('role show', () => {
  it('shows what a built-in role may, and who has it', async () => {
    const { exit, out } = await world.run(['role', 'show', 'operator'], { tty: true })
    expect(exit).toBe(0)
    expect(out).toMatch(/^api:server\.write +create, change and remove entities of kind server$/m)
    expect(out).toMatch(/^declared-1 +root$/m)
  })

  it('shows the rules of your own, without grants to whoever may not see them', async () => {
    await create('role', 'reader', { allow: [{ actions: ['mcp:*.list'] }] })
    const { exit, out } = await world.run(['role', 'show', 'reader'], { tty: true, as: 'viewer' })
    expect(exit).toBe(0)
    expect(out).toContain('allow   {"actions":["mcp:*.list"]}')
    expect(out).toContain('who has it you may not see')
    const { json } = await world.run(['role', 'show', 'reader'])
    expect(json).toMatchObject({ id: 'reader', grants: [] })
  })

  it('ends with 1 when there is none', async () => {
    const { exit, err } = await world.run(['role', 'show', 'nobody'])
    expect(exit).toBe(1)
    expect(err).toContain('there is no role nobody [REGISTRY_NOT_FOUND]')
  })
})

describe('role grant', () => {
  it('makes a grant, and none where there is one already', async () => {
    const argv = ['role', 'grant', 'operator', 'alice@example.com']
    const tried = await world.run([...argv, '--dry-run'], { tty: true })
    expect(tried.out).toBe(
      'would give operator to alice@example.com; a dry run, nothing was written\n',
    )
    expect(await grants()).toEqual([])
    const { exit, out } = await world.run(argv, { tty: true })
    expect([exit, out]).toEqual([0, 'gave operator to alice@example.com\n'])
    const again = await world.run(argv, { tty: true })
    expect([again.exit, again.out]).toEqual([0, 'alice@example.com has operator already\n'])
    expect((await world.run(argv)).json).toEqual({ outcome: 'unchanged' })
    expect(await grants()).toEqual([
      [expect.any(String), { principals: ['alice@example.com'], roles: ['operator'] }],
    ])
  })
})

describe('role revoke', () => {
  const revoke = (...more: string[]) => world.run(['role', 'revoke', 'operator', 'alice', ...more])

  it('removes the grant that gives nothing else', async () => {
    await create('grant', 'one', { principals: ['alice'], roles: ['operator'] })
    expect((await revoke('--dry-run')).json).toEqual({ outcome: 'dry_run' })
    expect(await grants()).toHaveLength(1)
    const { exit, json } = await revoke()
    expect([exit, json]).toEqual([0, { outcome: 'written' }])
    expect(await grants()).toEqual([])
  })

  it('leaves others what they have, and him his other roles', async () => {
    await create('grant', 'roles', { principals: ['alice'], roles: ['operator', 'viewer'] })
    await create('grant', 'people', { principals: ['alice', 'bob'], roles: ['operator'] })
    await create('grant', 'wide', {
      principals: ['alice', 'bob'],
      roles: ['operator', 'reader'],
      issuers: ['corp'],
    })
    expect((await revoke()).exit).toBe(0)
    expect(await grants()).toEqual([
      [
        expect.stringMatching(/^made/),
        { principals: ['alice'], roles: ['reader'], issuers: ['corp'] },
      ],
      ['people', { principals: ['bob'], roles: ['operator'] }],
      ['roles', { principals: ['alice'], roles: ['viewer'] }],
      ['wide', { principals: ['bob'], roles: ['operator', 'reader'], issuers: ['corp'] }],
    ])
  })

  it('takes nothing when a grant of the configuration gives it', async () => {
    await create('grant', 'one', { principals: ['root'], roles: ['operator'] })
    const { exit, err } = await world.run(['role', 'revoke', 'operator', 'root'])
    expect(exit).toBe(1)
    expect(err).toContain('the grant declared-1 is declared in the configuration; change it there')
    expect(await grants()).toHaveLength(1)
  })

  it('says where else a role may come from when no grant gives it', async () => {
    const { exit, err } = await revoke()
    expect(exit).toBe(1)
    expect(err).toBe(
      'error: no grant that names alice gives operator [REGISTRY_NOT_FOUND]\n' +
        '  roles also come with keys, with tokens and by patterns: see portcullis role show operator and portcullis key list\n',
    )
  })
})
