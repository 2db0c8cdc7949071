// Tickets as the rooms above see them: short-lived facts beside the entities, each taken once; and the bounds that every store holds to.
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { bodyText, isKeepable } from '../rules.ts'

/** Such as a challenge that waits for its answer, or the digest of evidence that may not come a second time. */
export interface Ticket {
  /** What it is for; keys are unique within. */
  readonly kind: string
  readonly key: string
  /** Whose it is: open ones are counted by it. */
  readonly scope: string
  readonly body: JsonObject
  /** Milliseconds since the epoch: from then on it cannot be redeemed, and its key may be issued again. */
  readonly expiresAt: number
}

/** How many of a kind may be open, which is neither redeemed nor expired. */
export interface TicketLimits {
  readonly perScope: number
  readonly inAll: number
}

/** `exists`: one of this key has not expired, redeemed or not. `full`: a limit is reached; nothing was written. */
export type Issued = 'issued' | 'exists' | 'full'

/** `used` is told for as long as it is known; what was removed, or never was, is `unknown`. Only `redeemed` is a yes. */
export type Redeemed =
  | { readonly outcome: 'redeemed'; readonly scope: string; readonly body: JsonObject }
  | { readonly outcome: 'used' | 'expired' | 'unknown' }

/**
 * Part of the store; it changes no entity and no revision. With a store in a file or in PostgreSQL tickets outlive the process and
 * are the same for all that share it; one in memory forgets them with the process, so that what was open then is `unknown`.
 */
export interface Tickets {
  /**
   * Durable when it resolves, and `issued` to one of many at once. Limits are exact in memory and in SQLite; in PostgreSQL several
   * at once may each find the last place free. Rejects with STORE_UNAVAILABLE.
   */
  issueTicket(ticket: Ticket, limits: TicketLimits): Promise<Issued>
  /**
   * One conditional write: of many at once, over any number of processes, one has it. Rejects with STORE_UNAVAILABLE; nobody knows
   * then whether it was redeemed, and who asks again may be told `used`.
   */
  redeemTicket(kind: string, key: string): Promise<Redeemed>
}

export interface TicketBounds {
  /** Redeemed ones of a kind that are kept; the oldest go first. */
  readonly used: number
  /** Milliseconds one is kept after its end, so that who comes late is told so. */
  readonly keptFor: number
  /** Every how many issues what is beyond the bounds is removed. */
  readonly every: number
  /** How many one removal takes at most. */
  readonly atOnce: number
}

export const TICKET_BOUNDS: TicketBounds = {
  used: 10_000,
  keptFor: 60 * 60 * 1000,
  every: 20,
  atOnce: 1000,
}

/** Bytes of a body; a ticket is a small fact. */
const MOST_BYTES = 16 * 1024

/** The text of its body. Rejects what could not be kept, before anything is written. */
export function ticketText({ kind, key, scope, body, expiresAt }: Ticket): string {
  const text = bodyText(body)
  if (Buffer.byteLength(text) > MOST_BYTES)
    throw new AppError('REGISTRY_LIMIT', `a ticket holds more than ${MOST_BYTES} bytes`)
  if (![kind, key, scope].every(isKeepable) || !Number.isSafeInteger(expiresAt))
    throw new AppError('REGISTRY_INVALID', 'a ticket has a kind, key, scope or end that is none')
  return text
}
