// The follower of the store: it notices what others wrote, catches up after a gap, and keeps what it knows while the store is down.
import { expect, it } from 'vitest'
import { silentLogger } from '../../src/base/log.ts'
import type { Kind } from '../../src/identity/rights.ts'
import { createFollower } from '../../src/registry/follow.ts'
import { createKeyRing } from '../../src/store/keys.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createSealer } from '../../src/store/seal.ts'
import type { Store } from '../../src/store/store.ts'
import { ManualClock } from '../engine/support.ts'

const sealer = createSealer(() => createKeyRing([Buffer.alloc(32, 7).toString('base64')]))

function follow(clock: ManualClock, store: Store) {
  const told: (readonly Kind[])[] = []
  const follower = createFollower({
    store,
    sealer,
    clock,
    log: silentLogger,
    every: 500,
    changed: (kinds) => void told.push([...kinds]),
  })
  return { follower, told }
}

const put = (store: Store, id: string, kind = 'role', expectation = 0) =>
  store.commit({
    writes: [{ op: 'put', kind, id, tenant: undefined, body: {}, expect: expectation }],
    by: 'somebody',
    requestId: 'r',
  })
const remove = (store: Store, id: string, version: number) =>
  store.commit({
    writes: [{ op: 'remove', kind: 'role', id, expect: version }],
    by: 'x',
    requestId: 'r',
  })

it('notices within its time what somebody else wrote, and says of which kinds', async () => {
  const clock = new ManualClock()
  const store = createMemoryStore({ clock })
  await put(store, 'a')
  const { follower, told } = follow(clock, store)
  await follower.start()
  expect([follower.count('role'), told]).toEqual([1, []])
  await put(store, 'b')
  await put(store, 'c', 'grant')
  await remove(store, 'a', 1)
  await clock.advance(499)
  expect(told).toEqual([])
  await clock.advance(1)
  expect(told).toEqual([['role', 'grant']])
  expect([follower.list('role').map(({ id }) => id), follower.get('grant', 'c')?.version]).toEqual([
    ['b'],
    1,
  ])
  expect(follower.revision).toBe(4)
  await clock.advance(2000)
  expect(told).toHaveLength(1)
  follower.close()
  expect(clock.timers).toBe(0)
})

it('looks at once when it is asked, once for all who ask meanwhile', async () => {
  const clock = new ManualClock()
  const store = createMemoryStore({ clock })
  const { follower, told } = follow(clock, store)
  await follower.start()
  await put(store, 'a')
  const looks = [follower.look(), follower.look(), follower.look()]
  await put(store, 'b')
  await Promise.all(looks)
  expect(follower.list('role').map(({ id }) => id)).toEqual(['a', 'b'])
  expect(told.length).toBeLessThanOrEqual(2)
})

it('reads everything when the changes it has not seen are no longer kept', async () => {
  const clock = new ManualClock()
  const store = createMemoryStore({
    clock,
    bounds: { changes: 2, remembered: 10, rememberedFor: 1000, every: 1 },
  })
  const { follower } = follow(clock, store)
  await follower.start()
  for (const id of ['a', 'b', 'c', 'd', 'e']) await put(store, id)
  await follower.look()
  expect(follower.list('role').map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(follower.revision).toBe(5)
})

it('keeps what it knows while the store cannot be read, and goes on when it can', async () => {
  const clock = new ManualClock()
  const real = createMemoryStore({ clock })
  let down = false
  const store: Store = {
    ...real,
    revision: () => (down ? Promise.reject(new Error('down')) : real.revision()),
  }
  await put(real, 'a')
  const { follower } = follow(clock, store)
  await follower.start()
  down = true
  await put(real, 'b')
  await clock.advance(500)
  expect([follower.healthy, follower.count('role')]).toEqual([false, 1])
  down = false
  await clock.advance(500)
  expect([follower.healthy, follower.count('role')]).toEqual([true, 2])
})
