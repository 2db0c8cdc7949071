// docs/pipeline.md section 10: what a recorder is told of each step of a dispatch.
import { describe, expect, it } from 'vitest'
import { createRecorder } from '../../src/engine/trace.ts'
import { deny, patch } from '../../src/engine/verdict.ts'
import { bench, CALL, request } from './support.ts'

const no = deny({ code: 'NO', reason: 'no means no' })

describe('for each step', () => {
  it('entry, mode, condition outcome, verdict, reason, changed paths, duration, failed-open', async () => {
    const self = bench()
    const { steps } = await self.run({
      quiet: { handler: async () => {} },
      unmatched: { when: 'false', handler: () => {} },
      change: {
        handler: () => patch({ arguments: { path: '/x', list: [3, 1, 2], deep: { text: 'y' } } }),
      },
      flaky: { onError: 'ignore', handler: () => 1 },
      veto: { handler: () => no },
      never: { handler: () => {} },
      guard: { mode: 'guard', handler: () => {} },
      elsewhere: { conditions: [{ tools: ['other'] }], handler: () => {} },
      observer: { mode: 'audit', handler: () => {} },
    })
    const base = (entry: string, mode = 'enforce') => ({
      point: 'call',
      entry,
      plugin: `p-${entry}`,
      mode,
    })
    const ms = expect.any(Number)
    expect(steps).toEqual([
      { ...base('quiet'), matched: true, verdict: 'pass', ms },
      { ...base('unmatched'), matched: false, verdict: 'skipped', skipped: 'condition' },
      {
        ...base('change'),
        matched: true,
        verdict: 'patch',
        effective: true,
        changed: ['arguments.path', 'arguments.deep.text'],
        ms,
      },
      {
        ...base('flaky'),
        matched: true,
        verdict: 'fault',
        effective: false,
        failedOpen: true,
        code: 'PLUGIN_BAD_VERDICT',
        reason: expect.stringContaining('a number'),
      },
      {
        ...base('veto'),
        matched: true,
        verdict: 'deny',
        effective: true,
        code: 'NO',
        reason: 'no means no',
        ms,
      },
      { ...base('never'), matched: null, verdict: 'skipped', skipped: 'not reached' },
      { ...base('guard', 'guard'), matched: null, verdict: 'skipped', skipped: 'not reached' },
      { ...base('elsewhere'), matched: false, verdict: 'skipped', skipped: 'condition' },
      { ...base('observer', 'audit'), matched: true, verdict: 'pass', ms },
    ])
  })

  it('names every entry of the point exactly once, whatever the end', async () => {
    const entries = (handler: () => unknown) => ({
      a: { handler: () => {} }, b: { handler }, c: { handler: async () => {} },
      g: { mode: 'guard', handler: () => {} }, h: { mode: 'guard', handler: async () => {} }, o: { mode: 'background', handler: () => {} },
    }) as const // biome-ignore format: short
    for (const handler of [
      () => {},
      () => no,
      () => 1,
      async () => no,
      () => patch({ name: 'zzz' }),
    ]) {
      const { steps } = await bench().run(entries(handler))
      expect(steps.map((step) => step.entry).sort()).toEqual(['a', 'b', 'c', 'g', 'h', 'o'])
    }
  })

  it('says how long a step took', async () => {
    const self = bench()
    const wait = (ms: number) => () =>
      new Promise((resolve) => void self.clock.after(ms, () => resolve(undefined)))
    const running = self.run({
      a: { handler: wait(30) },
      g: { mode: 'guard', handler: wait(20) },
      o: { mode: 'audit', handler: wait(10) },
    })
    await self.clock.advance(100)
    expect((await running).steps.map(({ ms }) => ms)).toEqual([30, 20, 10])
  })

  it('a size that is refused is not reached by anybody', async () => {
    const { steps } = await bench().run(
      { a: { handler: () => {} }, g: { mode: 'guard', handler: () => {} } },
      { limits: { payload: 1 }, options: { bytes: 2 } },
    )
    expect(steps.map(({ skipped }) => skipped)).toEqual(['not reached', 'not reached'])
  })

  it('paths of changes are bounded and never values', async () => {
    const big = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`m${i}`, 'secret']))
    const deep = JSON.parse(`${'{"d":'.repeat(12)}1${'}'.repeat(12)}`)
    const { steps } = await bench().run(
      {
        a: { handler: () => patch({ headers: big }) },
        b: {
          handler: () =>
            patch({ arguments: JSON.parse(`${'{"d":'.repeat(12)}2${'}'.repeat(12)}`) }),
        },
      },
      { payload: { ...CALL(), arguments: deep } },
    )
    expect(steps[0]?.changed).toHaveLength(32)
    expect(steps[1]?.changed).toEqual([`arguments${'.d'.repeat(7)}`])
    expect(JSON.stringify(steps)).not.toContain('secret')
  })
})

describe('a recorder', () => {
  it('is bounded', async () => {
    const recorder = createRecorder(1)
    const runner = bench()
      .generation({ a: { handler: () => {} }, b: { handler: () => {} } })
      .runner('call')
    await runner?.dispatch(CALL(), request(), { recorder })
    expect(recorder.steps).toHaveLength(1)
  })

  it('that nobody attached changes nothing of the outcome', async () => {
    const entries = {
      a: { handler: () => patch({ name: 'x' }) }, b: { onError: 'ignore', handler: () => 1 }, u: { when: 'false', handler: () => {} },
      v: { mode: 'permissive', handler: () => no }, g: { mode: 'guard', handler: async () => no }, h: { mode: 'guard', handler: () => new Promise(() => {}) },
      o: { mode: 'audit', handler: () => no }, p: { mode: 'audit', when: 'false', handler: () => {} }, q: { mode: 'audit', handler: () => 1 }, r: { mode: 'background', handler: () => {} },
    } as const // biome-ignore format: short
    const self = bench()
    const recorded = await self.run(entries)
    const outcome = await bench().generation(entries).runner('call')?.dispatch(CALL(), request())
    expect(outcome).toEqual(recorded.outcome)
  })
})
