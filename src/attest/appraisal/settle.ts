// From what an appraisal found to its result: when it ends, what it is worth and how it is told.
import type { Claims, TrustVector } from '../evidence/evidence.ts'
import type { Numbered } from '../path/numbers.ts'
import { REASONS, type Reason } from '../reasons.ts'
import type { AppraisalRequest, AppraisalResult, Level, TlsRecord } from './result.ts'
import { mergeTrust, statusOf, trustOfReason } from './trust.ts'

export interface Findings {
  tls: TlsRecord | undefined
  readonly numbered: Numbered[]
  readonly claims: Claims[]
  readonly ignored: string[]
  readonly trust: TrustVector[]
  readonly matched: string[]
  readonly warnings: string[]
  /** Milliseconds since the epoch: whatever the result rests on ends then. */
  readonly ends: number[]
  level: Level
  fresh: boolean
  readonly duration: { tls: number; verify: number; appraise: number }
}

export interface Refusal {
  readonly reason: Reason
  readonly detail?: string | undefined
}

export function createResult(
  request: AppraisalRequest,
  found: Findings,
  refusal?: Refusal,
): AppraisalResult {
  const { now, selection, offline = false } = request
  const policy = 'policy' in selection ? selection.policy : undefined
  const expires = Math.min(now + (policy?.result.ttl ?? 0), ...found.ends)
  // a result that has ended when it is made was never one
  const refused =
    refusal ?? (policy && expires <= now ? ({ reason: 'evidence.expired' } as const) : undefined)
  const accepted = refused === undefined && policy !== undefined
  const trust = mergeTrust(refused ? [...found.trust, trustOfReason(refused.reason)] : found.trust)
  return {
    decision: refused ? 'deny' : policy ? 'accept' : 'none',
    admits: !offline && refused === undefined && (policy === undefined || found.fresh),
    mode: policy?.mode ?? 'enforce',
    level: refused ? 'none' : found.level,
    freshness: found.fresh ? 'checked' : 'not checked',
    ...(refused ? toldRefusal(refused) : {}),
    ...(accepted ? { expires } : {}),
    ...framed(request, found),
    numbered: found.numbered,
    evidence: found.claims,
    ignored: found.ignored,
    trust,
    status: statusOf(trust),
    matched: [...new Set(found.matched)],
    warnings: found.warnings,
  }
}

/** A result for an appraisal that did not come to one: a thread that was ended, a queue that is full, a store that is away. */
export function refusedResult(request: AppraisalRequest, refusal: Refusal): AppraisalResult {
  return createResult(request, emptyFindings(), refusal)
}

export function emptyFindings(): Findings {
  return {
    tls: undefined,
    numbered: [],
    claims: [],
    ignored: [],
    trust: [],
    matched: [],
    warnings: [],
    ends: [],
    level: 'none',
    fresh: false,
    duration: { tls: 0, verify: 0, appraise: 0 },
  }
}

function framed(request: AppraisalRequest, { tls, duration }: Findings) {
  const { selection, server, challenge, now, fetched = 0, measured, previous } = request
  const policy = 'policy' in selection ? selection.policy : undefined
  return {
    ...(policy ? { policyId: policy.id, policySha256: policy.sha256 } : {}),
    serverId: server.id,
    ...(challenge ? { challengeId: challenge.id } : {}),
    at: now,
    duration: { ...duration, fetch: fetched },
    ...(tls ? { tls } : {}),
    ...(measured ? { package: measured } : {}),
    ...(previous ? { previous } : {}),
  }
}

function toldRefusal({ reason, detail }: Refusal) {
  const row = REASONS[reason]
  return {
    reason,
    says: detail === undefined ? row.says : `${row.says}: ${detail}`,
    stage: row.stage,
    ...('transient' in row ? { transient: true } : {}),
  }
}
