// The appraisal of one document by one policy, without a server: what `portcullis attest verify` runs. It admits nobody.
import { appraise } from '../../attest/appraisal/appraise.ts'
import { APPRAISING } from '../../attest/appraisal/appraising.ts'
import { needsOf } from '../../attest/appraisal/needs.ts'
import type { AppraisalRequest, AppraisalResult } from '../../attest/appraisal/result.ts'
import type { Collateral, CollateralNeed } from '../../attest/collateral.ts'
import type { EvidenceItem, EvidenceRoot } from '../../attest/evidence/evidence.ts'
import type { AppraisalPolicy } from '../../attest/policy/policy.ts'
import { VENDOR_ROOTS } from '../../attest/roots/roots.ts'

export interface OfflineQuestion {
  readonly item: EvidenceItem
  readonly policy: AppraisalPolicy
  /** Milliseconds since the epoch. */
  readonly at: number
  /** What stands where this kind of evidence has its nonce. Undefined: freshness is not checked. */
  readonly expected?: Uint8Array | undefined
  /** Roots besides the pinned ones, by family. */
  readonly roots?: Readonly<Record<string, readonly EvidenceRoot[]>>
  readonly collateral?: Collateral
}

const SKEW = 60_000

export function appraiseOffline(question: OfflineQuestion): AppraisalResult {
  return appraise(requestOf(question), APPRAISING)
}

/** What a gateway would fetch for it and is not among the collateral: under these ids it is looked for. */
export function missingCollateral(question: OfflineQuestion): readonly CollateralNeed[] {
  const asked = needsOf(requestOf(question), APPRAISING)
  if ('refusal' in asked) return []
  return asked.needs.filter(({ id }) => !question.collateral?.has(id))
}

function requestOf(question: OfflineQuestion): AppraisalRequest {
  const { item, policy, at, expected, collateral = new Map() } = question
  const roots: Record<string, readonly EvidenceRoot[]> = { ...VENDOR_ROOTS }
  for (const [family, more] of Object.entries(question.roots ?? {}))
    roots[family] = [...(roots[family] ?? []), ...more]
  return {
    now: at,
    skew: SKEW,
    server: { id: '', transport: 'tls' },
    selection: { policy },
    evidence: [item],
    anchors: [],
    roots,
    collateral,
    offline: true,
    ...(expected && {
      expected: { value: { kind: 'exact', bytes: expected }, covers: [] },
    }),
  }
}
