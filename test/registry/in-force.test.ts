// What is written to the registry is in force: on this gateway, on another one over the same store, and with what the configuration declares.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGateway, type Gateway, type GatewayOptions } from '../../src/app/gateway.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { deny, patch } from '../../src/plugin.ts'
import type { Registry, WriteRequest } from '../../src/registry/registry.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { echo, type Recorder, startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, memoryLog, pluginsOf, pluginsSection } from '../gateway/running.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { by, person } from './bench.ts'

const KEYS = { keys: [Buffer.alloc(32, 1).toString('base64')] }
const ADMIN = person('root', ['root'])

let store: Store
let recorder: Recorder
let directory: TemporaryDirectory
const running: Gateway[] = []

beforeEach(async () => {
  store = createMemoryStore({ clock: systemClock })
  directory = await temporaryDirectory()
  recorder = await startRecorder({ tools: ['echo'], call: echo })
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.close({ hurry: Promise.resolve() })))
  await recorder.close()
  await directory[Symbol.asyncDispose]()
})

const configOf = (config: object = {}, entries: readonly CodeEntry[] = []): object => ({
  version: 1,
  admin: { api: true },
  registry: { follow: '50ms' },
  identity: { roles: { root: { allow: [{ actions: ['api:*'], tenants: ['*'] }] } } },
  store: KEYS,
  ...pluginsSection(entries),
  ...config,
})

async function start(
  config: object = {},
  entries: readonly CodeEntry[] = [],
  options: Partial<GatewayOptions> = {},
): Promise<Gateway & { registry: Registry }> {
  const gateway = await createGateway({
    config: configOf(config, entries),
    plugins: pluginsOf(entries),
    log: memoryLog(),
    store,
    ...options,
  })
  running.push(gateway)
  return Object.assign(gateway, { registry: gateway.control?.registry as Registry })
}

const server = (name = 'dyn', more: object = {}): WriteRequest => ({
  op: 'create',
  kind: 'server',
  body: { name, url: recorder.url, ...more } as JsonObject,
})

async function until(check: () => unknown): Promise<void> {
  for (const end = performance.now() + 4000; !(await check()); ) {
    if (performance.now() > end) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const serves = (gateway: Gateway, name: string) => () =>
  gateway.state().servers.get(name)?.upstream.status.state === 'ready'

describe('a server that is registered', () => {
  it('is served, by the gateway that was told and by another one over the same store', async () => {
    const one = await start()
    const two = await start()
    const written = await one.registry.write(server(), by(ADMIN))
    expect(written.outcome).toBe('written')
    await until(serves(one, 'dyn'))
    await until(serves(two, 'dyn'))
    const { status, source } = await two.registry.get('server', 'dyn', ADMIN)
    expect([source, status]).toEqual([
      'dynamic',
      expect.objectContaining({ in_force: true, state: 'ready' }),
    ])
    await two.registry.write({ op: 'remove', kind: 'server', id: 'dyn' }, by(ADMIN))
    await until(() => !one.state().servers.has('dyn') && !two.state().servers.has('dyn'))
  })

  it('is there again after a restart', async () => {
    const one = await start()
    await one.registry.write(server(), by(ADMIN))
    const two = await start()
    expect(two.state().servers.has('dyn')).toBe(true)
    expect(serves(two, 'dyn')()).toBe(true)
  })

  it('that cannot be started is written, and its status says why it does not serve', async () => {
    const one = await start()
    const written = await one.registry.write(
      server('dead', { url: 'http://127.0.0.1:9/mcp', required: true }),
      by(ADMIN),
    )
    expect(written.outcome).toBe('written')
    await until(() => one.state().servers.has('dead'))
    const { status } = await one.registry.get('server', 'dead', ADMIN)
    expect(status).toMatchObject({
      in_force: true,
      state: expect.stringMatching(/starting|failed/),
    })
    expect(one.readiness().ready).toBe(true)
    const two = await start()
    expect(two.state().servers.has('dead')).toBe(true)
  })

  it('keeps a session and its plugins through the change of generations', async () => {
    let loads = 0
    const entries: CodeEntry[] = [
      { name: 'counting', hooks: { plugin_pre_load: () => void loads++ } },
    ]
    const one = await start({}, entries)
    const before = loads
    await one.registry.write(server(), by(ADMIN))
    await until(serves(one, 'dyn'))
    expect(loads).toBe(before)
  })
})

describe('with what the configuration declares', () => {
  const DECLARED = () => ({
    servers: [{ name: 'rec', url: recorder.url, headers: { 'X-Key': 'hush' } }],
  })

  it('one list is made, in which the declared ones are read-only and masked', async () => {
    const one = await start(DECLARED())
    await one.registry.write(server(), by(ADMIN))
    const { items } = await one.registry.list({ kind: 'server', limit: 10 }, ADMIN)
    expect(items.map(({ id, version, source }) => [id, version, source])).toEqual([
      ['dyn', 1, 'dynamic'],
      ['rec', 0, 'declared'],
    ])
    expect(items[1]?.body.headers).toEqual({ 'X-Key': '[redacted]' })
    for (const request of [
      { op: 'remove', kind: 'server', id: 'rec' },
      { op: 'merge', kind: 'server', id: 'rec', patch: {} },
    ] as WriteRequest[])
      await expect(one.registry.write(request, by(ADMIN))).rejects.toMatchObject({
        code: 'REGISTRY_READ_ONLY',
      })
    await expect(one.registry.write(server('rec'), by(ADMIN))).rejects.toMatchObject({
      code: 'REGISTRY_EXISTS',
    })
  })

  it('a declared one wins over one of the store that was there before, and says so', async () => {
    await (await start()).registry.write(server('rec', { environment: 'mine' }), by(ADMIN))
    const two = await start(DECLARED())
    expect(two.state().servers.get('rec')?.upstream.environment).toBeUndefined()
    const entity = await two.registry.get('server', 'rec', ADMIN)
    expect([entity.source, entity.status?.shadows]).toEqual(['declared', 'an entity of the store'])
  })

  it('what does not go together is refused with the reason', async () => {
    const one = await start({ virtual_servers: [{ name: 'a', path: '/mcp/a' }] })
    const second: WriteRequest = {
      op: 'create',
      kind: 'virtual_server',
      body: { name: 'b', path: '/mcp/a' },
    }
    const error = await one.registry.write(second, by(ADMIN)).catch((thrown) => thrown)
    expect([error.code, error.message]).toEqual([
      'REGISTRY_INVALID',
      expect.stringContaining('the path /mcp/a is that of virtual_servers[0].path already'),
    ])
  })
})

describe('a policy that is written', () => {
  // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
  const POLICY = { name: 'no-echo', on: ['tool_pre_invoke'], then: 'deny', reason: 'no echo' }
  const policy: WriteRequest = { op: 'create', kind: 'policy', body: POLICY }
  const RULES = { plugins: { enabled: true, allowed: ['rules', 'deny-list'] } }

  it('is in force, and in the store without a gate it is refused', async () => {
    const closed = await start()
    await expect(closed.registry.write(policy, by(ADMIN))).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('plugins.enabled'),
    })
    const one = await start(RULES)
    await one.registry.write(policy, by(ADMIN))
    await until(() => one.state().runtime.generation.points.has('tool_pre_invoke'))
  })

  it('is tried before it is written: settings that its plugin refuses are told at once', async () => {
    const one = await start(RULES)
    const wrong: WriteRequest = {
      op: 'create',
      kind: 'plugin',
      body: { use: 'deny-list', mode: 'enforce', config: { nonsense: true } },
    }
    await expect(one.registry.write(wrong, by(ADMIN))).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('nonsense'),
    })
    expect(await store.revision()).toBe(0)
  })

  it('of a tenant sees what its own principals do', async () => {
    const one = await start(RULES)
    await one.registry.write({ ...policy, tenant: 'acme' } as WriteRequest, by(ADMIN))
    await until(() => one.state().runtime.generation.points.has('tool_pre_invoke'))
    const { conditions } = one.state().loaded.config.policies[0] ?? {}
    expect(conditions).toEqual([{ tenants: ['acme'] }])
  })
})

describe('a declared server', () => {
  const servers = (more: object = {}) => ({
    servers: [{ name: 'rec', url: recorder.url, ...more }],
  })
  const judge = (decide: (payload: Record<string, unknown>) => unknown): CodeEntry => ({
    name: 'judge',
    hooks: {
      server_pre_register: decide,
      server_pre_update: decide,
      server_pre_unregister: decide,
    } as never,
  })
  const no = () => deny({ code: 'NO', reason: 'not that one' })

  it('that is vetoed at start is quarantined, and the start goes on', async () => {
    const told: unknown[] = []
    const entry = {
      ...judge(no),
      hooks: { ...judge(no).hooks, server_post_register: (p: unknown) => void told.push(p) },
    }
    const one = await start({ ...servers(), admin: {} }, [entry as CodeEntry])
    expect(one.state().servers.get('rec')?.upstream.admission).toBe('quarantined')
    expect(one.readiness()).toMatchObject({
      ready: true,
      servers: [{ name: 'rec', state: 'quarantined' }],
    })
    expect(recorder.calls('initialize')).toHaveLength(0)
    await one.engine.observers.idle()
    expect(told).toEqual([expect.objectContaining({ outcome: 'vetoed', id: 'rec' })])
  })

  it('that is required and vetoed keeps the gateway from starting', async () => {
    await expect(start({ ...servers({ required: true }), admin: {} }, [judge(no)])).rejects.toThrow(
      'the server rec of the configuration was refused by judge: not that one (NO)',
    )
  })

  it('is what a plugin makes of it', async () => {
    const entry = judge(({ entity }) =>
      patch({ entity: { ...(entity as object), environment: 'checked' } }),
    )
    const one = await start({ ...servers(), admin: {} }, [entry])
    expect(one.state().servers.get('rec')?.upstream.environment).toBe('checked')
  })

  it('is judged by the running generation at a reload, and served when nobody is against it any more', async () => {
    let answer: (payload: Record<string, unknown>) => unknown = no
    const entry = judge((payload) => answer(payload))
    const write = (config: object) =>
      directory.write('gateway.yaml', JSON.stringify(configOf({ admin: {}, ...config }, [entry])))
    const configFile = await write(servers())
    const one = await start({}, [entry], { config: undefined, configFile })
    expect(one.state().servers.get('rec')?.upstream.admission).toBe('quarantined')
    answer = () => undefined
    await write(servers({ tags: ['b'] }))
    expect((await one.reload()).outcome).toBe('applied')
    await until(serves(one, 'rec'))
    answer = no
    await write({})
    const refused = await one.reload()
    expect([refused.outcome, refused.reason]).toEqual([
      'refused',
      expect.stringContaining('that the server rec goes'),
    ])
    expect(one.state().servers.has('rec')).toBe(true)
  })
})

describe('what an operator says of a tool', () => {
  const shown = async (gateway: Gateway) => {
    const listing = await gateway.state().runtime.catalogs.legacy.list('tools')
    return JSON.parse(JSON.stringify(listing.items)).map(
      ({ definition }: { definition: JsonObject }) => definition,
    )
  }
  const say = (body: JsonObject): WriteRequest => ({
    op: 'create',
    kind: 'tool',
    id: 'rec/echo',
    body,
  })

  it('is in its lists, and one that is switched off is in none', async () => {
    const one = await start({ servers: [{ name: 'rec', url: recorder.url }] })
    expect(await shown(one)).toHaveLength(1)
    await one.registry.write(say({ description: 'as we see it' }), by(ADMIN))
    await one.apply()
    expect(await shown(one)).toEqual([expect.objectContaining({ description: 'as we see it' })])
    const off: WriteRequest = {
      op: 'merge',
      kind: 'tool',
      id: 'rec/echo',
      patch: { enabled: false },
    }
    await one.registry.write(off, by(ADMIN))
    await one.apply()
    expect(await shown(one)).toEqual([])
  })
})

describe('who may connect', () => {
  const NOBODY = { anonymous: 'deny', api_keys: true } as const
  const enter = (gateway: Gateway, key: string) =>
    Promise.resolve()
      .then(() =>
        gateway.state().runtime.gate.authenticator.authenticate({
          authorization: `Bearer ${key}`,
          address: undefined,
        }),
      )
      .then(
        ({ id, roles }) => [id, roles],
        (error) => error.code,
      )

  it('is whoever has a key of the store, with the roles that are granted, until it is revoked', async () => {
    const identity = {
      ...NOBODY,
      roles: { root: { allow: [{ actions: ['api:*'], tenants: ['*'] }] } },
    }
    const one = await start({ identity })
    const body = { principal: 'carol', roles: ['viewer'] }
    const made = await one.registry.write({ op: 'create', kind: 'key', body }, by(ADMIN))
    if (made.outcome !== 'written') throw new Error(made.outcome)
    const key = String(made.once?.key)
    const grant: WriteRequest = {
      op: 'create',
      kind: 'grant',
      body: { principals: ['carol'], roles: ['operator'] },
    }
    await one.registry.write(grant, by(ADMIN))
    await one.apply()
    expect(await enter(one, key)).toEqual(['carol', ['viewer', 'operator']])
    await one.registry.write(
      { op: 'merge', kind: 'key', id: made.entity.id, patch: { revoked: true } },
      by(ADMIN),
    )
    await until(async () => (await enter(one, key)) === 'AUTH_INVALID')
  })
})

describe('when the store cannot be reached', () => {
  it('what runs stays in force, nothing can be written, and readiness tells', async () => {
    let down = false
    const unavailable = () => {
      throw Object.assign(new Error('down'), { code: 'STORE_UNAVAILABLE' })
    }
    const real = store
    store = new Proxy(real, {
      get: (target, name: keyof Store) =>
        down && name !== 'close' ? async () => unavailable() : target[name].bind(target),
    })
    const one = await start()
    await one.registry.write(server(), by(ADMIN))
    await until(serves(one, 'dyn'))
    down = true
    await until(() => JSON.stringify(one.readiness()).includes('cannot be read'))
    expect(serves(one, 'dyn')()).toBe(true)
    await expect(one.registry.write(server('x'), by(ADMIN))).rejects.toThrow('down')
    down = false
    await until(() => JSON.stringify(one.readiness()).includes('"store":"ok"'))
  })
})

it('without admin.api has no store, no registry and nothing to wait for', async () => {
  const one = await start({ admin: {} })
  expect(one.control).toBeUndefined()
  expect(one.readiness()).not.toHaveProperty('control')
})

it('a transition of a server is told, also one before the first generation', async () => {
  const seen: unknown[] = []
  const entry: CodeEntry = {
    name: 'watch',
    hooks: {
      server_status_changed: ({ server: name, from, to }) => void seen.push([name, from, to]),
    },
  }
  await start({ admin: {}, servers: [{ name: 'rec', url: recorder.url }] }, [entry])
  await until(() => seen.length >= 2)
  expect(seen).toEqual([
    ['rec', 'stopped', 'starting'],
    ['rec', 'starting', 'ready'],
  ])
})
