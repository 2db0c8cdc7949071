// When a call is one too many, for whom, and what it is told.
import fc from 'fast-check'
import { createPluginHarness, type HarnessRequest } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'
import { createRate, decide } from './gcra.ts'

const plugin = import.meta.dirname
const CALL = { server: 's', name: 'n', exposedName: 's__n', arguments: {}, headers: {} }

function fakeClock() {
  let time = 1000
  return {
    now: () => time,
    wall: () => time,
    after: (): (() => void) => () => {},
    pass(ms: number) {
      time += ms
    },
  }
}

async function limiter(config: object, more: object = {}) {
  const clock = fakeClock()
  const harness = await createPluginHarness({
    plugin,
    clock,
    config: { limit: 2, per: '10s', ...config },
    ...more,
  })
  const call = async (request?: HarnessRequest, payload: object = {}) =>
    (await harness.dispatch('tool_pre_invoke', { ...CALL, ...payload }, request)).outcome
  return {
    clock,
    harness,
    call,
    kind: async (request?: HarnessRequest, payload?: object) => (await call(request, payload)).kind,
  }
}

describe('the rate limit', () => {
  it('allows a burst, then one call each interval, and says when to come back', async () => {
    const { clock, call, kind } = await limiter({})
    expect([await kind(), await kind()]).toEqual(['pass', 'pass'])
    expect(await call()).toMatchObject({
      kind: 'deny',
      violation: { code: 'RATE_LIMITED', httpStatus: 429, httpHeaders: { 'Retry-After': '5' } },
    })
    clock.pass(4999)
    expect(await kind()).toBe('deny')
    clock.pass(1)
    expect([await kind(), await kind()]).toEqual(['pass', 'deny'])
    clock.pass(60_000)
    expect([await kind(), await kind(), await kind()]).toEqual(['pass', 'pass', 'deny'])
  })

  it('counts each principal apart', async () => {
    const { kind } = await limiter({ limit: 1 })
    const ann = { principal: { id: 'ann', kind: 'user' as const } }
    const bob = { principal: { id: 'bob', kind: 'user' as const } }
    expect([await kind(ann), await kind(bob), await kind(ann)]).toEqual(['pass', 'pass', 'deny'])
  })

  it('counts one id in two tenants as two principals', async () => {
    const { kind } = await limiter({ limit: 1 })
    const of = (tenant: string) => ({ principal: { id: 'ann', kind: 'user' as const, tenant } })
    expect([await kind(of('acme')), await kind(of('bolt')), await kind(of('acme'))]).toEqual([
      'pass',
      'pass',
      'deny',
    ])
  })

  it('counts by server and target when asked', async () => {
    const { kind } = await limiter({ limit: 1, by: ['server', 'target'] })
    expect([
      await kind(),
      await kind({}, { name: 'other' }),
      await kind({}, { server: 't' }),
      await kind(),
    ]).toEqual(['pass', 'pass', 'pass', 'deny'])
  })

  it('has one limit for all with an empty list', async () => {
    const { kind } = await limiter({ limit: 1, by: [] })
    expect([
      await kind({ principal: { id: 'ann' } }),
      await kind({ principal: { id: 'bob' } }),
    ]).toEqual(['pass', 'deny'])
  })

  it('is not fooled by names that look like two', async () => {
    const { kind } = await limiter({ limit: 1, by: ['server', 'target'] })
    expect([
      await kind({}, { server: 'a","b', name: 'c' }),
      await kind({}, { server: 'a', name: 'b","c' }),
    ]).toEqual(['pass', 'pass'])
  })

  it('leaves nothing behind in a dry run', async () => {
    const { kind } = await limiter({ limit: 1 })
    expect([
      await kind({ dryRun: true }),
      await kind({ dryRun: true }),
      await kind(),
      await kind({ dryRun: true }),
    ]).toEqual(['pass', 'pass', 'pass', 'deny'])
  })

  it('counts a request at the HTTP point by its address only', async () => {
    const { harness } = await limiter({ limit: 1, by: ['address'] })
    expect(harness.points).toEqual(['http_pre_request'])
    const from = (address: string) => ({
      method: 'POST',
      path: '/mcp',
      headers: {},
      client: { address },
    })
    const kinds = []
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1'])
      kinds.push((await harness.dispatch('http_pre_request', from(address))).outcome.kind)
    expect(kinds).toEqual(['pass', 'pass', 'deny'])
  })

  it('does not load where nothing of its key is known', async () => {
    await expect(
      limiter({ by: ['principal'] }, { hooks: ['http_pre_request'] }),
    ).rejects.toMatchObject({ code: 'PLUGIN_LOAD' })
  })
})

describe('GCRA', () => {
  it('never allows more than burst + t / interval calls in any time t', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(
        gaps,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        (waits, limit, burst) => {
          const rate = createRate(limit, 1000, burst)
          const allowed: number[] = []
          let expected: number | undefined
          let now = 0
          for (const wait of waits) {
            now += wait
            const decision = decide(rate, expected, now)
            if (!decision.allowed) continue
            expected = decision.next
            allowed.push(now)
          }
          allowed.forEach((start, first) => {
            for (let last = first; last < allowed.length; last++) {
              const time = (allowed[last] ?? 0) - start
              expect(last - first + 1).toBeLessThanOrEqual(burst + time / rate.interval + 1e-9)
            }
          })
        },
      ),
    )
  })

  it('allows again exactly when it said it would', () => {
    const rate = createRate(3, 1000, 2)
    const first = decide(rate, 2000, 1000)
    expect(first.allowed).toBe(false)
    const wait = first.allowed ? 0 : first.wait
    expect(decide(rate, 2000, 1000 + wait - 1).allowed).toBe(false)
    expect(decide(rate, 2000, 1000 + wait).allowed).toBe(true)
  })
})
