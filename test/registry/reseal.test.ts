// Changing the key that secrets are sealed with: after all is sealed anew the old key can be taken away, whoever else writes meanwhile.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import { hashKey, mintKey } from '../../src/identity/api-key.ts'
import { RESEAL_BUDGET } from '../../src/registry/reseal.ts'
import { createKeyRing } from '../../src/store/keys.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createSealer } from '../../src/store/seal.ts'
import type { Commit, Store } from '../../src/store/store.ts'
import { ManualClock } from '../engine/support.ts'
import { runGateway, type Started } from '../gateway/running.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import { ALICE, bench, by } from './bench.ts'

const OLD = Buffer.alloc(32, 1).toString('base64')
const NEW = Buffer.alloc(32, 2).toString('base64')
const sealer = (...keys: string[]) => {
  const ring = createKeyRing(keys)
  return createSealer(() => ring)
}
const ask = { principal: ALICE, requestId: 'r', surface: 'admin' }

const server = (name: string) => ({
  op: 'create' as const,
  kind: 'server',
  body: {
    name,
    url: 'http://127.0.0.1:9/mcp',
    headers: { 'x-one': `secret of ${name}`, 'x-two': 'b' },
  },
})

/** Servers in a store, sealed with the old key. */
async function sealed(count: number): Promise<Store> {
  const store = createMemoryStore({ clock: new ManualClock() })
  const { registry } = bench({ store, deps: { sealer: sealer(OLD) } })
  for (let at = 0; at < count; at++) await registry.write(server(`s${at}`), by())
  return store
}

async function secretOf(store: Store, id: string, ...keys: string[]): Promise<string> {
  const place = { kind: 'server', id, member: 'headers/x-one' }
  const stored = await store.get('server', id)
  const { headers = {} } = (stored?.body ?? {}) as { headers?: Record<string, string> }
  try {
    return JSON.parse(sealer(...keys).open(headers['x-one'] ?? '', place))
  } catch (error) {
    return isAppError(error) ? error.code : 'other'
  }
}

describe('sealing anew', () => {
  it('leaves nothing that needs the old key, and does nothing more the second time', async () => {
    const store = await sealed(450)
    const { registry, events } = bench({ store, deps: { sealer: sealer(NEW, OLD) } })
    expect(await secretOf(store, 's7', NEW)).toBe('STORE_SEALED')
    expect(await registry.reseal(ask)).toEqual({ outcome: 'done', entities: 450 })
    expect(await secretOf(store, 's7', NEW)).toBe('secret of s7')
    expect(await secretOf(store, 's7', OLD)).toBe('STORE_SEALED')
    const revision = await store.revision()
    expect(await registry.reseal(ask)).toEqual({ outcome: 'done', entities: 0 })
    expect(await store.revision()).toBe(revision)
    expect(
      events.map(({ action, kind, outcome, reason }) => [action, kind, outcome, reason]),
    ).toEqual([
      ['reseal', 'secret', 'written', '450 entities, done'],
      ['reseal', 'secret', 'written', '0 entities, done'],
    ])
  })

  it('keeps what somebody else writes at the same time', async () => {
    const store = await sealed(3)
    const other = bench({ store, deps: { sealer: sealer(NEW, OLD) } })
    let between = true
    const commit = async (each: Commit) => {
      if (between) {
        between = false
        const patch = { tags: ['theirs'] }
        await other.registry.write({ op: 'merge', kind: 'server', id: 's1', patch }, by())
        await other.registry.write({ op: 'remove', kind: 'server', id: 's2' }, by())
      }
      return store.commit(each)
    }
    const { registry } = bench({ store: { ...store, commit }, deps: { sealer: sealer(NEW, OLD) } })
    // of the other two one was written with the new key already, and one is gone
    expect(await registry.reseal(ask)).toEqual({ outcome: 'done', entities: 1 })
    expect((await store.get('server', 's1'))?.body.tags).toEqual(['theirs'])
    expect(await store.get('server', 's2')).toBeUndefined()
    for (const id of ['s0', 's1']) expect(await secretOf(store, id, NEW)).toBe(`secret of ${id}`)
  })

  it('ends when its time is over and goes on with the rest when it is asked again', async () => {
    const store = await sealed(450)
    const clock = new ManualClock()
    const commit = async (each: Commit) => {
      await clock.advance(RESEAL_BUDGET)
      return store.commit(each)
    }
    const deps = { sealer: sealer(NEW, OLD), clock }
    const { registry } = bench({ store: { ...store, commit }, deps })
    const runs = []
    for (let round = 0; round < 4; round++) runs.push(await registry.reseal(ask))
    expect(runs).toEqual([
      { outcome: 'more', entities: 200 },
      { outcome: 'more', entities: 200 },
      // other kinds are still to be looked at
      { outcome: 'more', entities: 50 },
      { outcome: 'done', entities: 0 },
    ])
  })

  it('stops at what no key opens, and says what it is', async () => {
    const store = await sealed(2)
    const { registry, events } = bench({ store, deps: { sealer: sealer(NEW) } })
    await expect(registry.reseal(ask)).rejects.toMatchObject({
      code: 'STORE_SEALED',
      data: { kind: 'server', id: 's0' },
    })
    expect(events).toMatchObject([{ outcome: 'failed', code: 'STORE_SEALED' }])
  })
})

describe('a gateway', () => {
  const admin = mintKey('admin').key
  const operator = mintKey('operator').key
  let directory: TemporaryDirectory
  let gateway: Started | undefined

  beforeEach(async () => {
    directory = await temporaryDirectory()
  })
  afterEach(async () => {
    await gateway?.stop({ now: true })
    await directory[Symbol.asyncDispose]()
  })

  async function start(...keys: string[]): Promise<void> {
    await gateway?.stop({ now: true })
    gateway = undefined
    gateway = await runGateway({
      admin: { api: true, port: 0 },
      store: { url: `sqlite:${directory.path}/portcullis.db`, keys },
      identity: {
        api_keys: true,
        keys: [
          { id: 'admin', hash: hashKey(admin), principal: 'ann', roles: ['admin'] },
          { id: 'operator', hash: hashKey(operator), principal: 'tom', roles: ['operator'] },
        ],
      },
    })
  }

  async function reseal(key: string) {
    const path = `${gateway?.adminUrl}/api/v1/secrets/reseal`
    const headers = { authorization: `Bearer ${key}` }
    const answer = await fetch(path, { method: 'POST', headers })
    return [answer.status, await answer.json()]
  }

  it('starts without the old key once everything was sealed anew, which only an admin may have done', async () => {
    await start(OLD)
    await gateway?.gateway.control?.registry.write(server('s'), by({ ...ALICE, kind: 'system' }))
    await expect(start(NEW)).rejects.toMatchObject({ code: 'STORE_SEALED' })
    await start(NEW, OLD)
    expect(await reseal(operator)).toMatchObject([403, { code: 'AUTH_DENIED' }])
    expect(await reseal(admin)).toEqual([200, { outcome: 'done', entities: 1 }])
    await start(NEW)
    const config = gateway?.gateway.state().loaded.config.servers[0]
    expect(config).toMatchObject({ name: 's', headers: { 'x-one': 'secret of s' } })
  })
})
