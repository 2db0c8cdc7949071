// What asking at the point came to, for the watch and for plugins: which servers are asked about, and how an outcome is read; it asks nothing.
import type { AdmissionRules } from '../../attest/admission/admission.ts'
import { toldReason } from '../../attest/denial.ts'
import type { AppraisalPolicy } from '../../attest/policy/policy.ts'
import { REASONS, type Reason } from '../../attest/reasons.ts'
import type { AttestedServer } from '../../attest/service/server.ts'
import type { Attested } from '../../attest/service/service.ts'
import { targetSha256 } from '../../attest/service/target.ts'
import { isAppError } from '../../base/errors.ts'
import type { Generation } from '../../engine/engine.ts'
import type { StepTrace } from '../../engine/trace.ts'
import type { AttestationVerdict } from '../../host/api.ts'
import type { Points } from '../../points/table.ts'
import type { PeerTrust } from '../../upstream/client.ts'
import type { AttestationParts } from './parts.ts'
import type { Preparation } from './room.ts'
import type { Asked, Watch, Watched } from './watch.ts'

/** As long as it was said for good: where no policy limits it, only a new configuration asks again. */
const LASTING: AdmissionRules = { mode: 'enforce', ttl: 3e12, interval: 1.5e12, jitter: 0 }

export function guardOf(
  server: AttestedServer,
  parts: AttestationParts | undefined,
  generation: Generation<Points>,
): Watched | undefined {
  const selection = parts?.service.selectionFor(server)
  const policy = selection && 'policy' in selection ? selection.policy : undefined
  // whoever has a say, and how it is configured
  const asking = generation.signature('server_pre_admit')
  if (policy && parts) {
    const { sha256 } = policy
    const basis = `${sha256} ${parts.key} ${targetSha256(server)} ${asking}`
    return { server, rules: rulesOf(policy), policySha256: sha256, basis }
  }
  const isRefused = selection !== undefined && 'reason' in selection
  if (!isRefused && !generation.points.has('server_pre_admit')) return undefined
  // one that no policy may be for is watched all the same: it is told why it does not serve
  const basis = `${isRefused} ${targetSha256(server)} ${asking}`
  return { server, rules: LASTING, policySha256: isRefused ? 'none' : undefined, basis }
}

function rulesOf({ mode, result: { ttl, interval, jitter, on } }: AppraisalPolicy): AdmissionRules {
  // what starts anew may be another program; policies have no word on that
  return { mode, ttl, interval, jitter, on: [...on, 'reconnect', 'restart'] }
}

/** Whatever was asked or not asked: where there is a policy, only a verdict lets a server serve. */
export function admittedBy(
  watch: Watch,
  attested: Attested | undefined,
  { preparation, steps }: { readonly preparation: Preparation | undefined; readonly steps: Steps },
): Asked {
  const { server, policySha256 } = watch.watched
  if (policySha256 === undefined) return { verdict: 'accepted', until: undefined, trust: undefined }
  const parts = preparation?.parts
  if (!attested || !parts) return denied('policy.unasked')
  const { decision, mode, tls, expires, reason = 'internal.error', says } = attested.result
  const isPin = decision === 'accept' && mode === 'enforce'
  // whoever only observes must not keep connections from coming about either
  const trust = trustOf(parts, server, isPin ? tls?.spkiSha256 : undefined)
  if (decision === 'accept') return { verdict: 'accepted', until: expires, trust }
  // it was refused and the point let it pass: right only where policy or entry observes, and not where an entry kept it to itself
  if (mode === 'observe' || steps.some(isObserved))
    return { verdict: 'accepted', until: undefined, trust }
  return { verdict: 'denied', reason, says: says ?? toldReason(reason) }
}

type Steps = readonly Pick<StepTrace, 'verdict' | 'effective' | 'code'>[]

function isObserved({ verdict, effective, code }: Steps[number]): boolean {
  return verdict === 'deny' && effective === false && code === 'ATTESTATION_DENIED'
}

export function trustOf(
  parts: AttestationParts,
  server: AttestedServer,
  pin: string | undefined,
): PeerTrust {
  if (server.transport !== 'tls') return {}
  const selection = parts.service.selectionFor(server)
  const policy = 'policy' in selection ? selection.policy : undefined
  return { pin, tls: parts.tlsOf(policy, pin !== undefined) }
}

export function deniedBy(violation: {
  readonly code: string
  readonly reason: string
  readonly details?: Readonly<Record<string, unknown>> | undefined
}): Asked {
  const { code, reason: says, details } = violation
  const reason = details?.reason
  if (code === 'ATTESTATION_DENIED' && typeof reason === 'string' && Object.hasOwn(REASONS, reason))
    return { verdict: 'denied', reason: reason as Reason, says }
  return { verdict: 'denied', reason: 'policy.vetoed', says: `${says} (${code})` }
}

export function faulted(error: unknown): Asked {
  const says = toldReason('internal.error', isAppError(error) ? error.message : undefined)
  return { verdict: 'denied', reason: 'internal.error', says }
}

function denied(reason: Reason): Asked {
  return { verdict: 'denied', reason, says: toldReason(reason) }
}

export function verdictOf({ result }: Attested): AttestationVerdict {
  const { decision, mode, policyId, reason, says, stage } = result
  const policy = policyId === undefined ? {} : { policy: policyId }
  if (decision === 'none') return { decision: 'none', ...policy }
  if (decision === 'accept' || mode === 'observe') return { decision: 'admit', ...policy }
  const code = reason ?? 'internal.error'
  const row = REASONS[code]
  return {
    decision: 'deny',
    ...policy,
    reason: code,
    stage: stage ?? row.stage,
    says: says ?? row.says,
    next: row.next,
  }
}
