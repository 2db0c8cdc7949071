// The appraisal: from what was asked, seen and sent to a result, in the order of the checks, stopping at the first failure. It has no effect.
import { Denial } from '../denial.ts'
import { type Envelope, parseEnvelope } from '../evidence/envelope.ts'
import type {
  Claims,
  EvidenceItem,
  EvidenceType,
  TrustVector,
  Verifier,
} from '../evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../evidence/media.ts'
import type { Verifiers } from '../evidence/table.ts'
import type { Numbered } from '../path/numbers.ts'
import { appraiseBuilds } from '../policy/builds.ts'
import { livingSection } from '../policy/living.ts'
import { appraisePackage } from '../policy/package.ts'
import type { AppraisalPolicy, EvidencePolicy } from '../policy/policy.ts'
import type { AppraisalRequest, AppraisalResult, Level } from './result.ts'
import { createResult, emptyFindings, type Findings, type Refusal } from './settle.ts'
import { checkTls } from './tls.ts'

/** What appraising is done with: the kinds of evidence, and a clock to measure stages by. */
export interface Appraising {
  readonly verifiers: Verifiers
  /** Milliseconds on a monotonic scale. */
  readonly monotonic: () => number
  /** Bytes that nobody guesses. */
  readonly random: (size: number) => Uint8Array
}

/** Never throws: whatever is thrown inside and is no Denial denies as `internal.error`. */
export function appraise(request: AppraisalRequest, using: Appraising): AppraisalResult {
  const appraisal = new Appraisal(request, using)
  try {
    appraisal.run()
    return createResult(request, appraisal.found)
  } catch (error) {
    return createResult(request, appraisal.found, refusalOf(error))
  }
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof Denial) return { reason: error.reason, detail: error.detail }
  return { reason: 'internal.error', detail: faultOf(error) }
}

// the kind and the place of a fault of ours; its message may hold what a stranger sent
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'thrown'
  const [, place] = /([\w-]+\.[jt]s:\d+):\d+\)?$/m.exec(error.stack ?? '') ?? []
  return place === undefined ? error.name : `${error.name} at ${place}`
}

/** The documents that the policy judges, and the names of those that it does not. */
export function judgedItems(
  items: readonly EvidenceItem[],
  policy: EvidencePolicy,
): { readonly judged: readonly EvidenceItem[]; readonly ignored: readonly string[] } {
  const isJudged = ({ type }: EvidenceItem) =>
    Object.hasOwn(policy.sections, EVIDENCE_KINDS[type].section)
  return {
    judged: items.filter(isJudged),
    ignored: items.filter((item) => !isJudged(item)).map(({ type }) => type),
  }
}

/** The documents of a request; those of an envelope that answers another challenge or server are none. Throws Denial. */
export function itemsOf(request: AppraisalRequest): Pick<Envelope, 'items' | 'unknown'> {
  const { evidence = [], challenge, server } = request
  if (!(evidence instanceof Uint8Array)) return { items: evidence, unknown: [] }
  const envelope = parseEnvelope(evidence)
  if (challenge && envelope.challengeId !== challenge.id)
    throw new Denial('evidence.nonce_mismatch', 'challenge_id of the envelope')
  if (envelope.serverId !== server.id)
    throw new Denial('evidence.binding_mismatch', 'server_id of the envelope')
  return envelope
}

export function verifierOf(verifiers: Verifiers, item: EvidenceItem): Verifier<never> {
  const verifier = verifiers[item.type]
  if (verifier === undefined) throw new Denial('evidence.unsupported', item.type)
  return verifier
}

/** What its verifier judges a document by. */
export function sectionOf(
  policy: EvidencePolicy,
  { type }: { type: EvidenceType },
  now: number,
): never {
  // never: the schema of the section and its verifier stand in one row; no type joins them across the tables
  return livingSection(policy.sections[EVIDENCE_KINDS[type].section], now).section as never
}

class Appraisal {
  readonly #request: AppraisalRequest
  readonly #using: Appraising
  /** What is known so far: a refusal tells it too. */
  readonly found: Findings = emptyFindings()

  constructor(request: AppraisalRequest, using: Appraising) {
    this.#request = request
    this.#using = using
  }

  /** Also of an appraisal that ends with a refusal: who is shown something older afterwards is to find out. */
  readonly #note = ({ name, number }: Numbered): void => {
    if (!this.found.numbered.some((each) => each.name === name && each.number === number))
      this.found.numbered.push({ name, number })
  }

  run(): void {
    const { selection, offline = false } = this.#request
    if ('reason' in selection) throw new Denial(selection.reason, selection.detail)
    const { policy } = selection
    if (policy === undefined) return
    if (!offline) {
      this.#checkTransport(policy)
      this.#timed('tls', () => this.#checkConnection(policy))
      this.#checkPackage(policy)
    }
    if (policy.evidence) this.#checkEvidence(policy, policy.evidence)
    for (const id of this.found.matched) {
      const end = Object.hasOwn(policy.references, id) ? policy.references[id]?.notAfter : undefined
      if (end !== undefined) this.found.ends.push(end)
    }
  }

  #checkTransport({ tls, evidence }: AppraisalPolicy): void {
    if (this.#request.server.transport === 'tls') return
    if (tls !== undefined || (evidence && evidence.require.length > 0))
      throw new Denial('policy.transport')
  }

  #checkConnection({ tls }: AppraisalPolicy): void {
    const { connection, server } = this.#request
    if (server.transport !== 'tls') return
    if (connection === undefined) throw new Denial('tls.unavailable')
    const { record, ends, trust } = checkTls(connection, tls, this.#request, this.#note)
    this.found.tls = record
    this.found.ends.push(...ends)
    this.found.trust.push(trust)
    // the handshake was made for this appraisal: that its key is there now is what a chain can show
    if (tls !== undefined) this.#shown('transport')
  }

  #checkPackage(policy: AppraisalPolicy): void {
    const { measured, now } = this.#request
    if (policy.package === undefined) return
    this.found.matched.push(...appraisePackage(measured, policy.package, now))
    this.found.trust.push({ executables: 2 })
    this.#shown('package')
  }

  #checkEvidence(policy: AppraisalPolicy, evidence: EvidencePolicy): void {
    const { items, unknown } = itemsOf(this.#request)
    const { judged, ignored } = judgedItems(items, evidence)
    this.found.ignored.push(...ignored, ...unknown)
    this.#checkPresence(judged, evidence)
    if (judged.length === 0) return
    this.#timed('verify', () => {
      this.#checkChallenge(evidence)
      for (const item of judged) this.#verify(item, evidence)
    })
    this.#timed('appraise', () => {
      for (const claims of this.found.claims) this.#appraise(claims, evidence)
      appraiseBuilds(evidence.builds, this.found.matched, policy.references)
      this.#checkRequired(evidence)
    })
  }

  #checkPresence(items: readonly EvidenceItem[], { require }: EvidencePolicy): void {
    for (const { anyOf } of require)
      if (!items.some(({ type }) => anyOf.includes(type)))
        throw new Denial('evidence.missing', anyOf.join(' or '))
  }

  #checkChallenge({ challengeTtl, binding }: EvidencePolicy): void {
    const { challenge, expected, now, skew, offline } = this.#request
    if (offline) return
    if (challenge === undefined || expected === undefined)
      throw new Denial('evidence.freshness_unchecked')
    if (now - challenge.issuedAt > challengeTtl || challenge.issuedAt - now > skew)
      throw new Denial('evidence.stale', 'the challenge')
    const missing = binding.find((one) => !expected.covers.includes(one))
    if (missing !== undefined) throw new Denial('evidence.binding_mismatch', missing)
  }

  #verify(item: EvidenceItem, { maxEvidenceAge }: EvidencePolicy): void {
    const { now, skew, expected, roots, collateral, seen } = this.#request
    const verifier = verifierOf(this.#using.verifiers, item)
    const claims = verifier.verify(item, {
      now,
      skew,
      expected: expected?.value,
      roots,
      collateral,
      ...(seen && { seen }),
      note: this.#note,
    })
    this.found.claims.push(claims)
    // what never binds can be there besides, and meets no demand
    if (expected && claims.binding !== 'matched' && claims.attests !== 'identity')
      throw new Denial('evidence.binding_mismatch')
    // without a challenge the age of a document says nothing: a command may look at an old one
    if (expected && claims.madeAt !== undefined && now - claims.madeAt > maxEvidenceAge + skew)
      throw new Denial('evidence.stale', item.type)
  }

  #appraise(claims: Claims, policy: EvidencePolicy): void {
    const { now } = this.#request
    const { attests, section: name } = EVIDENCE_KINDS[claims.type]
    if (attests === 'platform' && claims.attests !== 'platform')
      throw new Denial('evidence.identity_only', claims.type)
    const { section, tolerates } = livingSection(policy.sections[name], now)
    const verifier = this.#using.verifiers[claims.type] as Verifier<unknown>
    const { trust, matched, warnings, goodUntil } = verifier.appraise(claims, section, { now })
    const { ends } = this.found
    this.found.trust.push(trust as TrustVector)
    this.found.matched.push(...matched)
    this.found.warnings.push(...warnings)
    if (warnings.length > 0) ends.push(goodUntil ?? tolerates)
    if (claims.goodUntil !== undefined) ends.push(claims.goodUntil)
    for (const { nextUpdate } of claims.collateral)
      if (nextUpdate !== undefined) ends.push(nextUpdate)
  }

  // every document that was judged is good now; whether they are all that were asked for
  #checkRequired({ require }: EvidencePolicy): void {
    const asked = require.flatMap(({ anyOf }) => anyOf)
    const met = this.found.claims.filter(({ type }) => asked.includes(type))
    if (!this.#request.offline && met.some(({ binding }) => binding !== 'matched'))
      throw new Denial('evidence.freshness_unchecked')
    if (met.some(({ attests }) => attests === 'platform')) this.#shown('platform')
    else if (met.length > 0) this.#shown('identity')
    if (this.#request.offline)
      this.found.fresh = this.found.claims.every(({ binding }) => binding === 'matched')
  }

  #shown(level: Level): void {
    this.found.level = level
    this.found.fresh = true
  }

  #timed(stage: 'tls' | 'verify' | 'appraise', run: () => void): void {
    const begun = this.#using.monotonic()
    try {
      run()
    } finally {
      this.found.duration[stage] += this.#using.monotonic() - begun
    }
  }
}
