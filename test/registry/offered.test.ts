// What servers list is in the API: as clients are shown it, with what operators say of it, and with why nobody is shown the rest.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { isAppError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { deny } from '../../src/plugin.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { type Catalogued, startCatalogued, tool } from '../gateway/catalogued.ts'
import { connect, ERAS, type Peer } from '../gateway/peers.ts'
import { type CodeEntry, runGateway, type Started, server } from '../gateway/running.ts'
import { by, person } from './bench.ts'

const ADMIN = person('root', ['root'])
const ANN = person('ann', ['own'], 'acme')
const BEA = person('bea', ['own'], 'beta')

/** What has been written is in force within moments. */
const SOON = { timeout: 10_000 }

let upstream: Catalogued
let gateway: Started
let registry: Registry

const judge: CodeEntry = {
  name: 'judge',
  hooks: {
    tool_pre_register: ({ entity }) =>
      JSON.stringify(entity).includes('poison')
        ? deny({ code: 'POISON', reason: 'it speaks to the model' })
        : undefined,
  },
}

beforeEach(async () => {
  upstream = await startCatalogued({
    tools: [tool('good'), tool('bad', 'poison'), tool('plain')],
    prompts: [{ name: 'greet' }],
    resources: [{ uri: 'file:///a', name: 'a' }],
    resourceTemplates: [{ uriTemplate: 'file:///{path}', name: 'any' }],
  })
  await start([server('a', upstream.url)])
})
afterEach(async () => {
  await gateway.stop({ now: true })
  await upstream[Symbol.asyncDispose]()
})

async function start(servers: object[]): Promise<void> {
  await gateway?.stop({ now: true })
  const allow = [{ actions: ['api:*', 'mcp:*'], tenants: ['*'] }]
  gateway = await runGateway(
    {
      admin: { api: true, port: 0 },
      registry: { follow: '50ms' },
      identity: { roles: { root: { allow }, own: { allow: [{ actions: ['api:*'] }] } } },
      store: { keys: [Buffer.alloc(32, 1).toString('base64')] },
      servers,
    },
    [judge],
    { store: createMemoryStore({ clock: systemClock }) },
  )
  registry = gateway.gateway.control?.registry as Registry
}

const patch = (id: string, body: JsonObject, who = ADMIN, kind = 'tool') =>
  registry.write({ op: 'merge', kind, id, patch: body }, by(who))
const all = async (kind = 'tool', who = ADMIN, where?: Record<string, string>) =>
  (await registry.list({ kind, limit: 100, ...(where ? { where } : {}) }, who)).items
const states = async (kind?: string) =>
  (await all(kind)).map(({ id, status }) => `${id} ${status?.state}`)
const codeOf = (rejected: Promise<unknown>) =>
  rejected.then(
    () => undefined,
    (error) => isAppError(error) && error.code,
  )

async function listed(peer: Peer): Promise<string[]> {
  const { response } = await peer.request('tools/list')
  const tools = (response?.result?.tools ?? []) as { name: string }[]
  return tools.map(({ name }) => name)
}

describe('what a server lists', () => {
  it('is there although nobody has written it, each thing by its id', async () => {
    expect(await states()).toEqual(['a/bad vetoed', 'a/good listed', 'a/plain listed'])
    expect(await states('prompt')).toEqual(['a/greet listed'])
    expect(await states('resource')).toEqual([
      'a/file:///a listed',
      'a:template/file:///{path} listed',
    ])
    expect(await registry.get('tool', 'a/good', ADMIN)).toEqual({
      kind: 'tool',
      id: 'a/good',
      tenant: undefined,
      version: 0,
      source: 'catalogue',
      body: { enabled: true, description: 'does good' },
      createdAt: undefined,
      updatedAt: undefined,
      status: {
        state: 'listed',
        server: 'a',
        eras: ['modern', 'legacy'],
        definition: tool('good'),
      },
    })
  })

  it('and nobody is shown says which entry refused it, and why', async () => {
    const { status, body } = await registry.get('tool', 'a/bad', ADMIN)
    expect(status).toEqual({
      state: 'vetoed',
      server: 'a',
      eras: [],
      violation: { entry: 'judge', code: 'POISON', reason: 'it speaks to the model' },
    })
    expect(body).toEqual({ enabled: true })
  })

  it('comes in pages in the order of the ids', async () => {
    const first = await registry.list({ kind: 'tool', limit: 2 }, ADMIN)
    const second = await registry.list({ kind: 'tool', limit: 2, after: first.next }, ADMIN)
    expect(first.items.map(({ id }) => id)).toEqual(['a/bad', 'a/good'])
    expect(second.items.map(({ id }) => id)).toEqual(['a/plain'])
    expect(second.next).toBeUndefined()
  })

  it('is not found under a name that no server lists', async () => {
    expect(await codeOf(registry.get('tool', 'a/none', ADMIN))).toBe('REGISTRY_NOT_FOUND')
    expect(await codeOf(patch('a/none', { tags: ['x'] }))).toBe('REGISTRY_NOT_FOUND')
  })
})

describe('what an operator says of it', () => {
  it('is merged in, whether or not anything was said before', async () => {
    const first = await patch('a/good', { tags: ['prod'], description: 'better' })
    expect(first).toMatchObject({ outcome: 'written', entity: { version: 1 } })
    await patch('a/good', { title: 'Good' })
    const [entity, ...others] = await all('tool', ADMIN, { tags: 'prod' })
    expect(others).toEqual([])
    expect(entity).toMatchObject({
      id: 'a/good',
      version: 2,
      source: 'catalogue',
      body: { enabled: true, tags: ['prod'], description: 'better', title: 'Good' },
      status: { state: 'listed', overridden: ['tags', 'description', 'title'] },
    })
    await expect
      .poll(async () => (await registry.get('tool', 'a/good', ADMIN)).status?.definition, SOON)
      .toEqual({ ...tool('good', 'better'), title: 'Good' })
    await registry.write({ op: 'remove', kind: 'tool', id: 'a/good' }, by(ADMIN))
    await expect.poll(() => all('tool', ADMIN, { tags: 'prod' }), SOON).toEqual([])
  })

  it('is kept while the server lists it no longer', async () => {
    await patch('a/plain', { tags: ['x'] })
    upstream.change({ tools: [tool('good')] })
    await expect.poll(() => states(), SOON).toEqual(['a/good listed', 'a/plain absent'])
  })

  it('does not bring in what was vetoed', async () => {
    await patch('a/bad', { enabled: true, description: 'harmless' })
    await gateway.gateway.apply()
    expect((await registry.get('tool', 'a/bad', ADMIN)).status?.state).toBe('vetoed')
    const peer = await connect('modern', gateway.url)
    expect(await listed(peer)).toEqual(['a__good', 'a__plain'])
  })

  it.each(ERAS)(
    'takes it from every list and call of the %s era, and gives it back',
    async (era) => {
      const peer = await connect(era, gateway.url)
      expect(await listed(peer)).toEqual(['a__good', 'a__plain'])
      await patch('a/good', { enabled: false })
      await expect.poll(() => listed(peer), SOON).toEqual(['a__plain'])
      expect((await peer.call('a__good')).error?.message).toContain('no such tool')
      expect(await states()).toContain('a/good disabled')
      await patch('a/good', { enabled: true })
      await expect.poll(() => listed(peer), SOON).toEqual(['a__good', 'a__plain'])
      expect((await peer.call('a__good')).error).toBeUndefined()
    },
  )
})

describe('what a server of a tenant lists', () => {
  beforeEach(() =>
    start([server('a', upstream.url, { tenant: 'acme' }), server('b', upstream.url)]),
  )
  const ids = async (who = ADMIN) => (await all('prompt', who)).map(({ id }) => id)

  it('is seen by those of the tenant and by those of all', async () => {
    expect(await ids()).toEqual(['a/greet', 'b/greet'])
    expect(await ids(ANN)).toEqual(['a/greet', 'b/greet'])
    expect(await ids(BEA)).toEqual(['b/greet'])
    expect((await registry.get('tool', 'a/good', ANN)).tenant).toBe('acme')
    expect(await codeOf(registry.get('tool', 'a/good', BEA))).toBe('REGISTRY_NOT_FOUND')
  })

  it('is changed by its tenant, never by another, and what is shared by none', async () => {
    expect(await patch('a/good', { enabled: false }, ANN)).toMatchObject({
      outcome: 'written',
      entity: { tenant: 'acme' },
    })
    expect(await codeOf(patch('a/plain', { enabled: false }, BEA))).toBe('REGISTRY_NOT_FOUND')
    expect(await codeOf(patch('b/good', { enabled: false }, BEA))).toBe('AUTH_DENIED')
    const create = { op: 'create', kind: 'tool', id: 'a/plain', body: { enabled: false } } as const
    expect(await codeOf(registry.write(create, by(BEA)))).toBe('AUTH_DENIED')
    await expect
      .poll(() => states(), SOON)
      .toEqual([
        'a/bad vetoed',
        'a/good disabled',
        'a/plain listed',
        'b/bad vetoed',
        'b/good listed',
        'b/plain listed',
      ])
  })
})
