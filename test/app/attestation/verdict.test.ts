// How a refusal at the point becomes the reason that a server is not served by: a row of the table, whoever refused.
import { describe, expect, it } from 'vitest'
import { deniedBy, faulted } from '../../../src/app/attestation/verdict.ts'

const SAYS = 'it runs what nobody listed'

describe('a server that was refused at the point', () => {
  it('has the reason that attestation gave', () =>
    expect(
      deniedBy({
        code: 'ATTESTATION_DENIED',
        reason: SAYS,
        details: { reason: 'evidence.measurement_unlisted' },
      }),
    ).toEqual({ verdict: 'denied', reason: 'evidence.measurement_unlisted', says: SAYS }))

  it.each([
    ['another code', { code: 'POLICY_DENIED', details: { reason: 'evidence.revoked' } }],
    ['a reason that is no row', { code: 'ATTESTATION_DENIED', details: { reason: 'toString' } }],
    ['no reason', { code: 'ATTESTATION_DENIED' }],
  ])('is one that an entry refuses, with %s', (_, violation) =>
    expect(deniedBy({ ...violation, reason: SAYS })).toEqual({
      verdict: 'denied',
      reason: 'policy.vetoed',
      says: `${SAYS} (${violation.code})`,
    }),
  )

  it('is refused by a fault, whose text does not leave', () => {
    const denied = faulted(new Error('secret'))
    expect(denied).toMatchObject({ verdict: 'denied', reason: 'internal.error' })
    expect(JSON.stringify(denied)).not.toContain('secret')
  })
})
