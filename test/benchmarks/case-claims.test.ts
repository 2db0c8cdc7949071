// The cases that need no other process: what they claim is about variants they have, and every variant does its work.
import { describe, expect, it } from 'vitest'
import type { OpenCase } from '../../benchmarks/case.ts'
import { openAttest } from '../../benchmarks/cases/attest.ts'
import { openAudit } from '../../benchmarks/cases/audit.ts'
import { openConditions } from '../../benchmarks/cases/conditions.ts'
import { openConfigured } from '../../benchmarks/cases/configured.ts'
import { openLimbo } from '../../benchmarks/cases/limbo.ts'
import { openNaive } from '../../benchmarks/cases/naive.ts'
import { openRateLimit } from '../../benchmarks/cases/rate-limit.ts'

const CASES: readonly (readonly [string, OpenCase])[] = [
  ['conditions', openConditions],
  ['configured', openConfigured],
  ['naive', openNaive],
  ['rate-limit', openRateLimit],
  ['audit', openAudit],
  ['attest', openAttest],
  ['limbo', openLimbo],
]

describe.each(CASES)('the case %s', (name, open) => {
  it('has a variant for every claim, and does the work of each', async () => {
    const about = await open(true)
    try {
      expect(about.name).toBe(name)
      const names = about.variants.map((variant) => variant.name)
      expect(new Set(names).size).toBe(names.length)
      for (const { variant, reference = variant } of about.claims)
        expect(names).toEqual(expect.arrayContaining([variant, reference]))
      for (const variant of about.variants) {
        if ('run' in variant) expect(await variant.run(3)).toBeGreaterThan(0)
        else expect((await variant.trial(true)).times).toBeGreaterThan(0)
      }
    } finally {
      await about.close?.()
    }
  }, 60_000)
})
