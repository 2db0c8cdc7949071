// The one write path: each kind fires exactly its points, and what is vetoed, faulty, stale or only tried writes nothing.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/base/json.ts'
import { deny, patch } from '../../src/plugin.ts'
import { KIND_TABLE } from '../../src/registry/kinds.ts'
import type { WriteOutcome, WriteRequest } from '../../src/registry/registry.ts'
import { ALICE, type Bench, bench, by, EVE, EXAMPLES, person, SYSTEM, WRITABLE } from './bench.ts'

type Written = Extract<WriteOutcome, { outcome: 'written' }>

const create = (kind: keyof typeof EXAMPLES): WriteRequest => {
  const { id, body } = EXAMPLES[kind]
  return { op: 'create', kind, body: body as JsonObject, ...(id === undefined ? {} : { id }) }
}
const SERVER = create('server')
const merge = (patched: object): WriteRequest => ({
  op: 'merge',
  kind: 'server',
  id: 'files',
  patch: patched as JsonObject,
})
const REMOVE: WriteRequest = { op: 'remove', kind: 'server', id: 'files' }

async function written(b: Bench, request: WriteRequest, context = by()): Promise<Written> {
  const outcome = await b.registry.write(request, context)
  expect(outcome.outcome).toBe('written')
  return outcome as Written
}
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error) => (error as { code?: string }).code ?? error,
  )

const TWINS: Readonly<Record<string, readonly string[]>> = {
  server: ['server_%_register', 'server_%_update', 'server_%_unregister'],
  virtual_server: ['server_%_register', 'server_%_update', 'server_%_unregister'],
  tool: ['tool_%_register', 'tool_%_update', 'tool_%_unregister'],
  prompt: ['prompt_%_register', 'prompt_%_update', 'prompt_%_unregister'],
  resource: ['resource_%_create', 'resource_%_update', 'resource_%_delete'],
  policy: ['auth_%_create', 'auth_%_update', 'auth_%_delete'],
  plugin: ['auth_%_create', 'auth_%_update', 'auth_%_delete'],
  principal: ['auth_%_create', 'auth_%_update', 'auth_%_delete'],
  role: ['auth_%_create', 'auth_%_update', 'auth_%_delete'],
  grant: ['auth_%_create', 'auth_%_update', 'auth_%_delete'],
  key: ['auth_%_create', 'auth_%_update', 'auth_%_delete'],
  client: ['auth_%_create', 'auth_%_update', 'auth_%_delete'],
  peer: ['federation_%_create', 'federation_%_update', 'federation_%_delete'],
  webhook: ['federation_%_create', 'federation_%_update', 'federation_%_delete'],
}

describe.each(WRITABLE)('an entity of kind %s', (kind) => {
  const twins = (index: number) =>
    ['pre', 'post'].map((when) => (TWINS[kind]?.[index] ?? '').replace('%', when))

  it('is created, changed and removed past exactly its points', async () => {
    const b = bench()
    const { entity } = await written(b, create(kind))
    const { id } = entity
    expect([entity.version, b.points()]).toEqual([1, twins(0)])
    const changed = EXAMPLES[kind].patch as JsonObject
    const { entity: second } = await written(b, { op: 'merge', kind, id, patch: changed })
    expect([second.version, b.points()]).toEqual([2, twins(1)])
    expect(second.body).toMatchObject(changed)
    await written(b, { op: 'remove', kind, id })
    expect(b.points()).toEqual(twins(2))
    expect(await codeOf(b.registry.get(kind, id, ALICE))).toBe('REGISTRY_NOT_FOUND')
    expect(b.events.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'create written',
      'update written',
      'remove written',
    ])
    expect(b.revisions).toEqual([1, 2, 3])
  })

  it.each([0, 1, 2])('is left as it is by a veto or a fault at its point %#', async (index) => {
    const [pre = '', post = ''] = twins(index)
    let answer: () => unknown = () => undefined
    const b = bench({ hooks: { [pre]: () => answer() } })
    const { entity } = index === 0 ? { entity: undefined } : await written(b, create(kind))
    const id = entity?.id ?? ''
    const request: WriteRequest = [
      create(kind),
      { op: 'merge', kind, id, patch: EXAMPLES[kind].patch as JsonObject } as const,
      { op: 'remove', kind, id } as const,
    ][index] as WriteRequest
    const before = await b.store.revision()
    b.points()
    answer = () => deny({ code: 'NO', reason: 'not this one' })
    const vetoed = await b.registry.write(request, by())
    expect(vetoed).toMatchObject({ outcome: 'vetoed', violation: { code: 'NO', point: pre } })
    expect(b.fired.at(-1)?.payload).toMatchObject({ outcome: 'vetoed', reason: 'not this one' })
    expect(b.points()).toEqual([pre, post])
    answer = () => {
      throw new Error('broken')
    }
    expect(await codeOf(b.registry.write(request, by()))).toBe('PLUGIN_THREW')
    expect(b.fired.at(-1)?.payload).toMatchObject({ outcome: 'failed' })
    expect(b.points()).toEqual([pre, post])
    expect(await b.store.revision()).toBe(before)
    expect(b.events.slice(-2).map(({ outcome }) => outcome)).toEqual(['vetoed', 'failed'])
  })

  it('is written by nobody who may not', async () => {
    const b = bench()
    expect(await codeOf(b.registry.write(create(kind), by(EVE)))).toBe('AUTH_DENIED')
    expect(await codeOf(b.registry.list({ kind, limit: 10 }, EVE))).toBe('AUTH_DENIED')
    expect([b.points(), await b.store.revision()]).toEqual([[], 0])
  })

  it('is only tried by a dry run', async () => {
    const b = bench()
    const outcome = await b.registry.write(create(kind), by(ALICE, { dryRun: true }))
    expect(outcome).toMatchObject({ outcome: 'dry_run', entity: { version: 0 } })
    expect([b.points(), await b.store.revision()]).toEqual([[twins(0)[0]], 0])
  })
})

it('has a row with points for every kind but the change, whose content passes its own', () => {
  const without = Object.entries(KIND_TABLE).filter(([, spec]) => spec.points === undefined)
  expect(without.map(([kind]) => kind)).toEqual(['change'])
})

describe('what a plugin makes of an entity', () => {
  it('is written when it is valid', async () => {
    const hooks = {
      server_pre_register: ({ entity }: Record<string, unknown>) =>
        patch({ entity: { ...(entity as object), tags: ['checked'] } }),
    }
    const b = bench({ hooks })
    const { entity } = await written(b, SERVER)
    expect(entity.body).toEqual({ name: 'files', command: 'node', tags: ['checked'] })
  })

  it.each([
    ['is of the wrong shape', { name: 'files', command: 7 }],
    ['has another name', { name: 'other', command: 'node' }],
    ['has keys that are not known', { name: 'files', command: 'node', colour: 'red' }],
  ])('is a fault when it %s', async (_, made) => {
    const b = bench({ hooks: { server_pre_register: () => patch({ entity: made }) } })
    expect(await codeOf(b.registry.write(SERVER, by()))).toBe('PLUGIN_PATCH_INVALID')
    expect(b.points()).toEqual(['server_pre_register', 'server_post_register'])
    expect(await b.store.revision()).toBe(0)
  })
})

describe('a write', () => {
  it('names what is wrong with a body, before any plugin is asked', async () => {
    const b = bench()
    const request = {
      ...SERVER,
      body: { name: 'files', command: 'node', url: 'x' },
    } as WriteRequest
    const error = await b.registry.write(request, by()).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'REGISTRY_INVALID' })
    expect(error.data.problems.map(({ path }: { path: string }) => path)).toContain('url')
    expect(b.points()).toEqual([])
  })

  it.each([
    [
      'an id of another form',
      { op: 'create', kind: 'server', body: { name: 'a__b', command: 'x' } },
      'REGISTRY_INVALID',
    ],
    [
      'no id where one has to be given',
      { op: 'create', kind: 'role', body: {} },
      'REGISTRY_INVALID',
    ],
    ['a kind that is none', { op: 'create', kind: 'dragon', body: {} }, 'REGISTRY_NOT_FOUND'],
    [
      'something that is not there',
      { op: 'remove', kind: 'server', id: 'none' },
      'REGISTRY_NOT_FOUND',
    ],
    [
      'a change from nowhere',
      { op: 'create', kind: 'change', body: { state: 'approved' } },
      'REGISTRY_INVALID',
    ],
  ] as const)('is refused for %s', async (_, request, code) => {
    expect(await codeOf(bench().registry.write(request as WriteRequest, by()))).toBe(code)
  })

  it('is refused when the entity is of another version than the caller has seen', async () => {
    const b = bench()
    await written(b, SERVER)
    await written(b, merge({ tags: ['a'] }), by(ALICE, { expect: 1 }))
    b.points()
    expect(await codeOf(b.registry.write(merge({ tags: ['b'] }), by(ALICE, { expect: 1 })))).toBe(
      'REGISTRY_PRECONDITION',
    )
    expect(await codeOf(b.registry.write(REMOVE, by(ALICE, { expect: 1 })))).toBe(
      'REGISTRY_PRECONDITION',
    )
    expect(b.points()).toEqual([])
    expect(await codeOf(b.registry.write(SERVER, by()))).toBe('REGISTRY_EXISTS')
  })

  it('that lost a race is told so and has written nothing', async () => {
    let race: () => Promise<unknown> = async () => {}
    const b = bench({ hooks: { server_pre_update: () => race() } })
    await written(b, SERVER)
    race = async () => {
      race = async () => {}
      await written(b, merge({ environment: 'won' }))
    }
    expect(await codeOf(b.registry.write(merge({ environment: 'lost' }), by()))).toBe(
      'STORE_CONFLICT',
    )
    expect((await b.registry.get('server', 'files', ALICE)).body.environment).toBe('won')
    race = async () => {
      race = async () => {}
      await written(b, merge({ environment: 'again' }))
    }
    const stale = by(ALICE, { expect: 2 })
    expect(await codeOf(b.registry.write(merge({ environment: 'lost' }), stale))).toBe(
      'REGISTRY_PRECONDITION',
    )
  })

  it('that is repeated with its key is answered as before, fires nothing, and is in the audit as that', async () => {
    const b = bench()
    const idempotency = { key: 'alice:k', digest: 'd' }
    const first = await written(b, SERVER, by(ALICE, { idempotency }))
    b.points()
    const second = await written(b, SERVER, by(ALICE, { idempotency }))
    expect(second).toEqual(JSON.parse(JSON.stringify(first)))
    expect([b.points(), await b.store.revision()]).toEqual([[], 1])
    const told = b.events.map(({ outcome, version }) => [outcome, version])
    expect(told).toEqual([
      ['written', 1],
      ['repeated', 1],
    ])
    const other = by(ALICE, { idempotency: { key: 'alice:k', digest: 'other' } })
    expect(await codeOf(b.registry.write(REMOVE, other))).toBe('REGISTRY_REPLAYED')
  })

  it('that comes twice at once with one key is carried out once', async () => {
    const b = bench()
    const context = by(ALICE, { idempotency: { key: 'alice:k', digest: 'd' } })
    const [one, two] = await Promise.all([
      b.registry.write(SERVER, context),
      b.registry.write(SERVER, context),
    ])
    expect([one.outcome, two.outcome, await b.store.revision()]).toEqual(['written', 'written', 1])
  })

  it('of the gateway itself asks nobody for leave, and passes the points', async () => {
    const b = bench()
    await written(b, SERVER, by(SYSTEM, { surface: 'config' }))
    expect(b.points()).toEqual(['server_pre_register', 'server_post_register'])
  })

  it('is refused when there are too many', async () => {
    const b = bench({ deps: { count: () => 1000 } })
    expect(await codeOf(b.registry.write(SERVER, by()))).toBe('REGISTRY_LIMIT')
  })
})

describe('a new key', () => {
  const issue = () => ({
    managed: { hash: 'sha256:00' },
    once: { key: 'pcl_secret' },
  })
  const KEY = create('key')

  it('is shown once; its hash is shown to nobody and stays through a change', async () => {
    const b = bench({ deps: { issue } })
    const outcome = await written(b, KEY)
    expect(outcome.once).toEqual({ key: 'pcl_secret' })
    expect(outcome.entity.body).toEqual({ id: 'id1', principal: 'alice' })
    const { id } = outcome.entity
    const seen = await b.registry.get('key', id, ALICE)
    await written(b, {
      op: 'replace',
      kind: 'key',
      id,
      body: { ...seen.body, roles: ['mine'] },
    })
    expect((await b.store.get('key', id))?.body).toMatchObject({
      hash: 'sha256:00',
      roles: ['mine'],
    })
    expect(JSON.stringify(b.fired)).not.toMatch(/sha256|pcl_secret/)
  })

  it('cannot be given a hash by its maker', async () => {
    const b = bench({ deps: { issue } })
    const forged = { ...KEY, body: { principal: 'alice', hash: 'sha256:11' } } as WriteRequest
    expect(await codeOf(b.registry.write(forged, by()))).toBe('REGISTRY_INVALID')
  })

  it('is shown again to the request that made it, when that is repeated', async () => {
    const b = bench({ deps: { issue } })
    const context = by(ALICE, { idempotency: { key: 'alice:k', digest: 'd' } })
    await written(b, KEY, context)
    expect((await written(b, KEY, context)).once).toEqual({ key: 'pcl_secret' })
    expect(JSON.stringify(await b.store.remembered('alice:k'))).not.toContain('pcl_secret')
  })
})

describe('a tenant', () => {
  const acme = person('anna', ['admin'], 'acme')
  const other = person('olga', ['admin'], 'other')
  const REMOTE: WriteRequest = {
    op: 'create',
    kind: 'server',
    body: { name: 'files', url: 'http://127.0.0.1:1/mcp' },
  }

  it('owns what it creates, and nobody else finds it', async () => {
    const b = bench()
    const { entity } = await written(b, REMOTE, by(acme))
    expect([entity.tenant, entity.body.tenant]).toEqual(['acme', 'acme'])
    expect(await codeOf(b.registry.get('server', 'files', other))).toBe('REGISTRY_NOT_FOUND')
    expect(await codeOf(b.registry.write(merge({}), by(other)))).toBe('REGISTRY_NOT_FOUND')
    expect(await codeOf(b.registry.write(REMOVE, by(other)))).toBe('REGISTRY_NOT_FOUND')
    expect((await b.registry.list({ kind: 'server', limit: 10 }, other)).items).toEqual([])
    expect(
      (await b.registry.list({ kind: 'server', limit: 10, tenant: 'acme' }, other)).items,
    ).toEqual([])
    expect((await b.registry.list({ kind: 'server', limit: 10 }, ALICE)).items).toHaveLength(1)
  })

  it('cannot create for another one, nor give away what it has', async () => {
    const b = bench()
    expect(
      await codeOf(b.registry.write({ ...REMOTE, tenant: 'acme' } as WriteRequest, by(other))),
    ).toBe('AUTH_DENIED')
    await written(b, REMOTE, by(acme))
    expect(await codeOf(b.registry.write(merge({ tenant: 'other' }), by(acme)))).toBe(
      'REGISTRY_INVALID',
    )
  })

  it('has one instance of a plugin', async () => {
    const b = bench()
    const plugin = create('plugin')
    expect((await written(b, plugin, by(acme))).entity.id).toBe('acme.deny-list')
    expect((await written(b, plugin, by(other))).entity.id).toBe('other.deny-list')
    expect((await written(b, plugin)).entity.id).toBe('deny-list')
    expect(await codeOf(b.registry.write(plugin, by(acme)))).toBe('REGISTRY_EXISTS')
  })
})
