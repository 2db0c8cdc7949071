// What every store does with tickets and notes, as tests; each implementation runs all of them.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Redeemed, Ticket, TicketLimits } from '../../src/store/beside/tickets.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { StoreBounds } from '../../src/store/rules.ts'
import type { Store } from '../../src/store/store.ts'
import type { OpenStore, StoreUnderTest } from './store-suite.ts'
import { type TestClock, testClock } from './test-clock.ts'

const BOUNDS: StoreBounds = {
  changes: 20,
  remembered: 5,
  rememberedFor: 1000,
  every: 10,
  tickets: { used: 3, keptFor: 5000, every: 4, atOnce: 2 },
}
const T0 = 1_700_000_000_000
const MANY: TicketLimits = { perScope: 100, inAll: 100 }

const ticket = (key: string, more: Partial<Ticket> = {}): Ticket => ({
  kind: 'challenge', key, scope: 'files', body: { of: key }, expiresAt: T0 + 1000, ...more,
}) // biome-ignore format: one row

export function besideSuite(name: string, open: OpenStore): void {
  describe(`a store in ${name}, beside its entities`, () => {
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

    const issue = (key: string, more: Partial<Ticket> = {}, limits = MANY) =>
      store.issueTicket(ticket(key, more), limits)
    const redeem = (key: string) => store.redeemTicket('challenge', key)
    const outcome = async (key: string) => (await redeem(key)).outcome

    describe('a ticket', () => {
      it('is redeemed once, with what is on it, and used from then on', async () => {
        expect(await issue('a', { scope: 'ä', body: { n: 1, text: '\0"' } })).toBe('issued')
        expect(await redeem('a')).toEqual({
          outcome: 'redeemed',
          scope: 'ä',
          body: { n: 1, text: '\0"' },
        })
        expect(await redeem('a')).toEqual({ outcome: 'used' })
        clock.time = T0 + 1000
        expect(await redeem('a')).toEqual({ outcome: 'used' })
      })

      it('that never was, or is of another kind, is unknown', async () => {
        await issue('a', { kind: 'other' })
        for (const key of ['a', 'b', 'a\0b', '\ud800']) expect(await outcome(key)).toBe('unknown')
      })

      it('is expired from its end on, and can be redeemed until then', async () => {
        await issue('a')
        await issue('b')
        clock.time = T0 + 999
        expect(await outcome('a')).toBe('redeemed')
        clock.time = T0 + 1000
        expect(await outcome('b')).toBe('expired')
      })

      it('is not issued again before its end, redeemed or not; after it its key is free', async () => {
        await issue('a')
        expect(await issue('a', { body: { again: true } })).toBe('exists')
        expect(await redeem('a')).toMatchObject({ body: { of: 'a' } })
        expect(await issue('a')).toBe('exists')
        clock.time = T0 + 1000
        const next = { body: { again: true }, scope: 'mail', expiresAt: T0 + 2000 }
        expect(await issue('a', next)).toBe('issued')
        expect(await redeem('a')).toEqual({
          outcome: 'redeemed',
          scope: 'mail',
          body: { again: true },
        })
      })

      it('of many that redeem it at once goes to one, over processes', async () => {
        const other = under.another()
        await other.start()
        for (const key of ['a', 'b', 'c']) {
          await issue(key)
          const outcomes = await Promise.all(
            Array.from({ length: 16 }, async (_, n) => {
              const { outcome } = await (n % 2 ? store : other).redeemTicket('challenge', key)
              return outcome
            }),
          )
          expect(outcomes.sort()).toEqual(['redeemed', ...Array(15).fill('used')])
        }
      })

      it('of many that are issued under one key at once is issued once, over processes', async () => {
        const other = under.another()
        await other.start()
        const results = await Promise.all(
          Array.from({ length: 12 }, (_, n) =>
            (n % 2 ? store : other).issueTicket(ticket('a', { body: { n } }), MANY),
          ),
        )
        expect(results.sort()).toEqual([...Array(11).fill('exists'), 'issued'])
      })

      it('is seen by another process, and changes no revision and no entity', async () => {
        const other = under.another()
        await other.start()
        await issue('a')
        expect((await other.redeemTicket('challenge', 'a')).outcome).toBe('redeemed')
        expect(await outcome('a')).toBe('used')
        expect(await store.revision()).toBe(0)
        expect(await store.changes(0, 9)).toEqual([])
      })

      it('is refused where no store could keep it, and when it is large', async () => {
        const invalid = { code: 'REGISTRY_INVALID' }
        for (const more of [
          { key: 'a\0' },
          { kind: '\ud800' },
          { scope: '\0' },
          { expiresAt: 0.5 },
        ])
          await expect(issue('a', more)).rejects.toMatchObject(invalid)
        await expect(issue('a', { body: { text: 'x'.repeat(20_000) } })).rejects.toMatchObject({
          code: 'REGISTRY_LIMIT',
        })
        expect(await outcome('a')).toBe('unknown')
      })
    })

    describe('the open tickets', () => {
      it('of a scope are limited; a redeemed one makes room, and an expired one', async () => {
        const limits = { perScope: 2, inAll: 9 }
        await issue('a', {}, limits)
        await issue('b', { expiresAt: T0 + 500 }, limits)
        expect(await issue('c', {}, limits)).toBe('full')
        expect(await outcome('c')).toBe('unknown')
        expect(await issue('c', { scope: 'mail' }, limits)).toBe('issued')
        await redeem('a')
        expect(await issue('d', {}, limits)).toBe('issued')
        expect(await issue('e', {}, limits)).toBe('full')
        clock.time = T0 + 500
        expect(await issue('e', {}, limits)).toBe('issued')
      })

      it('of a kind are limited, whosever they are; other kinds do not count', async () => {
        const limits = { perScope: 2, inAll: 3 }
        for (const scope of ['x', 'y', 'z']) await issue(scope, { scope }, limits)
        expect(await issue('a', { scope: 'w' }, limits)).toBe('full')
        expect(await issue('a', { scope: 'w', kind: 'evidence' }, limits)).toBe('issued')
      })
    })

    describe('tickets that have ended', () => {
      it('are told for a while and then removed, a part at a time', async () => {
        for (const key of ['a', 'b', 'c']) await issue(key)
        clock.time = T0 + 5999
        expect(await outcome('a')).toBe('expired')
        // every fourth issue removes two
        await issue('d', { expiresAt: T0 + 9000 })
        expect(await outcome('a')).toBe('expired')
        clock.time = T0 + 6000
        for (const key of ['e', 'f', 'g', 'h']) await issue(key, { expiresAt: T0 + 9000 })
        const left = await Promise.all(['a', 'b', 'c'].map(outcome))
        expect(left.sort()).toEqual(['expired', 'unknown', 'unknown'])
      })

      it('are bounded when they were redeemed; those that wait are kept', async () => {
        await issue('open')
        for (let n = 0; n < 14; n++) {
          await issue(`k${n}`, { expiresAt: T0 + 1000 + n })
          await redeem(`k${n}`)
        }
        await issue('last')
        const known = await Promise.all(Array.from({ length: 14 }, (_, n) => outcome(`k${n}`)))
        expect(known.filter((each) => each === 'used').length).toBeLessThanOrEqual(8)
        expect(known.slice(11)).toEqual(['used', 'used', 'used'])
        expect(await outcome('open')).toBe('redeemed')
      })
    })

    it('answers about tickets whatever comes as the one in memory does', async () => {
      const model = createMemoryStore({ clock, bounds: BOUNDS })
      const step = fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        scope: fc.constantFrom('x', 'y'),
        life: fc.constantFrom(1, 500, 2000),
        passed: fc.constantFrom(0, 400, 3000),
        redeem: fc.boolean(),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          for (const { key, scope, life, passed, redeem } of steps) {
            clock.time += passed
            const act = (each: Store): Promise<string | Redeemed> =>
              redeem
                ? each.redeemTicket('challenge', key)
                : each.issueTicket(ticket(key, { scope, expiresAt: clock.time + life }), {
                    perScope: 1,
                    inAll: 2,
                  })
            expect(await act(store)).toEqual(await act(model))
          }
        }),
        { numRuns: 15, endOnFailure: true },
      )
    })

    describe('a note', () => {
      const put = (key: string, body = {}, expect?: number) =>
        store.putNote({ kind: 'admitted', key, body, ...(expect === undefined ? {} : { expect }) })

      it('is there as it was put, counts its writes, and is gone when it was removed', async () => {
        expect(await store.note('admitted', 'a')).toBeUndefined()
        expect(await put('a', { n: 1 })).toBe(1)
        clock.time += 5
        expect(await put('a', { n: 2, text: '\0ü' })).toBe(2)
        expect(await store.note('admitted', 'a')).toEqual({
          kind: 'admitted',
          key: 'a',
          version: 2,
          body: { n: 2, text: '\0ü' },
          updatedAt: T0 + 5,
        })
        expect(await store.note('other', 'a')).toBeUndefined()
        expect(await store.removeNote('admitted', 'a')).toBe(true)
        expect(await store.removeNote('admitted', 'a')).toBe(false)
        expect(await store.note('admitted', 'a')).toBeUndefined()
      })

      it('is written over another version than the expected one by nobody', async () => {
        expect(await put('a', {}, 1)).toBeUndefined()
        expect(await put('a', { n: 1 }, 0)).toBe(1)
        expect(await put('a', { n: 2 }, 0)).toBeUndefined()
        expect(await put('a', { n: 2 }, 2)).toBeUndefined()
        expect(await put('a', { n: 2 }, 1)).toBe(2)
        expect(await store.note('admitted', 'a')).toMatchObject({ version: 2, body: { n: 2 } })
      })

      it('of two at once loses nothing of either, over processes', async () => {
        const other = under.another()
        await other.start()
        const counter = async (from: Store) => {
          for (let done = 0; done < 8; ) {
            const { version = 0, body } = (await from.note('count', 'n')) ?? {}
            const write = { kind: 'count', key: 'n', body: { n: Number(body?.n ?? 0) + 1 } }
            if ((await from.putNote({ ...write, expect: version })) !== undefined) done++
          }
        }
        await Promise.all([counter(store), counter(other)])
        expect(await store.note('count', 'n')).toMatchObject({ version: 16, body: { n: 16 } })
      })

      it('is listed in the order of bytes, page by page', async () => {
        const all = ['B', 'a', 'ab', 'é', '\uffee', '\ud83d\ude00']
        for (const key of all.toReversed()) await put(key)
        await store.putNote({ kind: 'other', key: 'a', body: {} })
        const keys = async (more: { after?: string; limit: number }) =>
          (await store.notes({ kind: 'admitted', ...more })).map(({ key }) => key)
        expect(await keys({ limit: 9 })).toEqual(all)
        expect(await keys({ after: 'ab', limit: 2 })).toEqual(['é', '\uffee'])
        expect(await keys({ limit: 0 })).toEqual([])
        expect(await keys({ after: '\ud800', limit: 9 })).toEqual([])
      })

      it('is refused where no store could keep it, and when it is large', async () => {
        await expect(put('a\0')).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
        await expect(put('a', { text: 'x'.repeat(300_000) })).rejects.toMatchObject({
          code: 'REGISTRY_LIMIT',
        })
        expect(await store.note('admitted', 'a\0')).toBeUndefined()
        expect(await store.removeNote('admitted', '\ud800')).toBe(false)
      })

      it('changes no revision', async () => {
        await put('a')
        await store.removeNote('admitted', 'a')
        expect(await store.revision()).toBe(0)
      })
    })
  })
}
