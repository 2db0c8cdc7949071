// Bundles over time: what is kept, what is asked for and when, and which of two holds. Authorities are synthetic; the clock is the test's.
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { bundleNeed } from '../../../src/attest/spiffe/federation.ts'
import { createKeptBundles } from '../../../src/attest/spiffe/kept-bundles.ts'
import {
  type BundleSource,
  LARGEST_BUNDLE,
  LivingBundle,
} from '../../../src/attest/spiffe/living-bundle.ts'
import { AppError } from '../../../src/base/errors.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import type { Store } from '../../../src/store/store.ts'
import { makeRoot, NOW } from '../../support/authority.ts'
import { steppedClock } from './stepped-clock.ts'

const MINUTE = 60_000
const DOMAIN = 'prod.test'
const [one, two] = [makeRoot({ subject: 'One' }), makeRoot({ subject: 'Two' })]
const need = bundleNeed({ trust_domain: DOMAIN, url: 'https://bundle.test/', profile: 'https_web' })

function bundle(authorities: readonly (typeof one)[], sequence?: number, hint?: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      keys: authorities.map(({ certificate: { publicKey, der } }) => ({
        ...publicKey.export({ format: 'jwk' }),
        use: 'x509-svid',
        x5c: [Buffer.from(der).toString('base64')],
      })),
      spiffe_sequence: sequence,
      spiffe_refresh_hint: hint,
    }),
  )
}

async function living(
  source: Partial<BundleSource>,
  { store, answer, later = 0 }: { store?: Store; answer?: () => Buffer; later?: number } = {},
) {
  const clock = steppedClock(NOW + later)
  const made = store ?? createMemoryStore({ clock })
  if (!store) await made.start()
  const failed: string[] = []
  let [asked, changes] = [0, 0]
  const living = new LivingBundle(
    { trustDomain: DOMAIN, given: undefined, need: undefined, ...source },
    {
      kept: createKeptBundles(made),
      clock,
      random: () => 0,
      async fetch() {
        asked++
        const given = answer?.()
        if (!given) throw new Error('nobody is there')
        return given
      },
      failed: (_domain, error) =>
        failed.push(error instanceof Denial ? error.reason : String((error as Error).message)),
      changed: () => void changes++,
    },
  )
  await living.begin()
  const state = () => ({
    asked,
    changes,
    sequence: living.bundle?.sequence,
    authorities: living.bundle?.authorities.map(({ sha256 }) => sha256),
  })
  return { living, clock, store: made, failed, state }
}
const digests = (...all: readonly (typeof one)[]) =>
  all.map(({ certificate }) => certificate.sha256)

describe('a bundle with an endpoint', () => {
  it('is waited for where nothing is known', async () => {
    const { state } = await living({ need }, { answer: () => bundle([one], 1) })
    expect(state()).toEqual({ asked: 1, changes: 1, sequence: 1, authorities: digests(one) })
  })

  it('serves from what was given, and is asked at once, not waited for', async () => {
    const { state, clock } = await living(
      { need, given: bundle([one], 1) },
      { answer: () => bundle([one, two], 2) },
    )
    expect(state()).toMatchObject({ asked: 0, sequence: 1 })
    await clock.pass(1)
    expect(state()).toMatchObject({
      asked: 1,
      changes: 2,
      sequence: 2,
      authorities: digests(one, two),
    })
  })

  it.each([
    ['the hint of the bundle', 3600, 60 * MINUTE],
    ['five minutes at least', 1, 5 * MINUTE],
    ['a day at most', 7 * 86_400, 24 * 60 * MINUTE],
  ])('is asked again after %s', async (_name, hint, ms) => {
    const { state, clock } = await living({ need }, { answer: () => bundle([one], 1, hint) })
    await clock.pass(ms - 1)
    expect(state().asked).toBe(1)
    await clock.pass(1)
    expect(state().asked).toBe(2)
  })

  it('is asked more and more rarely while it does not answer, and what is known goes on', async () => {
    const { state, clock, failed } = await living({ need, given: bundle([one], 1) })
    const times: number[] = []
    for (let second = 0; second < 1200; second++) {
      const before = state().asked
      await clock.pass(1000)
      if (state().asked > before) times.push(second)
    }
    // with no chance in it half of 5, 10, 20 ... seconds
    expect(times).toEqual([0, 2, 7, 17, 37, 77, 157, 317, 637, 1087])
    expect(failed).toHaveLength(times.length)
    expect(state()).toMatchObject({ sequence: 1, authorities: digests(one) })
  })

  it('holds when a lower sequence comes, and is told', async () => {
    let answer = bundle([one], 7)
    const { state, clock, failed } = await living({ need }, { answer: () => answer })
    for (answer of [bundle([two], 6), bundle([two]), bundle([two], 7)]) await clock.pass(6 * MINUTE)
    expect(state()).toMatchObject({ sequence: 7, authorities: digests(one), changes: 1 })
    expect(failed).toEqual(
      expect.arrayContaining(['evidence.collateral_stale', 'evidence.collateral_invalid']),
    )
  })

  it('trusts nobody any more when its list of keys is empty', async () => {
    let answer = bundle([one], 1)
    const { state, clock } = await living({ need }, { answer: () => answer })
    answer = bundle([], 2)
    await clock.pass(5 * MINUTE)
    expect(state()).toMatchObject({ sequence: 2, authorities: [], changes: 2 })
  })

  it('is not believed when it is larger than can be kept', async () => {
    const answer = Buffer.concat([bundle([one], 2), Buffer.alloc(LARGEST_BUNDLE, ' ')])
    const { state, failed } = await living({ need }, { answer: () => answer })
    expect(state()).toMatchObject({ authorities: undefined, changes: 0 })
    expect(failed).toEqual(['evidence.collateral_invalid'])
  })

  it('is given up when it takes too long, and when nobody wants it any more', async () => {
    const clock = steppedClock()
    const store = createMemoryStore({ clock })
    await store.start()
    const signals: AbortSignal[] = []
    const failed: unknown[] = []
    const made = new LivingBundle(
      { trustDomain: DOMAIN, given: undefined, need },
      {
        kept: createKeptBundles(store),
        clock,
        random: () => 0,
        fetch: (_need, signal) => {
          signals.push(signal)
          return new Promise(() => {})
        },
        failed: (_domain, error) => failed.push(error),
        changed: () => {},
      },
    )
    const begun = made.begin()
    await clock.pass(10_000)
    await begun
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    await clock.pass(2500)
    made.end()
    await clock.pass(0)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
    expect(failed).toEqual([new Denial('internal.timeout', 'SPIFFE bundle endpoint')])
    await clock.pass(60 * MINUTE)
    expect(signals).toHaveLength(2)
  })
})

describe('after a restart', () => {
  it('the last bundle is there before anybody answers, and an older file does not take its place', async () => {
    const given = bundle([one], 1)
    const { store } = await living({ need }, { answer: () => bundle([two], 5) })
    const again = await living({ need, given }, { store })
    expect(again.state()).toMatchObject({ asked: 0, sequence: 5, authorities: digests(two) })
    expect(again.failed).toEqual(['evidence.collateral_stale'])
  })

  it('a file that is the same says nothing new, where bundles have no numbers', async () => {
    const given = bundle([one])
    const before = await living({ need, given }, { answer: () => bundle([two]) })
    await before.clock.pass(1)
    const again = await living({ need, given }, { store: before.store })
    expect(again.state().authorities).toEqual(digests(two))
    const edited = await living(
      { need, given: bundle([one, two]) },
      { store: before.store, later: MINUTE },
    )
    expect(edited.state().authorities).toEqual(digests(one, two))
  })

  it('an emptied one stays empty', async () => {
    const { store } = await living({ given: bundle([], 2) })
    const again = await living({ given: bundle([one], 1) }, { store })
    expect(again.state()).toMatchObject({ sequence: 2, authorities: [] })
  })
})

describe('several gateways over one store', () => {
  it('know what one of them knows, also those that only have a file', async () => {
    const first = await living({ given: bundle([one], 1) })
    const second = await living({ given: bundle([one], 1) }, { store: first.store })
    await living({ given: bundle([two], 2) }, { store: first.store })
    await first.clock.pass(6 * MINUTE)
    await second.clock.pass(6 * MINUTE)
    for (const { state } of [first, second])
      expect(state()).toMatchObject({ sequence: 2, authorities: digests(two) })
  })
})

describe('a store that is away', () => {
  it('leaves what was given in force until it can be compared', async () => {
    const clock = steppedClock()
    const real = createMemoryStore({ clock })
    await real.start()
    await living({ given: bundle([two], 9) }, { store: real })
    let isAway = true
    const store = new Proxy(real, {
      get(target, name: 'note') {
        const member = target[name]
        if (name !== 'note') return typeof member === 'function' ? member.bind(target) : member
        return async (...key: Parameters<Store['note']>) => {
          if (isAway) throw new AppError('STORE_UNAVAILABLE', 'away')
          return target.note(...key)
        }
      },
    })
    const made = await living({ given: bundle([one], 8) }, { store })
    expect(made.state()).toMatchObject({ sequence: 8 })
    expect(made.failed).toEqual(['internal.store_unavailable'])
    isAway = false
    await made.clock.pass(5000)
    expect(made.state()).toMatchObject({ sequence: 9, authorities: digests(two) })
  })
})
