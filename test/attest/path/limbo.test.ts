// Every development case of x509-limbo against the path validator, within its budgets; what it disagrees with is named one by one.
import { describe, expect, it } from 'vitest'
import { DISAGREES, testcases, verdictOf } from './limbo.ts'

describe('x509-limbo', () => {
  it.each(testcases.filter(({ id }) => !DISAGREES.includes(id)))('agrees about $id', (one) => {
    expect(verdictOf(one).result).toBe(one.expected_result)
  })

  it('is disagreed with in pedantic cases only, and in those that the README names', () => {
    const disagreeing = testcases.filter((one) => verdictOf(one).result !== one.expected_result)
    expect(disagreeing.map(({ id }) => id)).toEqual(DISAGREES)
    for (const { features } of disagreeing)
      expect(features.join()).toMatch(/pedantic|has-policy-constraints/)
  })

  it('is whole: 104 cases, 31 of them to be accepted', () => {
    const accepted = testcases.filter((one) => one.expected_result === 'SUCCESS')
    expect([testcases.length, accepted.length]).toEqual([104, 31])
  })

  it('takes no accepted case more than five signature checks and as many issuers', () => {
    for (const one of testcases) {
      const { work } = verdictOf(one)
      if (!work) continue
      expect(work.signatures).toBeLessThanOrEqual(5)
      expect(work.candidates).toBeLessThanOrEqual(5)
      expect(work.names).toBeLessThanOrEqual(10)
    }
  })

  it('ends pathological cases by its budgets, or finds that they lead nowhere', () => {
    const found = testcases
      .filter(({ id }) => id.startsWith('pathological::'))
      .map((one) => [one.id.slice('pathological::'.length), verdictOf(one).why])
    expect(Object.fromEntries(found)).toEqual({
      'intermediate-cycle-distinct-cas': 'tls.untrusted_anchor',
      'intermediate-cycle-distinct-cas-max-depth': 'tls.untrusted_anchor',
      'intermediate-cycle-same-logical-ca': 'tls.untrusted_anchor',
      'nc-dos-1': 'evidence.budget',
      'nc-dos-3': 'evidence.budget',
      'pathological-chain-distinct-subject-distinct-key': 'tls.chain',
      'pathological-chain-distinct-subject-same-key': 'tls.chain',
      'pathological-chain-same-subject-distinct-key': 'evidence.budget',
      'pathological-chain-same-subject-same-key': 'evidence.budget',
    })
  })
})
