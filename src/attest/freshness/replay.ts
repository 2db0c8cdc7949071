// Evidence that was accepted, by the digest of what it says: no document is accepted twice while its result holds.
import type { TicketLimits, Tickets } from '../../store/beside/tickets.ts'
import { Denial } from '../denial.ts'
import type { Claims } from '../evidence/evidence.ts'
import { answered } from './unavailable.ts'

export interface AcceptedEvidence {
  readonly serverId: string
  /** All documents of one answer. */
  readonly claims: readonly Pick<Claims, 'type' | 'contentSha256'>[]
  /** Milliseconds since the epoch: the end of the result. */
  readonly until: number
}

export interface ReplayGuard {
  /**
   * To be called as the last step before the server is admitted. Over any number of replicas it resolves once per document. Throws Denial
   * `evidence.replay`, `internal.busy` when more is remembered than may be, `internal.store_unavailable`.
   */
  accept(evidence: AcceptedEvidence): Promise<void>
}

const KIND = 'attestation-evidence'
const LIMITS: TicketLimits = { perScope: 1000, inAll: 100_000 }

/** The digest is of the canonical signed content: another form of the same document, or of its signature, is the same document. */
export function createReplayGuard(tickets: Tickets, limits: TicketLimits = LIMITS): ReplayGuard {
  return {
    async accept({ serverId, claims, until }) {
      for (const { type, contentSha256 } of claims) {
        const key = `${type}:${contentSha256}`
        const ticket = { kind: KIND, key, scope: serverId, body: {}, expiresAt: until }
        const issued = await answered(tickets.issueTicket(ticket, limits))
        if (issued === 'exists')
          throw new Denial('evidence.replay', 'the evidence was accepted before')
        if (issued === 'full') throw new Denial('internal.busy', 'too much evidence is remembered')
      }
    },
  }
}
