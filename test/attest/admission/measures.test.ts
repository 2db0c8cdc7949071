// What is measured about attestation, as a scrape sees it and as the summary says it.
import { describe, expect, it } from 'vitest'
import type { AdmissionState } from '../../../src/attest/admission/admission.ts'
import {
  type Attestation,
  attestationOf,
  createMeasures,
  type Kept,
  type MeasuredServer,
} from '../../../src/attest/admission/measures.ts'
import { EVIDENCE_TYPES, type EvidenceType } from '../../../src/attest/evidence/evidence.ts'
import { REASONS, type Reason } from '../../../src/attest/reasons.ts'
import { createTelemetry } from '../../../src/telemetry/telemetry.ts'

const NOW = 1_700_000_000_000

function bench(kept: Partial<Kept> = {}) {
  const telemetry = createTelemetry()
  const measures = createMeasures({
    telemetry,
    clock: { wall: () => NOW },
    servers: () => [],
    collateral: () => [],
    anchors: () => [],
    ...kept,
  })
  const scrape = async (): Promise<Record<string, number>> => {
    const lines = (await telemetry.prometheus()).split('\n')
    const samples = lines.filter((line) => /^portcullis_(attest|regis|coll|trust|meas)/.test(line))
    return Object.fromEntries(
      samples.map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice('portcullis_'.length, at), Number(line.slice(at + 1))]
      }),
    )
  }
  return { measures, scrape }
}

describe('three of four servers with a valid attestation', () => {
  const servers: MeasuredServer[] = [
    { attestation: 'valid', acceptedAt: NOW - 60_000 },
    { attestation: 'valid', acceptedAt: NOW - 3_600_000 },
    { attestation: 'valid', acceptedAt: NOW },
    { attestation: 'quarantined' },
  ]

  it('read 0.75, in the summary and over the scrape', async () => {
    const { measures, scrape } = bench({ servers: () => servers })
    expect(measures.summary()).toMatchObject({
      validShare: 0.75,
      servers: { valid: 3, identity_only: 0, expired: 0, none: 0, quarantined: 1 },
    })
    const seen = await scrape()
    const counts = Object.entries(seen).filter(([name]) => name.startsWith('registered_servers'))
    expect(counts).toEqual([
      ['registered_servers{attestation="valid"}', 3],
      ['registered_servers{attestation="identity_only"}', 0],
      ['registered_servers{attestation="expired"}', 0],
      ['registered_servers{attestation="none"}', 0],
      ['registered_servers{attestation="quarantined"}', 1],
    ])
    const all = counts.reduce((sum, [, n]) => sum + n, 0)
    expect((seen['registered_servers{attestation="valid"}'] ?? 0) / all).toBe(0.75)
  })

  it('have a result that is as old as the oldest of them', async () => {
    const seen = await bench({ servers: () => servers }).scrape()
    expect(seen.attestation_result_age_seconds).toBe(3600)
    expect((await bench().scrape()).attestation_result_age_seconds).toBeUndefined()
  })

  it('are read at the moment of the scrape; of none there is no share', () => {
    const list: MeasuredServer[] = []
    const { measures } = bench({ servers: () => list })
    expect(measures.summary().validShare).toBeUndefined()
    list.push(...servers.slice(0, 2))
    expect(measures.summary().validShare).toBe(1)
  })
})

describe('a decision', () => {
  it('is counted once, by policy, kind of evidence, decision and reason', async () => {
    const { measures, scrape } = bench()
    const policy = 'prod'
    measures.decided({ policy, evidence: ['tdx'], decision: 'accept' })
    measures.decided({ policy, evidence: ['tdx'], decision: 'accept' })
    measures.decided({ policy, evidence: ['tdx'], decision: 'deny', reason: 'evidence.debug' })
    measures.decided({ policy, evidence: [], decision: 'would_deny', reason: 'tls.expired' })
    measures.decided({ policy, evidence: ['tpm', 'sev-snp', 'tpm'], decision: 'accept' })
    measures.decided({ policy: undefined, evidence: [], decision: 'deny', reason: 'policy.none' })
    const seen = await scrape()
    const counts = Object.entries(seen).filter(([name]) => name.includes('decisions_total'))
    const of = (policy: string, type: string, decision: string, reason: string) =>
      `attestation_decisions_total{policy="${policy}",evidence_type="${type}",decision="${decision}",reason="${reason}"}`
    expect(Object.fromEntries(counts)).toEqual({
      [of('prod', 'tdx', 'accept', 'none')]: 2,
      [of('prod', 'tdx', 'deny', 'evidence.debug')]: 1,
      [of('prod', 'none', 'would_deny', 'tls.expired')]: 1,
      [of('prod', 'several', 'accept', 'none')]: 1,
      [of('none', 'none', 'deny', 'policy.none')]: 1,
    })
    expect(measures.summary()).toMatchObject({
      decisions: { accept: 3, deny: 2, would_deny: 1 },
      reasons: { 'evidence.debug': 1, 'tls.expired': 1, 'policy.none': 1 },
    })
  })

  it('of each reason of the table is one count of that reason', () => {
    const { measures } = bench()
    const reasons = Object.keys(REASONS) as Reason[]
    for (const reason of reasons)
      measures.decided({ policy: 'prod', evidence: [], decision: 'deny', reason })
    expect(measures.summary().reasons).toEqual(
      Object.fromEntries(reasons.map((reason) => [reason, 1])),
    )
  })

  it('by what is in no table makes no label of it', async () => {
    const { measures, scrape } = bench()
    for (let n = 0; n < 50; n++)
      measures.decided({
        policy: 'prod',
        evidence: [`x${n}` as EvidenceType],
        decision: 'deny',
        reason: `y${n}` as Reason,
      })
    const seen = await scrape()
    const counts = Object.entries(seen).filter(([name]) => name.includes('decisions_total'))
    expect(counts).toEqual([
      [
        'attestation_decisions_total{policy="prod",evidence_type="other",decision="deny",reason="other"}',
        50,
      ],
    ])
    expect(EVIDENCE_TYPES).not.toContain('several')
  })

  it('for a replay is counted as one, too', async () => {
    const { measures, scrape } = bench()
    expect((await scrape()).attestation_replays_total).toBe(0)
    measures.decided({ policy: 'p', evidence: [], decision: 'deny', reason: 'evidence.replay' })
    for (const reason of ['evidence.stale', 'evidence.nonce_mismatch'] as const)
      measures.decided({ policy: 'p', evidence: [], decision: 'deny', reason })
    expect((await scrape()).attestation_replays_total).toBe(1)
  })
})

describe('a duration', () => {
  it('has a mean that is its sum by its count', async () => {
    const { measures, scrape } = bench()
    for (const ms of [2, 4, 12]) measures.took('verify', ms)
    measures.took('tls', 300)
    const seen = await scrape()
    expect(seen['attestation_duration_seconds_sum{stage="verify"}']).toBeCloseTo(0.018, 12)
    expect(seen['attestation_duration_seconds_count{stage="verify"}']).toBe(3)
    expect(seen['attestation_duration_seconds_bucket{stage="verify",le="0.005"}']).toBe(2)
    expect(seen['attestation_duration_seconds_count{stage="total"}']).toBe(0)
    const { meanSeconds } = measures.summary()
    expect(Object.keys(meanSeconds)).toEqual(['verify', 'tls'])
    expect(meanSeconds.verify).toBeCloseTo(0.006, 12)
    expect(meanSeconds.tls).toBeCloseTo(0.3, 12)
  })
})

describe('collateral, anchors and drift', () => {
  it('are read and counted', async () => {
    const { measures, scrape } = bench({
      collateral: () => [
        ['tdx-tcb', NOW - 90_000],
        ['crl', NOW - 500],
      ],
      anchors: () => [
        ['prod-root-2026', NOW + 86_400_000],
        ['prod-root-2020', NOW - 1000],
      ],
    })
    measures.fetchFailed('crl')
    measures.fetchFailed('prod.example')
    measures.fetchFailed('prod.example')
    measures.drifted('files')
    measures.drifted('files')
    expect(await scrape()).toMatchObject({
      'collateral_age_seconds{source="tdx-tcb"}': 90,
      'collateral_age_seconds{source="crl"}': 0.5,
      'trust_anchor_expiry_seconds{anchor="prod-root-2026"}': 86_400,
      'trust_anchor_expiry_seconds{anchor="prod-root-2020"}': -1,
      'collateral_fetch_failures_total{source="crl"}': 1,
      'collateral_fetch_failures_total{source="prod.example"}': 2,
      'measurement_drift_total{server="files"}': 2,
    })
  })
})

describe('the attestation that a server is counted under', () => {
  it('follows from its state', () => {
    const rows: [AdmissionState, Reason | undefined, boolean, Attestation | undefined][] = [
      ['none', undefined, false, 'none'],
      ['valid', undefined, false, 'valid'],
      ['due', undefined, false, 'valid'],
      ['grace', 'tls.unavailable', false, 'valid'],
      ['grace', 'tls.unavailable', true, 'identity_only'],
      ['quarantined', 'evidence.result_expired', false, 'expired'],
      ['quarantined', 'tls.unavailable', false, 'expired'],
      ['quarantined', 'evidence.debug', true, 'quarantined'],
      ['quarantined', 'tls.key_changed', false, 'quarantined'],
      ['removed', undefined, false, undefined],
    ]
    for (const [state, reason, identityOnly, expected] of rows)
      expect([state, attestationOf({ state, reason }, identityOnly)]).toEqual([state, expected])
  })
})
