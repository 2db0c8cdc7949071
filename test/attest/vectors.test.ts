// Every document of others has the verdict of its table, at its time and for its reason; a family adds a table and a line in verifiers.ts.
import { describe, expect, it } from 'vitest'
import { REASONS } from '../../src/attest/reasons.ts'
import { families, outcomeOf, runOf, vectorsOf } from './vectors.ts'

describe.each(families())('of the family %s', (family) => {
  it.each(vectorsOf(family).map((row) => [row.name, row] as const))('%s', (_, row) => {
    const { verdict, says, claims, trust } = outcomeOf(runOf(row))
    expect(verdict, says).toBe(row.verdict)
    if (row.claims) expect(claims).toMatchObject(row.claims)
    if (row.trust) expect(trust).toEqual(row.trust)
    // what a verifier says crosses to a thread and into the audit
    if (claims) expect(JSON.parse(JSON.stringify(claims))).toEqual(structuredClone(claims))
  })

  it('each row is named once, and refuses for a reason of the table', () => {
    const rows = vectorsOf(family)
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
    for (const { verdict } of rows) {
      const [, reason] = /^(?:verify|appraise): (.+)$/.exec(verdict) ?? []
      expect(verdict === 'accept' || Object.hasOwn(REASONS, reason ?? '')).toBe(true)
    }
  })
})
