// One attestation of one server from beginning to end: policy, evidence, appraisal, replay, drift, memory; who may serve is decided above.
import type { Clock } from '../../base/clock.ts'
import type { JsonObject } from '../../base/json.ts'
import { isTransient } from '../admission/admission.ts'
import type { Admitted, AdmittedMemory, Recalled } from '../admission/admitted.ts'
import { assertNoBadDrift, type Drift, driftOf } from '../admission/drift.ts'
import type { Measures } from '../admission/measures.ts'
import type { AppraisalRequest, AppraisalResult } from '../appraisal/result.ts'
import { type Refusal, refusedResult } from '../appraisal/settle.ts'
import type { Appraiser } from '../appraisal/thread.ts'
import { Denial } from '../denial.ts'
import type { ReplayGuard } from '../freshness/replay.ts'
import type { AppraisalPolicy } from '../policy/policy.ts'
import { type Selection, selectPolicy } from '../policy/select.ts'
import { REASONS } from '../reasons.ts'
import { bareRequest, type Frame, type GatherDeps, gather } from './gather.ts'
import { limited, within } from './limit.ts'
import { namesOf } from './names.ts'
import { createProposals, type Proposal } from './proposals.ts'
import type { SeenNumbers } from './seen-numbers.ts'
import type { AttestedServer } from './server.ts'
import { targetSha256 } from './target.ts'
import type { Footing, Upkeep } from './upkeep.ts'

export interface ServiceDeps {
  readonly frame: Frame
  readonly policies: readonly AppraisalPolicy[]
  /** `all`: a server that no policy is for is refused. */
  readonly require: 'all' | 'matched'
  readonly appraiser: Appraiser
  readonly gather: Omit<GatherDeps, 'needs' | 'activations' | 'clock' | 'took'>
  readonly memory: AdmittedMemory
  readonly replay: ReplayGuard
  readonly seen: SeenNumbers
  readonly upkeep: Pick<Upkeep, 'rest' | 'forget'>
  readonly clock: Clock
  readonly measures: Pick<Measures, 'decided' | 'took' | 'drifted'>
  /** Milliseconds for all of it. */
  readonly patience: number
  /** Is told of each, for the audit. Must not throw. */
  readonly told: (server: AttestedServer, attested: Attested, how: AttestHow) => void
}

export interface AttestHow {
  readonly cause: string
  /**
   * `admit`: the server as it runs; what comes of it is remembered. `propose`: as it is about to be written; a positive result is kept
   * for a moment, for the admission that follows the write. `try`: nothing is remembered.
   */
  readonly purpose: 'admit' | 'propose' | 'try'
  /** An operator accepts other hardware, this once. */
  readonly newHardware?: boolean
  readonly signal?: AbortSignal | undefined
}

export interface Attested {
  readonly result: AppraisalResult
  /** Against what was accepted before; undefined: nothing was, or it did not come so far. */
  readonly drift: Drift | undefined
}

export interface AttestationService {
  /** Which policy is for a server; nothing is asked of it. */
  selectionFor(server: AttestedServer): Selection
  /** Never rejects: what goes wrong is a refusal. */
  attest(server: AttestedServer, how: AttestHow): Promise<Attested>
  /** Nobody of this name is watched any more: what it rested on is no longer kept fresh. */
  forget(name: string): void
}

/** Of whoever comes into force: what is attested for any other cause is to be of now. */
const BEGUN: readonly string[] = ['registration', 'restart']
/** Proposals attested at the same time; more are refused for the moment. */
const MOST_PROPOSING = 16
/** Whoever writes waits for it; the points of a write have half a minute. */
const PROPOSAL_MS = 25_000
/** How long a refusal waits to be remembered. */
const NOTED_MS = 2000

export function createAttestationService(deps: ServiceDeps): AttestationService {
  const { frame, policies, require, appraiser, clock } = deps
  const parts: GatherDeps = {
    ...deps.gather,
    needs: (request) => appraiser.needs(request),
    activations: (request) => appraiser.activations(request),
    clock,
    took: deps.measures.took,
  }
  const proposals = createProposals(clock)
  /** Of those that are about to be written: whoever may write servers must not keep the admitted ones from being attested. */
  let proposing = 0
  const selectionFor = (server: AttestedServer) => {
    const { tags, policy } = server
    return selectPolicy(policies, { names: namesOf(server), tags, policy }, require)
  }

  async function attest(server: AttestedServer, how: AttestHow): Promise<Attested> {
    const begun = clock.now()
    const selection = selectionFor(server)
    const isAdmission = how.purpose === 'admit'
    const isBegun = isAdmission && BEGUN.includes(how.cause)
    const proposed = isBegun ? proposals.take(server, selection) : undefined
    if (proposed) return confirmed(server, proposed)
    const patience = isAdmission ? deps.patience : Math.min(deps.patience, PROPOSAL_MS)
    const limit = limited(clock, patience, how.signal)
    if (!isAdmission) proposing++
    try {
      const attested = await attempt(server, selection, { how, signal: limit.signal })
      await noteRefusal(server, attested, how)
      count(deps.measures, server, attested, clock.now() - begun)
      deps.told(server, attested, how)
      return attested
    } finally {
      if (!isAdmission) proposing--
      limit.end()
    }
  }

  async function attempt(
    server: AttestedServer,
    selection: Selection,
    { how, signal }: { readonly how: AttestHow; readonly signal: AbortSignal },
  ): Promise<Attested> {
    const bare = (): AppraisalRequest => ({
      ...bareRequest(server, selection, frame),
      now: clock.wall(),
    })
    const { policy } = 'policy' in selection ? selection : {}
    if (!policy) return { result: await appraiser.appraise(bare()), drift: undefined }
    try {
      if (proposing > MOST_PROPOSING && how.purpose !== 'admit')
        throw new Denial('internal.busy', 'too many servers are proposed at once')
      const recalling = within(deps.memory.recall(server.name), signal)
      // what is shown against it counts also where the store is away
      recalling.catch(() => {})
      // of before the collateral is had: what is seen meanwhile is found out when this is noted
      const seen = await deps.seen.all().then(
        (all) => new Map(all),
        () => new Map(),
      )
      const gathering = gather(server, policy, { frame, deps: parts, signal })
      const { request, needs } = await within(gathering, signal)
      const result = await appraiser.appraise({ ...request, seen, now: clock.wall() })
      const attested = await noted(server, result, { how, recalling })
      follow(server, attested.result, { how, needs, ...request })
      return attested
    } catch (error) {
      return { result: refusedResult(bare(), refusalOf(error)), drift: undefined }
    }
  }

  /** One that is refused is attested again by itself. */
  function follow(
    { name }: AttestedServer,
    { decision, expires: until }: AppraisalResult,
    { how, needs, collateral }: Pick<Footing, 'needs' | 'collateral'> & { how: AttestHow },
  ): void {
    if (how.purpose === 'try') return
    if (decision === 'accept') deps.upkeep.rest(name, { needs, collateral, until })
    else if (how.purpose === 'admit') deps.upkeep.forget(name)
  }

  /** Numbers are facts about authorities, whatever came of the server. */
  async function noted(
    server: AttestedServer,
    result: AppraisalResult,
    { how, recalling }: { readonly how: AttestHow; readonly recalling: Promise<Recalled> },
  ): Promise<Attested> {
    const isAccepted = result.decision === 'accept'
    try {
      await deps.seen.note(result.numbered)
    } catch (error) {
      return {
        result: isAccepted ? withRefusal(result, refusalOf(error)) : result,
        drift: undefined,
      }
    }
    if (!isAccepted) return { result, drift: undefined }
    return settle(server, result, { how, recalled: await recalling })
  }

  /** What only a memory can say: that it is not a repetition, and not worse than before. */
  async function settle(
    server: AttestedServer,
    result: AppraisalResult,
    { how, recalled }: { readonly how: AttestHow; readonly recalled: Recalled },
  ): Promise<Attested> {
    const { evidence } = result
    const { purpose, newHardware = false } = how
    // another server under its name is no later state of this one
    const isSame = recalled.admitted?.target === targetSha256(server)
    const before = isSame ? recalled.admitted?.claims : undefined
    const drift = before && driftOf(before, evidence, { listed: true, newHardware })
    try {
      if (drift) assertNoBadDrift(drift)
      if (purpose === 'try' || result.mode === 'observe') return { result, drift }
      const until = result.expires ?? clock.wall()
      // a document that carries no challenge is the same each time, and admits nobody by itself
      const claims = evidence.filter(({ binding }) => binding === 'matched')
      await deps.replay.accept({ serverId: server.name, claims, until })
      if (purpose === 'propose') proposals.keep(server, { result, drift }, recalled.version)
      else await remember(server, result, recalled.version)
      return { result, drift }
    } catch (error) {
      return { result: withRefusal(result, refusalOf(error)), drift }
    }
  }

  async function remember(server: AttestedServer, result: AppraisalResult, version: number) {
    const kept = { ...keptOf(result, clock.wall()), target: targetSha256(server) }
    if (!(await deps.memory.remember(server.name, kept, version)))
      throw new Denial('internal.busy', 'the server was attested elsewhere meanwhile')
  }

  /** The write that it was proposed for has been done. */
  async function confirmed(
    server: AttestedServer,
    { attested, version }: Proposal,
  ): Promise<Attested> {
    try {
      await remember(server, attested.result, version)
      return attested
    } catch (error) {
      return { ...attested, result: withRefusal(attested.result, refusalOf(error)) }
    }
  }

  /** A restart must not forget what was shown against a server that was admitted. */
  async function noteRefusal(server: AttestedServer, { result }: Attested, { purpose }: AttestHow) {
    const { decision, mode, reason, transient } = result
    if (purpose !== 'admit' || decision !== 'deny' || mode === 'observe' || transient || !reason)
      return
    // where the store is away, the next attestation finds it again: the refusal must not wait for it
    const noted = deps.memory.refuse(server.name, reason, targetSha256(server))
    const { signal, end } = limited(clock, NOTED_MS, undefined)
    await within(noted, signal).catch(() => {})
    end()
  }

  return {
    selectionFor,
    attest,
    forget: (name) => deps.upkeep.forget(name),
  }
}

function count(
  measures: ServiceDeps['measures'],
  { name }: AttestedServer,
  { result, drift }: Attested,
  ms: number,
): void {
  const { decision, mode, policyId, reason, evidence, duration } = result
  if (decision === 'none') return
  measures.decided({
    policy: policyId,
    evidence: evidence.map(({ type }) => type),
    decision: decision === 'accept' ? 'accept' : mode === 'observe' ? 'would_deny' : 'deny',
    ...(reason === undefined ? {} : { reason }),
  })
  measures.took('verify', duration.verify)
  measures.took('appraise', duration.appraise)
  measures.took('total', ms)
  if (drift && drift.kind !== 'identical') measures.drifted(name)
}

function keptOf(result: AppraisalResult, now: number): Admitted {
  return {
    spkiSha256: result.tls?.spkiSha256 ?? '',
    policySha256: result.policySha256 ?? '',
    acceptedAt: now,
    validUntil: result.expires ?? now,
    claims: result.evidence,
    result: result as unknown as JsonObject,
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Denial) return { reason: error.reason, detail: error.detail }
  return { reason: 'internal.error' }
}

/** A result that was accepted and is refused for something beside it. */
function withRefusal(result: AppraisalResult, { reason, detail }: Refusal): AppraisalResult {
  const { says, stage } = REASONS[reason]
  const { expires: _, ...rest } = result
  return {
    ...rest,
    decision: 'deny',
    admits: false,
    level: 'none',
    reason,
    says: detail === undefined ? says : `${says}: ${detail}`,
    stage,
    ...(isTransient(reason) ? { transient: true } : {}),
  }
}
