// What is counted about attestation: decisions, times, and how many servers hold a valid one; labels are of tables and the configuration, never of what a peer sent.
import type { Clock } from '../../base/clock.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { EVIDENCE_TYPES, type EvidenceType } from '../evidence/evidence.ts'
import { REASONS, type Reason } from '../reasons.ts'
import { isTransient, type Look } from './admission.ts'

/** `would_deny`: refused by a policy that only observes. */
export type Decision = 'accept' | 'deny' | 'would_deny'

export interface Decided {
  /** Id in the configuration; undefined: none was for the server. */
  readonly policy: string | undefined
  /** Of the documents that were judged; none with TLS alone. */
  readonly evidence: readonly EvidenceType[]
  readonly decision: Decision
  /** Of a refusal. */
  readonly reason?: Reason
}

/** `total` is a decision from its challenge to its end; the others are parts of it. */
const TIMED = ['tls', 'fetch', 'verify', 'appraise', 'total'] as const
export type Timed = (typeof TIMED)[number]

const ATTESTATIONS = ['valid', 'identity_only', 'expired', 'none', 'quarantined'] as const
export type Attestation = (typeof ATTESTATIONS)[number]

/** One registered server. */
export interface MeasuredServer {
  readonly attestation: Attestation
  /** Of the result in force, milliseconds since the epoch. */
  readonly acceptedAt?: number
}

/** What others keep and let it read. Times are milliseconds since the epoch. */
export interface Kept {
  servers(): Iterable<MeasuredServer>
  /** When the collateral of a source was received; sources are of the configuration or a kind of collateral. */
  collateral(): Iterable<readonly [source: string, receivedAt: number]>
  anchors(): Iterable<readonly [id: string, notAfter: number]>
}

export interface MeasuresDeps extends Kept {
  readonly telemetry: Pick<Telemetry, 'counter' | 'histogram' | 'observe'>
  readonly clock: Pick<Clock, 'wall'>
}

/** For the API and the command line: since the start of this process. */
export interface Summary {
  readonly servers: Readonly<Record<Attestation, number>>
  /** Servers with a valid attestation of all that are registered, 0 to 1; undefined where none is. */
  readonly validShare: number | undefined
  readonly decisions: Readonly<Record<Decision, number>>
  /** How many decisions had each reason. */
  readonly reasons: Readonly<Partial<Record<Reason, number>>>
  /** Of each part that was timed. */
  readonly meanSeconds: Readonly<Partial<Record<Timed, number>>>
}

export interface Measures {
  decided(decided: Decided): void
  took(stage: Timed, ms: number): void
  /** Of a kind of collateral, or of the bundle of a trust domain. */
  fetchFailed(source: string): void
  drifted(server: string): void
  summary(): Summary
}

export function createMeasures(deps: MeasuresDeps): Measures {
  const { telemetry } = deps
  const tally = new Tally()
  // resolved at once, so that they are there to be looked at before anything happened
  const timers = Object.fromEntries(
    TIMED.map((stage) => [
      stage,
      telemetry.histogram('portcullis_attestation_duration_seconds', [stage]),
    ]),
  ) as Record<Timed, ReturnType<Telemetry['histogram']>>
  const replays = telemetry.counter('portcullis_attestation_replays_total', [])
  observeKept(deps)
  return {
    decided(decided) {
      telemetry.counter('portcullis_attestation_decisions_total', labelsOf(decided)).value++
      if (decided.reason === 'evidence.replay') replays.value++
      tally.decided(decided)
    },
    took(stage, ms) {
      timers[stage].record(ms / 1000)
      tally.took(stage, ms)
    },
    fetchFailed(source) {
      telemetry.counter('portcullis_collateral_fetch_failures_total', [source]).value++
    },
    drifted(server) {
      telemetry.counter('portcullis_measurement_drift_total', [server]).value++
    },
    summary: () => tally.summary(countServers(deps.servers())),
  }
}

/** Undefined: it counts no more. */
export function attestationOf(
  { state, reason }: Pick<Look, 'state' | 'reason'>,
  identityOnly: boolean,
): Attestation | undefined {
  switch (state) {
    case 'removed':
      return undefined
    case 'none':
      return 'none'
    case 'quarantined':
      // nothing was shown against it: it is its result that has ended
      return reason === 'evidence.result_expired' || (reason && isTransient(reason))
        ? 'expired'
        : 'quarantined'
    case 'valid':
    case 'due':
    case 'grace':
      return identityOnly ? 'identity_only' : 'valid'
  }
}

function labelsOf({ policy, evidence, decision, reason }: Decided) {
  const [first, ...more] = new Set(evidence)
  const type = first === undefined ? 'none' : more.length > 0 ? 'several' : first
  return [
    policy ?? 'none',
    type === 'none' || type === 'several' || EVIDENCE_TYPES.includes(type) ? type : 'other',
    decision,
    reason === undefined ? 'none' : Object.hasOwn(REASONS, reason) ? reason : 'other',
  ] as const
}

function observeKept({ telemetry, clock, servers, collateral, anchors }: MeasuresDeps): void {
  const secondsSince = (at: number) => (clock.wall() - at) / 1000
  telemetry.observe('portcullis_registered_servers', () =>
    Object.entries(countServers(servers())).map(([attestation, n]) => [[attestation], n] as const),
  )
  telemetry.observe('portcullis_attestation_result_age_seconds', () => {
    const accepted = [...servers()].flatMap(({ acceptedAt }) => acceptedAt ?? [])
    return accepted.length === 0 ? [] : [[[], secondsSince(Math.min(...accepted))]]
  })
  telemetry.observe('portcullis_collateral_age_seconds', () =>
    [...collateral()].map(([source, receivedAt]) => [[source], secondsSince(receivedAt)] as const),
  )
  telemetry.observe('portcullis_trust_anchor_expiry_seconds', () =>
    [...anchors()].map(([id, notAfter]) => [[id], -secondsSince(notAfter)] as const),
  )
}

function countServers(servers: Iterable<MeasuredServer>): Record<Attestation, number> {
  const counts = { valid: 0, identity_only: 0, expired: 0, none: 0, quarantined: 0 }
  for (const { attestation } of servers) counts[attestation]++
  return counts
}

/** What the summary needs and a scrape does not. */
class Tally {
  readonly #decisions: Record<Decision, number> = { accept: 0, deny: 0, would_deny: 0 }
  readonly #reasons: Partial<Record<Reason, number>> = {}
  readonly #times = new Map<Timed, { sum: number; count: number }>()

  decided({ decision, reason }: Decided): void {
    this.#decisions[decision]++
    if (reason !== undefined) this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
  }

  took(stage: Timed, ms: number): void {
    const { sum, count } = this.#times.get(stage) ?? { sum: 0, count: 0 }
    this.#times.set(stage, { sum: sum + ms / 1000, count: count + 1 })
  }

  summary(servers: Record<Attestation, number>): Summary {
    const all = Object.values(servers).reduce((sum, n) => sum + n, 0)
    return {
      servers,
      validShare: all === 0 ? undefined : servers.valid / all,
      decisions: { ...this.#decisions },
      reasons: { ...this.#reasons },
      meanSeconds: Object.fromEntries(
        [...this.#times].map(([stage, { sum, count }]) => [stage, sum / count]),
      ),
    }
  }
}
