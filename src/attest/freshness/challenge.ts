// Challenges: issued to one server for one target, taken once whatever comes of it; it judges no answer.
import type { Clock } from '../../base/clock.ts'
import type { JsonObject } from '../../base/json.ts'
import type { TicketLimits, Tickets } from '../../store/beside/tickets.ts'
import { Denial } from '../denial.ts'
import { answered } from './unavailable.ts'

/** Milliseconds. */
export interface ChallengeTimes {
  /** How long a server has to answer. */
  readonly ttl: number
  /** How far clocks may differ: an answer is taken for so long after the end. */
  readonly skew: number
}

export interface ChallengeFor {
  readonly serverId: string
  /** Whose open challenges are counted together; the server id by default, which others may claim too. */
  readonly scope?: string
  readonly targetUrl: string
  /** Id of the appraisal policy. */
  readonly policy: string
}

export interface Challenge extends ChallengeFor {
  readonly id: string
  /** 32 bytes. Not for logs while the challenge is open. */
  readonly nonce: Uint8Array
  /** Milliseconds since the epoch; `expiresAt` without the skew, as the server is told. */
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface ChallengeDeps {
  /** Of the store, so that replicas share them; without one that persists, those of a store in memory. */
  readonly tickets: Tickets
  readonly clock: Pick<Clock, 'wall'>
  /** Bytes nobody can guess. */
  random(size: number): Uint8Array
  readonly limits?: TicketLimits
}

export interface Challenges {
  /** Throws Denial `internal.busy` when too many are open, `internal.store_unavailable`. */
  issue(of: ChallengeFor, times: ChallengeTimes): Promise<Challenge>
  /**
   * Takes it, before anything of the answer is looked at: an attempt that fails has used it, too. Throws Denial `evidence.replay` for
   * one that was taken, `evidence.stale` for one that has expired, `evidence.nonce_mismatch` for one that never was or is of another
   * server, `internal.store_unavailable`.
   */
  consume(id: string, serverId: string): Promise<Challenge>
}

const KIND = 'attestation-challenge'
const LIMITS: TicketLimits = { perScope: 8, inAll: 1024 }
const NONCE_BYTES = 32
const ID_BYTES = 16
/** base64url of the bytes of an id. */
const ID = /^[A-Za-z0-9_-]{22}$/

export function createChallenges(deps: ChallengeDeps): Challenges {
  const { tickets, clock, limits = LIMITS } = deps
  return {
    async issue(of, { ttl, skew }) {
      const issuedAt = clock.wall()
      const challenge: Challenge = {
        ...of,
        id: Buffer.from(deps.random(ID_BYTES)).toString('base64url'),
        nonce: deps.random(NONCE_BYTES),
        issuedAt,
        expiresAt: issuedAt + ttl,
      }
      const ticket = {
        kind: KIND,
        key: challenge.id,
        scope: of.scope ?? of.serverId,
        body: bodyOf(challenge),
        expiresAt: challenge.expiresAt + skew,
      }
      const issued = await answered(tickets.issueTicket(ticket, limits))
      if (issued === 'full') throw new Denial('internal.busy')
      // an id that is there already was not random
      if (issued === 'exists')
        throw new Denial('internal.error', 'a challenge has the id of another')
      return challenge
    },
    async consume(id, serverId) {
      if (!ID.test(id)) throw new Denial('evidence.nonce_mismatch', 'there is no such challenge')
      const redeemed = await answered(tickets.redeemTicket(KIND, id))
      switch (redeemed.outcome) {
        case 'used':
          throw new Denial('evidence.replay', 'the challenge was answered before')
        case 'expired':
          throw new Denial('evidence.stale', 'the challenge has expired')
        case 'unknown':
          throw new Denial('evidence.nonce_mismatch', 'there is no such challenge')
        case 'redeemed':
          return ofServer(challengeOf(id, redeemed.body), serverId)
      }
    },
  }
}

function ofServer(challenge: Challenge, serverId: string): Challenge {
  if (challenge.serverId === serverId) return challenge
  throw new Denial('evidence.nonce_mismatch', 'the challenge is of another server')
}

function bodyOf({ nonce, serverId, targetUrl, policy, issuedAt, expiresAt }: Challenge) {
  const text = Buffer.from(nonce).toString('base64url')
  return { nonce: text, serverId, targetUrl, policy, issuedAt, expiresAt }
}

function challengeOf(id: string, body: JsonObject): Challenge {
  const { nonce, serverId, targetUrl, policy, issuedAt, expiresAt } = body as ReturnType<
    typeof bodyOf
  >
  return {
    id,
    nonce: Buffer.from(nonce, 'base64url'),
    serverId,
    targetUrl,
    policy,
    issuedAt,
    expiresAt,
  }
}
