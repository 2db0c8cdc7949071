// Tickets in memory: what the others are measured against, and enough where nothing has to outlive the process.
import type { Clock } from '../../base/clock.ts'
import { deepFreeze, type JsonObject } from '../../base/json.ts'
import { byBytes } from '../rules.ts'
import {
  type Issued,
  type Redeemed,
  type Ticket,
  type TicketBounds,
  type TicketLimits,
  type Tickets,
  ticketText,
} from './tickets.ts'

interface Kept {
  readonly scope: string
  readonly body: JsonObject
  readonly expiresAt: number
  used: boolean
}

export class MemoryTickets implements Tickets {
  readonly #clock: Clock
  readonly #bounds: TicketBounds
  readonly #kinds = new Map<string, Map<string, Kept>>()
  #issues = 0

  constructor(clock: Clock, bounds: TicketBounds) {
    this.#clock = clock
    this.#bounds = bounds
  }

  async issueTicket(ticket: Ticket, limits: TicketLimits): Promise<Issued> {
    const body = deepFreeze(JSON.parse(ticketText(ticket)) as JsonObject)
    const { kind, key, scope, expiresAt } = ticket
    const now = this.#clock.wall()
    const tickets = this.#kinds.get(kind) ?? new Map<string, Kept>()
    this.#kinds.set(kind, tickets)
    if (++this.#issues % this.#bounds.every === 0) this.#sweep(tickets, now)
    const there = tickets.get(key)
    if (there !== undefined && there.expiresAt > now) return 'exists'
    if (isFull(tickets.values(), { scope, now, limits })) return 'full'
    // newest last, whatever was there
    tickets.delete(key)
    tickets.set(key, { scope, body, expiresAt, used: false })
    return 'issued'
  }

  async redeemTicket(kind: string, key: string): Promise<Redeemed> {
    const there = this.#kinds.get(kind)?.get(key)
    if (there === undefined) return { outcome: 'unknown' }
    if (there.used) return { outcome: 'used' }
    if (there.expiresAt <= this.#clock.wall()) return { outcome: 'expired' }
    there.used = true
    return { outcome: 'redeemed', scope: there.scope, body: there.body }
  }

  #sweep(tickets: Map<string, Kept>, now: number): void {
    const { used, keptFor, atOnce } = this.#bounds
    const ended = [...tickets].filter(([, { expiresAt }]) => expiresAt <= now - keptFor)
    ended.sort(([a, left], [b, right]) => left.expiresAt - right.expiresAt || byBytes(a, b))
    for (const [key] of ended.slice(0, atOnce)) tickets.delete(key)
    const spent = [...tickets].filter(([, ticket]) => ticket.used)
    spent.sort(([a, left], [b, right]) => right.expiresAt - left.expiresAt || byBytes(a, b))
    for (const [key] of spent.slice(used, used + atOnce)) tickets.delete(key)
  }
}

interface Wanted {
  readonly scope: string
  readonly now: number
  readonly limits: TicketLimits
}

function isFull(tickets: Iterable<Kept>, { scope, now, limits }: Wanted): boolean {
  let inAll = 0
  let inScope = 0
  for (const ticket of tickets) {
    if (ticket.used || ticket.expiresAt <= now) continue
    inAll++
    if (ticket.scope === scope) inScope++
  }
  return inAll >= limits.inAll || inScope >= limits.perScope
}
