// Pin: every reason why a server is not admitted, with its stage and whether it may pass. Red means: did you mean it? Then change this, the changelog and docs together.
import { expect, it } from 'vitest'
import { REASONS, type ReasonSpec } from '../../src/attest/reasons.ts'

const PINNED = `
tls.unavailable tls passing
tls.version tls
tls.untrusted_anchor tls
tls.chain tls
tls.expired tls
tls.not_yet_valid tls
tls.validity_too_long tls
tls.name_mismatch tls
tls.svid tls
tls.revoked tls
tls.revocation_unknown tls passing
tls.mtls_absent tls
tls.key_changed tls
evidence.missing parse
evidence.unavailable parse passing
evidence.malformed parse
evidence.unsupported parse
evidence.too_large parse
evidence.budget parse
evidence.weak_algorithm signature
evidence.signature signature
evidence.chain chain
evidence.untrusted_root chain
evidence.expired chain
evidence.not_yet_valid chain
evidence.revoked revocation
evidence.key_mismatch chain
evidence.unknown_key signature
evidence.offered_key signature
evidence.issuer appraisal
evidence.nonce_mismatch binding
evidence.binding_mismatch binding
evidence.replay challenge
evidence.stale binding
evidence.freshness_unchecked binding
evidence.debug appraisal
evidence.privilege appraisal
evidence.migration appraisal
evidence.product appraisal
evidence.configuration appraisal
evidence.tcb_low appraisal
evidence.tcb_revoked appraisal
evidence.collateral_missing revocation passing
evidence.collateral_stale revocation
evidence.collateral_invalid revocation
evidence.measurement_unlisted appraisal
evidence.build_refused appraisal
evidence.measurement_mismatch appraisal
evidence.registers_missing appraisal
evidence.ak_attributes chain
evidence.ak_untrusted chain
evidence.identity_only appraisal
evidence.identity_changed admission
evidence.regressed admission
evidence.result_expired admission
evidence.platform_software appraisal
package.unmeasured appraisal
package.unlisted appraisal
policy.none policy
policy.unasked policy
policy.vetoed policy
policy.error policy
policy.transport policy
internal.store_unavailable internal passing
internal.timeout internal passing
internal.busy internal passing
internal.error internal passing
`

it('keeps every reason with its stage, and which of them are passing', () => {
  const now = Object.entries<ReasonSpec>(REASONS).map(([code, { stage, transient }]) =>
    [code, stage, ...(transient ? ['passing'] : [])].join(' '),
  )
  expect(now).toEqual(PINNED.trim().split('\n'))
})

it('says of each reason what is the matter and what to do, once', () => {
  const said = Object.values<ReasonSpec>(REASONS).map(({ says }) => says)
  expect(new Set(said).size).toBe(said.length)
  for (const { says, next } of Object.values<ReasonSpec>(REASONS)) {
    expect(says).toMatch(/^\S.{10,}[^.\s]$/)
    expect(next).toMatch(/^\S.{5,}[^.\s]$/)
  }
})
