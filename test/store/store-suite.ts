// What every store does, as tests; each implementation runs all of them.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { StoreBounds } from '../../src/store/rules.ts'
import type { Store, StoreWrite } from '../../src/store/store.ts'
import { besideSuite } from './beside-suite.ts'
import { type TestClock, testClock } from './test-clock.ts'

export interface StoreUnderTest {
  /** Another view of the same database, as another process has it; the same store where there is no other. */
  another(): Store
  readonly store: Store
  dispose(): Promise<void>
}

export type OpenStore = (clock: Clock, bounds: StoreBounds) => Promise<StoreUnderTest>

const BOUNDS: StoreBounds = { changes: 20, remembered: 5, rememberedFor: 1000, every: 10 }
const BY = { by: 'ada', requestId: 'r1' }

export function put(
  id: string,
  expect: number,
  body: Record<string, string | number | null> = {},
  more: { kind?: string; tenant?: string } = {},
): StoreWrite {
  return { op: 'put', kind: more.kind ?? 'server', id, tenant: more.tenant, body, expect }
}

export function remove(id: string, expect: number): StoreWrite {
  return { op: 'remove', kind: 'server', id, expect }
}

export function storeSuite(name: string, open: OpenStore): void {
  besideSuite(name, open)
  describe(`a store in ${name}`, () => {
    let clock: TestClock
    let under: StoreUnderTest
    let store: Store

    beforeEach(async () => {
      clock = testClock()
      under = await open(clock, BOUNDS)
      store = under.store
      await store.start()
    })
    afterEach(() => under.dispose())

    const commit = (...writes: StoreWrite[]) => store.commit({ writes, ...BY })
    const ids = async (query: Partial<Parameters<Store['list']>[0]> = {}) =>
      (await store.list({ kind: 'server', limit: 100, ...query })).map(({ id }) => id)
    const conflicts = (attempt: Promise<unknown>, data: unknown) =>
      expect(attempt).rejects.toMatchObject({ code: 'STORE_CONFLICT', data })

    describe('an entity', () => {
      it('is there as it was put, with its version and times', async () => {
        const body = { text: 'a "b"\n\u0000ü\ud83d\ude00', n: 1.5, none: null }
        expect(await commit(put('files', 0, body, { tenant: 'x' }))).toEqual({
          revision: 1,
          versions: [1],
        })
        clock.time += 5
        expect(await store.get('server', 'files')).toEqual({
          kind: 'server',
          id: 'files',
          tenant: 'x',
          version: 1,
          body,
          createdAt: 1_700_000_000_000,
          updatedAt: 1_700_000_000_000,
        })
        expect(await store.get('role', 'files')).toBeUndefined()
        expect(await store.get('server', 'file')).toBeUndefined()
      })

      it('keeps its creation and counts its writes', async () => {
        await commit(put('files', 0, { n: 1 }, { tenant: 'x' }))
        clock.time += 5
        expect((await commit(put('files', 1, { n: 2 }))).versions).toEqual([2])
        expect(await store.get('server', 'files')).toMatchObject({
          tenant: undefined,
          version: 2,
          body: { n: 2 },
          createdAt: 1_700_000_000_000,
          updatedAt: 1_700_000_000_005,
        })
      })

      it('is gone when it was removed', async () => {
        await commit(put('files', 0))
        expect(await commit(remove('files', 1))).toEqual({ revision: 2, versions: [0] })
        expect(await store.get('server', 'files')).toBeUndefined()
        expect(await ids()).toEqual([])
      })

      it('made anew has no version that the one before it had', async () => {
        await commit(put('files', 0))
        await commit(put('files', 1))
        await commit(remove('files', 2))
        expect((await commit(put('files', 0))).versions).toEqual([3])
        await conflicts(commit(put('files', 2)), { kind: 'server', id: 'files', version: 3 })
      })

      it('keeps what is JSON of its body and no member without a value', async () => {
        const body = { a: undefined, list: [1, { b: undefined }] }
        await store.commit({
          writes: [
            { op: 'put', kind: 'server', id: 'files', tenant: undefined, expect: 0, body: body },
          ],
          ...BY,
        })
        expect((await store.get('server', 'files'))?.body).toStrictEqual({ list: [1, {}] })
      })

      it('comes back whatever its id and body are', async () => {
        let expected = 0
        await fc.assert(
          fc.asyncProperty(
            fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
            fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), {
              maxKeys: 5,
            }),
            async (id, body) => {
              fc.pre(!id.includes('\0'))
              const kind = `k${++expected}`
              const text = JSON.stringify(body)
              await store.commit({
                writes: [
                  {
                    op: 'put', kind, id, tenant: undefined, expect: 0, body: JSON.parse(text),
                  }, // biome-ignore format: one row
                ],
                ...BY,
              })
              expect(JSON.stringify((await store.get(kind, id))?.body)).toBe(text)
            },
          ),
          { numRuns: 20 },
        )
      })

      it('whose id no database can keep is refused, and never found', async () => {
        for (const id of ['a\0b', '\ud800']) {
          await expect(commit(put(id, 0))).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
          expect(await store.get('server', id)).toBeUndefined()
          expect(await ids({ prefix: id })).toEqual([])
          await expect(ids({ after: id })).rejects.toMatchObject({ code: 'WIRE_BAD_CURSOR' })
        }
        expect(await store.revision()).toBe(0)
      })
    })

    describe('a commit', () => {
      it('counts on, whatever it wrote', async () => {
        expect(await store.revision()).toBe(0)
        expect((await commit(put('a', 0), put('b', 0))).revision).toBe(1)
        expect((await commit()).revision).toBe(2)
        expect(await store.revision()).toBe(2)
      })

      it('does its writes in their order, each on what those before it made', async () => {
        const { versions } = await commit(
          put('a', 0, { n: 1 }),
          put('a', 1, { n: 2 }),
          remove('a', 2),
          put('a', 0, { n: 3 }),
        )
        expect(versions).toEqual([1, 2, 0, 3])
        expect(await store.get('server', 'a')).toMatchObject({ version: 3, body: { n: 3 } })
      })

      it('conflicts with another version than the one it expects, and says which is there', async () => {
        await commit(put('a', 0))
        const there = { kind: 'server', id: 'a', version: 1 }
        const missing = { kind: 'server', id: 'b', version: 0 }
        await conflicts(commit(put('a', 0)), there)
        await conflicts(commit(put('a', 2)), there)
        await conflicts(commit(remove('a', 2)), there)
        await conflicts(commit(remove('a', 0)), there)
        await conflicts(commit(put('b', 1)), missing)
        await conflicts(commit(remove('b', 1)), missing)
        await conflicts(commit(remove('b', 0)), missing)
        expect(await store.revision()).toBe(1)
      })

      it('that conflicts leaves nothing half written', async () => {
        await commit(put('a', 0, { n: 1 }), put('gone', 0))
        const remember = { key: 'k', digest: 'd', answer: { ok: true } }
        const writes = [put('a', 1, { n: 2 }), put('b', 0), remove('gone', 1), put('c', 7)]
        await conflicts(store.commit({ writes, ...BY, remember }), {
          kind: 'server',
          id: 'c',
          version: 0,
        })
        expect(await store.list({ kind: 'server', limit: 9 })).toMatchObject([
          { id: 'a', version: 1, body: { n: 1 } },
          { id: 'gone', version: 1 },
        ])
        expect(await store.revision()).toBe(1)
        expect(await store.changes(1, 9)).toEqual([])
        expect(await store.remembered('k')).toBeUndefined()
      })

      it('of more writes than one commit may hold is refused', async () => {
        const writes = Array.from({ length: 2001 }, (_, index) => put(`s${index}`, 0))
        await expect(commit(...writes)).rejects.toMatchObject({ code: 'REGISTRY_LIMIT' })
        expect(await ids()).toEqual([])
      })

      it('of a thousand writes is done as one', async () => {
        const writes = Array.from({ length: 1000 }, (_, index) => put(`s${index}`, 0))
        expect((await commit(...writes)).versions).toHaveLength(1000)
        expect(await ids({ limit: 2000 })).toHaveLength(1000)
        expect(await store.changes(0, 1)).toHaveLength(1000)
      })

      it('of two at once loses nothing of either', async () => {
        const other = under.another()
        await other.start()
        const counter = async (from: Store) => {
          for (let done = 0; done < 10; ) {
            const { version = 0, body } = (await from.get('server', 'n')) ?? {}
            const n = Number(body?.n ?? 0) + 1
            await from.commit({ writes: [put('n', version, { n })], ...BY }).then(
              () => done++,
              (error) => {
                if (error.code !== 'STORE_CONFLICT') throw error
              },
            )
          }
        }
        await Promise.all([counter(store), counter(other), counter(store)])
        expect(await store.get('server', 'n')).toMatchObject({ version: 30, body: { n: 30 } })
        expect(await other.revision()).toBe(30)
      })

      it('is seen in its order by whoever follows, without a gap', async () => {
        const other = under.another()
        await other.start()
        const seen: number[] = []
        const writers = [0, 1, 2].map(async (writer) => {
          for (let n = 0; n < 6; n++)
            await (writer === 0 ? other : store).commit({
              writes: [put(`${writer}-${n}`, 0)],
              ...BY,
            })
        })
        let writing = true
        const reader = (async () => {
          for (;;) {
            const last = !writing
            for (const { revision } of await other.changes(seen.at(-1) ?? 0, 100))
              seen.push(revision)
            if (last) return
          }
        })()
        await Promise.all(writers)
        writing = false
        await reader
        expect(seen).toEqual(Array.from({ length: 18 }, (_, index) => index + 1))
      })
    })

    describe('a list', () => {
      it('is in the order of bytes, page by page', async () => {
        const all = ['B', 'a', 'a-b', 'ab', 'b', 'z', '\u00e9', '\uffee', '\ud83d\ude00']
        await commit(...all.toReversed().map((id) => put(id, 0)), put('a', 0, {}, { kind: 'role' }))
        expect(await ids()).toEqual(all)
        expect(await ids({ limit: 4 })).toEqual(['B', 'a', 'a-b', 'ab'])
        expect(await ids({ after: 'ab', limit: 4 })).toEqual(['b', 'z', '\u00e9', '\uffee'])
        expect(await ids({ after: '\uffee', limit: 4 })).toEqual(['\ud83d\ude00'])
        expect(await ids({ after: 'aa' })).toEqual(all.slice(3))
        expect(await ids({ limit: 0 })).toEqual([])
      })

      it('is of a tenant, of none, or of all', async () => {
        await commit(put('a', 0, {}, { tenant: 'x' }), put('b', 0, {}, { tenant: 'y' }))
        await commit(put('c', 0), put('d', 0, {}, { tenant: '' }))
        expect(await ids({ tenant: 'x' })).toEqual(['a'])
        expect(await ids({ tenant: null })).toEqual(['c'])
        expect(await ids({ tenant: '' })).toEqual(['d'])
        expect(await ids()).toEqual(['a', 'b', 'c', 'd'])
      })

      it('is of the ids that begin so', async () => {
        const last = '\u{10ffff}'
        const all = ['a', 'a%', 'a%b', 'a_', 'ab', `ab${last}`, `ab${last}c`, 'ac', `${last}x`]
        await commit(...all.map((id) => put(id, 0)))
        expect(await ids({ prefix: 'a%' })).toEqual(['a%', 'a%b'])
        expect(await ids({ prefix: 'ab' })).toEqual(['ab', `ab${last}`, `ab${last}c`])
        expect(await ids({ prefix: `ab${last}` })).toEqual([`ab${last}`, `ab${last}c`])
        expect(await ids({ prefix: last })).toEqual([`${last}x`])
        expect(await ids({ prefix: 'ab', after: 'ab' })).toEqual([`ab${last}`, `ab${last}c`])
        expect(await ids({ prefix: '\ud7ff' })).toEqual([])
      })
    })

    describe('the changes', () => {
      it('say what was written, by whom and when', async () => {
        await commit(put('a', 0, {}, { tenant: 'x' }))
        clock.time += 5
        await store.commit({ writes: [remove('a', 1)], by: 'bob', requestId: 'r2' })
        const change = { kind: 'server', id: 'a', tenant: 'x', version: 1 }
        const at = 1_700_000_000_000
        expect(await store.changes(0, 9)).toEqual([
          { revision: 1, op: 'put', ...change, by: 'ada', requestId: 'r1', at },
          { revision: 2, op: 'remove', ...change, by: 'bob', requestId: 'r2', at: at + 5 },
        ])
        expect(await store.changes(1, 9)).toMatchObject([{ revision: 2 }])
      })

      it('never stop within a commit', async () => {
        await commit(put('a', 0))
        await commit(put('b', 0), put('c', 0), put('d', 0))
        await commit(put('e', 0))
        const names = async (after: number, limit: number) =>
          (await store.changes(after, limit)).map(({ id }) => id).join('')
        expect(await names(0, 1)).toBe('a')
        expect(await names(0, 2)).toBe('abcd')
        expect(await names(1, 1)).toBe('bcd')
        expect(await names(2, 9)).toBe('e')
        expect(await names(3, 9)).toBe('')
      })

      it('are bounded; who is behind what is kept is told so', async () => {
        for (let n = 0; n < 30; n++) await commit(put(`s${n}`, 0))
        expect(await store.changes(10, 100)).toHaveLength(20)
        for (const after of [0, 9])
          await expect(store.changes(after, 100)).rejects.toMatchObject({
            code: 'STORE_COMPACTED',
            data: { revision: 30 },
          })
      })

      it('after a revision that never was are told so, as in a database from a copy', async () => {
        await commit(put('a', 0))
        await expect(store.changes(2, 100)).rejects.toMatchObject({ code: 'STORE_COMPACTED' })
      })
    })

    it('answers whatever comes as the one in memory does', async () => {
      const model = createMemoryStore({ clock, bounds: BOUNDS })
      const write = fc.record({
        op: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
        id: fc.constantFrom('a', 'b', 'c'),
        expect: fc.nat({ max: 3 }),
        tenant: fc.constantFrom('x', undefined),
      })
      const step = fc.record({
        writes: fc.array(write, { maxLength: 5 }),
        key: fc.option(fc.constantFrom('k', 'l'), { nil: undefined }),
        passed: fc.constantFrom(0, 400),
      })
      const outcome = (attempt: Promise<unknown>) =>
        attempt.catch(({ code, data }) => ({ code, data }))
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          for (const { writes, key, passed } of steps) {
            clock.time += passed
            const request = {
              writes: writes.map((each) => ({ ...each, kind: 'server', body: { n: each.expect } })),
              ...BY,
              ...(key && { remember: { key, digest: 'd', answer: { at: clock.time } } }),
            }
            expect(await outcome(store.commit(request))).toEqual(
              await outcome(model.commit(request)),
            )
          }
          for (const ask of [
            (each: Store) => each.revision(),
            (each: Store) => each.list({ kind: 'server', limit: 9 }),
            (each: Store) => each.list({ kind: 'server', tenant: 'x', after: 'a', limit: 9 }),
            async (each: Store) => each.changes((await each.revision()) - 4, 3),
            (each: Store) => each.changes(0, 99),
            (each: Store) => each.remembered('k'),
          ])
            expect(await outcome(ask(store))).toEqual(await outcome(ask(model)))
        }),
        { numRuns: 15, endOnFailure: true },
      )
    })

    describe('an answer', () => {
      const remember = (key: string, digest = 'd') => ({ key, digest, answer: { key, n: [1] } })

      it('is kept with its commit', async () => {
        await store.commit({ writes: [put('a', 0)], ...BY, remember: remember('k') })
        expect(await store.remembered('k')).toEqual(remember('k'))
        expect(await store.remembered('other')).toBeUndefined()
      })

      it('stands: a commit with its key is refused whole', async () => {
        await store.commit({ writes: [], ...BY, remember: remember('k') })
        const again = store.commit({ writes: [put('a', 0)], ...BY, remember: remember('k', 'e') })
        await conflicts(again, { remembered: true })
        expect(await store.get('server', 'a')).toBeUndefined()
        expect(await store.remembered('k')).toEqual(remember('k'))
      })

      it('is given to one of two at once', async () => {
        const other = under.another()
        await other.start()
        const results = await Promise.allSettled(
          [store, other].map((each, n) =>
            each.commit({ writes: [put(`s${n}`, 0)], ...BY, remember: remember('k') }),
          ),
        )
        expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
        expect(await ids()).toHaveLength(1)
      })

      it('is forgotten after its time, and its key may be used again', async () => {
        await store.commit({ writes: [], ...BY, remember: remember('k') })
        clock.time += 999
        expect(await store.remembered('k')).toBeDefined()
        clock.time += 1
        expect(await store.remembered('k')).toBeUndefined()
        await store.commit({ writes: [], ...BY, remember: remember('k', 'e') })
        expect(await store.remembered('k')).toMatchObject({ digest: 'e' })
      })

      it('is one of so many: the oldest go', async () => {
        for (let n = 0; n < 10; n++) {
          clock.time++
          await store.commit({ writes: [], ...BY, remember: remember(`k${n}`) })
        }
        expect(await store.remembered('k4')).toBeUndefined()
        expect(await store.remembered('k5')).toBeDefined()
      })
    })
  })
}
