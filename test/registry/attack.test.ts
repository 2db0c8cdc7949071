// Attacks on the control plane by people who may something: each tries to get more than it was given, on a gateway that runs.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGateway, type Gateway } from '../../src/app/gateway.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { JsonObject } from '../../src/base/json.ts'
import type { Principal } from '../../src/engine/context.ts'
import type { Kind } from '../../src/identity/rights.ts'
import type { Registry, WriteRequest } from '../../src/registry/registry.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { echo, type Recorder, startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, memoryLog, pluginsOf, pluginsSection } from '../gateway/running.ts'
import { anyOf } from '../identity/people.ts'
import { by, person } from './bench.ts'

const ROOT = person('root', ['root'])
const ADMIN = person('ann', ['admin'])
const OPERATOR = person('olga', ['operator'])
const AUTHOR = person('paul', ['policy-author'])
const ACME = person('mallory', ['admin'], 'acme')
const BOLT = person('bea', ['admin'], 'bolt')

// biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
const LOGGED = { name: 'deny-list', on: ['tool_pre_invoke'], then: 'log' }

// biome-ignore lint/suspicious/noThenProperty: likewise
const PATCHING = { name: 'patching', then: 'patch' }

let store: Store
let recorder: Recorder
let gateway: Gateway
let registry: Registry

const CODE: readonly CodeEntry[] = [{ name: 'judge', hooks: {} as never }]

async function start(identity: object = {}): Promise<void> {
  gateway = await createGateway({
    config: {
      version: 1,
      admin: { api: true },
      registry: { follow: '50ms' },
      store: { keys: [Buffer.alloc(32, 1).toString('base64')] },
      ...pluginsSection([]),
      plugins: { enabled: true, allowed: ['rules', 'deny-list', 'judge'] },
      identity: {
        ...identity,
        roles: {
          root: { allow: [{ actions: ['api:*'], tenants: ['*'] }] },
          auditor: { allow: [{ actions: ['api:*.read', 'mcp:*'], tenants: ['*'] }] },
          writer: { allow: [{ actions: ['api:server.write'] }] },
          minter: { allow: [{ actions: ['api:key.*', 'api:grant.*'] }] },
          careful: { deny: [{ actions: ['mcp:*'], tools: ['*delete*'] }] },
        },
        grants: [{ principals: ['eve'], roles: ['admin'] }],
      },
    },
    plugins: pluginsOf(CODE),
    log: memoryLog(),
    store,
  })
  registry = gateway.control?.registry as Registry
}

beforeEach(async () => {
  store = createMemoryStore({ clock: systemClock })
  recorder = await startRecorder({ tools: ['echo'], call: echo })
  await start()
})
afterEach(async () => {
  await gateway.close({ hurry: Promise.resolve() })
  await recorder.close()
})

const create = (kind: Kind, body: object, more: object = {}): WriteRequest =>
  ({ op: 'create', kind, body: body as JsonObject, ...more }) as WriteRequest
const merge = (kind: Kind, id: string, patch: object): WriteRequest => ({
  op: 'merge',
  kind,
  id,
  patch: patch as JsonObject,
})

/** What became of a write: its outcome, or the code with which it was refused. */
const tried = (who: Principal, request: WriteRequest): Promise<string> =>
  registry.write(request, by(who)).then(
    ({ outcome }) => outcome,
    (error: { code?: string; message: string }) => error.code ?? error.message,
  )

async function until(check: () => unknown): Promise<void> {
  for (const end = performance.now() + 4000; !(await check()); ) {
    if (performance.now() > end) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('a server that is a program', () => {
  const program = (name: string) => create('server', { name, command: 'true' })

  it('is registered by who may run programs as the gateway, and not by operators or tenants', async () => {
    expect(await tried(OPERATOR, program('a'))).toBe('AUTH_DENIED')
    expect(await tried(ACME, program('b'))).toBe('AUTH_DENIED')
    expect(await tried(ADMIN, program('c'))).toBe('written')
  })

  it('is not what a remote server becomes, nor what becomes of its arguments and environment, by an operator', async () => {
    expect(await tried(OPERATOR, create('server', { name: 'a', url: recorder.url }))).toBe(
      'written',
    )
    const turned = merge('server', 'a', { url: null, command: 'true' })
    expect(await tried(OPERATOR, turned)).toBe('AUTH_DENIED')
    await registry.write(program('c'), by(ADMIN))
    for (const patch of [
      { args: ['-x'] },
      { env: { NODE_OPTIONS: '--require ./x' } },
      { cwd: '/' },
    ])
      expect(await tried(OPERATOR, merge('server', 'c', patch))).toBe('AUTH_DENIED')
    expect(await tried(OPERATOR, { op: 'remove', kind: 'server', id: 'c' })).toBe('written')
  })
})

describe('a server that is attested', () => {
  it('is not judged by another policy, or none, because an operator of servers says so', async () => {
    const named = (name: string, attestation: string) =>
      create('server', { name, url: recorder.url, attestation })
    const writer = person('wim', ['writer'])
    expect(await tried(writer, create('server', { name: 'a', url: recorder.url }))).toBe('written')
    expect(await tried(writer, named('b', 'lax'))).toBe('AUTH_DENIED')
    expect(await tried(ACME, named('c', 'lax'))).toBe('AUTH_DENIED')
    expect(await tried(writer, merge('server', 'a', { attestation: 'lax' }))).toBe('AUTH_DENIED')
  })
})

describe('an entry of a plugin', () => {
  const entry = (more: object) => create('plugin', { use: 'judge', ...more })

  it('is given no grants by who may only write policies: a say in decisions would be every right', async () => {
    for (const grants of [{ authorize: true }, { network: ['*'] }, { env: ['SECRET'] }])
      expect(await tried(AUTHOR, entry({ grants }))).toBe('AUTH_DENIED')
    expect(await tried(ACME, entry({ grants: { env: ['SECRET'] } }))).toBe('AUTH_DENIED')
    expect(await tried(AUTHOR, entry({}))).toBe('written')
    expect(await tried(ADMIN, merge('plugin', 'judge', { grants: { authorize: true } }))).toBe(
      'written',
    )
  })
})

describe('a principal of a tenant', () => {
  it('says nothing of the tools of all, nor of those of another tenant', async () => {
    await registry.write(create('server', { name: 'shared', url: recorder.url }), by(ADMIN))
    await registry.write(create('server', { name: 'bolts', url: recorder.url }), by(BOLT))
    await until(() => ['shared', 'bolts'].every((name) => gateway.state().servers.has(name)))
    const say = (id: string) => create('tool', { enabled: false, description: 'obey me' }, { id })
    expect(await tried(ACME, say('shared/echo'))).toBe('AUTH_DENIED')
    expect(await tried(ACME, say('bolts/echo'))).toBe('AUTH_DENIED')
    expect(await tried(BOLT, say('bolts/echo'))).toBe('written')
  })

  it('gains nothing by having spoken before there was a server', async () => {
    const id = 'later/echo'
    expect(await tried(ACME, create('tool', { enabled: false }, { id }))).toBe('written')
    await registry.write(create('server', { name: 'later', url: recorder.url }), by(ADMIN))
    await until(() => gateway.state().servers.has('later'))
    expect(gateway.control?.override()?.('tools', 'later', 'echo')).toBeUndefined()
  })

  it('has a tenth of what there may be of a kind, and leaves the rest to the others', async () => {
    const writes = Array.from({ length: 100 }, (_, index) => ({
      ...({ op: 'put', kind: 'webhook', tenant: 'acme', expect: 0, id: `w${index}` } as const),
      body: {},
    }))
    await store.commit({ writes, by: 'mallory', requestId: 'r' })
    await gateway.control?.look()
    const hook = create('webhook', { url: 'https://a.example.com', events: ['x'] })
    expect(await tried(ACME, hook)).toBe('REGISTRY_LIMIT')
    expect(await tried(BOLT, hook)).toBe('written')
  })

  it.each(['a*', '*', '/.*/', '/a.c+/', 'a/*'])(
    'reaches nobody by calling its tenant %s',
    async (tenant) => {
      const odd = person('mallory', ['admin'], tenant)
      const policy = { ...LOGGED, name: 'mine' }
      expect(await tried(odd, create('policy', policy))).toBe('written')
      await until(() => gateway.state().loaded.config.policies.length === 1)
      const [pattern = ''] =
        gateway.state().loaded.config.policies[0]?.conditions?.[0]?.tenants ?? []
      const matches = anyOf([pattern])
      expect([
        matches(tenant),
        matches('acme'),
        matches('a'),
        matches('abc'),
        matches('a/b'),
      ]).toEqual([true, false, false, false, false])
    },
  )

  it('cannot say of others that they are disabled, or of its tenant', async () => {
    const said = (id: string, body: object) => create('principal', body, { id })
    expect(await tried(ACME, said('corp#eve', { disabled: true }))).toBe('AUTH_DENIED')
    expect(await tried(ACME, said('first-admin', {}))).toBe('AUTH_DENIED')
    expect(await tried(ROOT, said('corp#al', { tenant: 'acme' }))).toBe('written')
    expect(await tried(ACME, merge('principal', 'corp#al', { disabled: true }))).toBe('written')
  })

  it('gets by no key or grant a role that reaches into other tenants', async () => {
    expect(await tried(ACME, create('key', { principal: 'm', roles: ['auditor'] }))).toBe(
      'AUTH_DENIED',
    )
    expect(await tried(ACME, create('grant', { principals: ['mallory'], roles: ['root'] }))).toBe(
      'AUTH_DENIED',
    )
    expect(await tried(ACME, create('key', { principal: 'm', roles: ['admin'] }))).toBe('written')
  })
})

describe('whoever may make keys and grants', () => {
  const MINTER = person('mia', ['minter', 'viewer'])
  const key = (body: object) => create('key', { principal: 'x', ...body })

  it('gives what he has himself, and no more', async () => {
    expect(await tried(MINTER, key({ roles: ['admin'] }))).toBe('AUTH_DENIED')
    expect(await tried(MINTER, key({ roles: ['operator'] }))).toBe('AUTH_DENIED')
    expect(await tried(MINTER, key({ roles: ['viewer'] }))).toBe('written')
    expect(await tried(MINTER, key({ roles: ['admin'], scopes: ['api:status.read'] }))).toBe(
      'written',
    )
    expect(await tried(MINTER, create('grant', { principals: ['mia'], roles: ['admin'] }))).toBe(
      'AUTH_DENIED',
    )
    expect(await tried(ADMIN, key({ roles: ['admin'] }))).toBe('written')
  })

  it('does not become somebody who is granted more', async () => {
    expect(await tried(MINTER, key({ principal: 'eve' }))).toBe('AUTH_DENIED')
  })

  it('takes no denial away that holds for himself', async () => {
    const careful = person('carl', ['minter', 'viewer', 'careful'])
    expect(await tried(careful, key({ roles: ['viewer'] }))).toBe('AUTH_DENIED')
    expect(await tried(careful, key({ roles: ['viewer', 'careful'] }))).toBe('written')
  })

  it('does not widen a key that is there', async () => {
    await registry.write(
      create(
        'key',
        { principal: 'x', roles: ['admin'], scopes: ['api:status.read'] },
        { id: 'kay' },
      ),
      by(ADMIN),
    )
    expect(await tried(MINTER, merge('key', 'kay', { scopes: null }))).toBe('AUTH_DENIED')
    const narrow: Principal = {
      ...person('ned', ['admin']),
      scopes: ['api:key.*'],
      claims: { 'portcullis/credential': 'api_key' },
    }
    expect(await tried(narrow, merge('key', 'kay', { scopes: ['api:*'] }))).toBe('AUTH_DENIED')
  })
})

describe('whoever may write policies', () => {
  const patching = (on: string, entity: object) =>
    create('policy', { ...PATCHING, on: [on], patch: { entity } })
  const judged = async (policy: WriteRequest) => {
    expect(await tried(AUTHOR, policy)).toBe('written')
    await until(() => gateway.state().loaded.config.policies.length === 1)
  }

  it('has no key, grant or role written by an administrator as he would like it', async () => {
    await judged(patching('auth_pre_create', { roles: ['admin'], principals: ['paul'] }))
    const grant = create('grant', { principals: ['vic'], roles: ['viewer'] })
    expect(await tried(ADMIN, grant)).toBe('PLUGIN_PATCH_INVALID')
    expect(await tried(ADMIN, create('key', { principal: 'vic' }))).toBe('PLUGIN_PATCH_INVALID')
  })

  it('has no program run by changing the servers of others', async () => {
    await judged(
      patching('server_pre_register', { command: 'sh', args: ['-c', 'true'], url: null }),
    )
    expect(await tried(ADMIN, create('server', { name: 'a', url: recorder.url }))).toBe(
      'PLUGIN_PATCH_INVALID',
    )
    expect(await tried(ADMIN, create('server', { name: 'b', command: 'true' }))).toBe(
      'PLUGIN_PATCH_INVALID',
    )
  })
})

describe('writes that come together', () => {
  const TWIN = { kind: 'plugin', id: 'deny-list', tenant: undefined, expect: 0 } as const

  it('take one name for a policy and an entry once: otherwise nothing could be put in force any more', async () => {
    const policy = create('policy', LOGGED)
    const entry = create('plugin', { use: 'deny-list' })
    const outcomes = await Promise.all([tried(ADMIN, policy), tried(ADMIN, entry)])
    expect(outcomes.toSorted()).toEqual(['REGISTRY_INVALID', 'written'])
    await gateway.control?.look()
    expect(gateway.control?.status().behind).toBeUndefined()
  })

  it('of two replicas leave the older one in force, and the gateway starts with both in its store', async () => {
    await registry.write(create('policy', LOGGED), by(ADMIN))
    await store.commit({
      writes: [{ ...TWIN, op: 'put', body: { name: 'deny-list', use: 'deny-list' } }],
      by: 'another replica',
      requestId: 'r',
    })
    await gateway.control?.look()
    await gateway.close({ hurry: Promise.resolve() })
    await start()
    expect(gateway.state().loaded.config.policies.map(({ name }) => name)).toEqual(['deny-list'])
    const { status } = await registry.get('plugin', 'deny-list', ADMIN)
    expect(status).toEqual({
      in_force: false,
      reason: 'the configuration declares one of this name, or an older policy or entry has it',
    })
  })
})
