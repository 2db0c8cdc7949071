// Every document of others again, whole: a policy as text, compiled, and an appraisal with the reason that its table names.
import { describe, expect, it } from 'vitest'
import { appraise } from '../../../src/attest/appraisal/appraise.ts'
import type { AppraisalResult } from '../../../src/attest/appraisal/result.ts'
import type { AppraisalPolicy } from '../../../src/attest/policy/policy.ts'
import { policyFor, requestFor } from '../appraised-vector.ts'
import { families, type Vector, vector, vectorsOf } from '../vectors.ts'
import { using } from './world.ts'

const result = (row: Vector, policy: AppraisalPolicy): AppraisalResult =>
  appraise(requestFor(row, policy), using)

let compiled = 0

describe.each(families())('documents of %s', (family) => {
  it.each(vectorsOf(family).map((row) => [row.name, row] as const))('%s', (_name, row) => {
    const policy = policyFor(row)
    if (policy === undefined) return
    compiled++
    const found = result(row, policy)
    const reason = row.verdict === 'accept' ? undefined : row.verdict.replace(/^\w+: /, '')
    expect([found.reason, found.decision]).toEqual([reason, reason ? 'deny' : 'accept'])
    expect(found.admits).toBe(false)
  })
})

it('all but a few of those policies may be written by a person', () => {
  const all = families().flatMap((family) => vectorsOf(family))
  expect(all.length - compiled).toBe(4)
})

/** What becomes of a document under its own policy with changes. */
const under = (family: string, name: string, changes: object, now?: number): AppraisalResult => {
  const row = vector(family, name)
  const policy = policyFor(row, changes)
  if (policy === undefined) throw new Error('the policy does not load')
  return result(now === undefined ? row : { ...row, at: new Date(now).toISOString() }, policy)
}

describe('a policy on firmware', () => {
  const tcb = (ucode: number) => ({ min_tcb: { Milan: { bl: 3, tee: 0, snp: 8, ucode } } })

  it('accepts the level that a report has, and denies it one above', () => {
    expect(under('snp', 'a Milan report is accepted', tcb(115)).decision).toBe('accept')
    expect(under('snp', 'a Milan report is accepted', tcb(116))).toMatchObject({
      reason: 'evidence.tcb_low',
      trust: { hardware: 96 },
      status: 'contraindicated',
    })
  })
})

describe('a policy on image digests', () => {
  const TOKEN = 'a token of Confidential Space is accepted'
  const IMAGE = 'sha256:e2e5e3672f416ac9ca71aa639abf86db0b713729a48c125a925af6c808b20b5d'
  const images = (...digests: string[]) => ({
    issuers: [
      {
        type: 'confidential-space',
        image_digests: digests,
        audiences: ['z08381475938604996746'],
        revocation: 'prefer',
      },
    ],
  })

  it('accepts the image that a token names, and denies it any other and an empty list', () => {
    expect(under('tokens', TOKEN, images(IMAGE)).decision).toBe('accept')
    for (const list of [images(`sha256:${'0'.repeat(64)}`), images()])
      expect(under('tokens', TOKEN, list).reason).toBe('evidence.measurement_unlisted')
  })

  it('holds no longer than the token', () => {
    // exp of the token, 1757063850
    expect(under('tokens', TOKEN, images(IMAGE)).expires).toBe(1757063850000)
  })
})

describe('a toleration', () => {
  const SGX = 'the same enclave is accepted where status and both advisories are tolerated'
  const AT = Date.parse('2025-06-19T12:00:00Z')
  const until = (text: string, advisories = ['INTEL-SA-00289', 'INTEL-SA-00615']) => ({
    tolerate: [{ status: 'ConfigurationAndSWHardeningNeeded', advisories, until: text }],
  })

  it('accepts with a warning, and the result ends with it', () => {
    expect(under('tdx', SGX, until('2025-06-19T13:00:00Z'))).toMatchObject({
      decision: 'accept',
      expires: AT + 3_600_000,
      status: 'warning',
      trust: { hardware: 32 },
      warnings: [expect.stringContaining('2025-06-19T13:00:00.000Z')],
    })
  })

  it('ends with its last millisecond', () => {
    expect(under('tdx', SGX, until('2025-06-19'), AT).decision).toBe('accept')
    expect(under('tdx', SGX, until('2025-06-18'), AT).reason).toBe('evidence.tcb_low')
  })

  it('tolerates no advisory that it does not name', () => {
    expect(under('tdx', SGX, until('2025-12-31', ['INTEL-SA-00615'])).reason).toBe(
      'evidence.tcb_low',
    )
  })
})

describe('a document that says when it was made', () => {
  const NITRO = 'a document of a production enclave is accepted'
  const made = Date.parse('2022-10-13T08:58:02Z')

  it('is stale when it is older than the policy allows, and clocks may differ', () => {
    expect(under('nitro', NITRO, {}, made + 300_000).decision).toBe('accept')
    expect(under('nitro', NITRO, {}, made + 362_000).reason).toBe('evidence.stale')
  })
})
