// The trust vector of a result (AR4SI): merged over its documents, and what a refusal says in it; it decides nothing.
import type { TrustVector } from '../evidence/evidence.ts'
import type { Reason } from '../reasons.ts'
import type { AppraisalResult } from './result.ts'

/** What a refusal says of the server, where it says anything. */
const OF_REASON: Readonly<Partial<Record<Reason, TrustVector>>> = {
  'tls.name_mismatch': { 'instance-identity': 97 },
  'tls.untrusted_anchor': { 'instance-identity': 97 },
  'tls.revoked': { 'instance-identity': 97 },
  'evidence.debug': { hardware: 96 },
  'evidence.tcb_revoked': { hardware: 96 },
  'evidence.tcb_low': { hardware: 96 },
  'evidence.revoked': { hardware: 97 },
  'evidence.untrusted_root': { hardware: 97 },
  'evidence.signature': { hardware: 97 },
  'evidence.measurement_unlisted': { executables: 33 },
  'evidence.build_refused': { executables: 33 },
  'evidence.configuration': { configuration: 96 },
  'evidence.privilege': { configuration: 96 },
  'evidence.migration': { configuration: 96 },
  'package.unlisted': { executables: 33 },
}

export function trustOfReason(reason: Reason): TrustVector {
  return OF_REASON[reason] ?? {}
}

/** The worse of each; what is contraindicated once stays so. */
export function mergeTrust(vectors: readonly TrustVector[]): TrustVector {
  const merged: Record<string, number> = {}
  for (const vector of vectors)
    for (const [claim, value] of Object.entries(vector))
      merged[claim] = Math.max(merged[claim] ?? 0, value)
  return merged as TrustVector
}

/** The tier of the worst claim (AR4SI section 2.3.2). */
export function statusOf(vector: TrustVector): AppraisalResult['status'] {
  const worst = Math.max(0, ...Object.values(vector))
  if (worst >= 96) return 'contraindicated'
  if (worst >= 32) return 'warning'
  return worst >= 2 ? 'affirming' : 'none'
}
