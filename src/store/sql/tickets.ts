// Tickets as rows: issued under limits, redeemed by one conditional write, and what is beyond the bounds removed a part at a time.
import type { Kysely, Transaction } from 'kysely'
import type { JsonObject } from '../../base/json.ts'
import {
  type Issued,
  type Redeemed,
  type Ticket,
  type TicketBounds,
  type TicketLimits,
  ticketText,
} from '../beside/tickets.ts'
import { isKeepable } from '../rules.ts'
import type { StoreTables } from './tables.ts'

type Db = Kysely<StoreTables>

export async function issueTicket(
  db: Db,
  ticket: Ticket,
  limits: TicketLimits,
  now: number,
): Promise<Issued> {
  const body = ticketText(ticket)
  return db.transaction().execute(async (tx) => {
    if (await isThere(tx, ticket, now)) return 'exists'
    if (await isFull(tx, ticket, limits, now)) return 'full'
    const { kind, key, scope, expiresAt } = ticket
    const row = { kind, key, scope, body, used: 0, expires_at: expiresAt }
    const written = await tx
      .insertInto('store_tickets')
      .values(row)
      .onConflict((there) =>
        there
          .columns(['kind', 'key'])
          .doUpdateSet({ scope, body, used: 0, expires_at: expiresAt })
          .where('store_tickets.expires_at', '<=', now),
      )
      .returning('key')
      .executeTakeFirst()
    // somebody was faster
    return written === undefined ? 'exists' : 'issued'
  })
}

async function isThere(
  tx: Transaction<StoreTables>,
  { kind, key }: Ticket,
  now: number,
): Promise<boolean> {
  const row = await tx
    .selectFrom('store_tickets')
    .select('key')
    .where('kind', '=', kind)
    .where('key', '=', key)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row !== undefined
}

async function isFull(
  tx: Transaction<StoreTables>,
  { kind, scope }: Ticket,
  { perScope, inAll }: TicketLimits,
  now: number,
): Promise<boolean> {
  const open = await tx
    .selectFrom('store_tickets')
    .select(({ fn }) => [
      fn.countAll().as('all'),
      fn.countAll().filterWhere('scope', '=', scope).as('ours'),
    ])
    .where('kind', '=', kind)
    .where('used', '=', 0)
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow()
  return Number(open.all) >= inAll || Number(open.ours) >= perScope
}

export async function redeemTicket(
  db: Db,
  kind: string,
  key: string,
  now: number,
): Promise<Redeemed> {
  if (!isKeepable(kind) || !isKeepable(key)) return { outcome: 'unknown' }
  const taken = await db
    .updateTable('store_tickets')
    .set({ used: 1 })
    .where('kind', '=', kind)
    .where('key', '=', key)
    .where('used', '=', 0)
    .where('expires_at', '>', now)
    .returning(['scope', 'body'])
    .executeTakeFirst()
  if (taken !== undefined)
    return {
      outcome: 'redeemed',
      scope: taken.scope,
      body: JSON.parse(taken.body) as JsonObject,
    }
  const there = await db
    .selectFrom('store_tickets')
    .select('used')
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst()
  if (there === undefined) return { outcome: 'unknown' }
  return { outcome: Number(there.used) === 1 ? 'used' : 'expired' }
}

/** Of one kind, so many at once: what has ended long ago, and the oldest of the redeemed. */
export async function sweepTickets(
  db: Db,
  kind: string,
  bounds: TicketBounds,
  now: number,
): Promise<void> {
  const keys = db
    .selectFrom('store_tickets')
    .select('key')
    .where('kind', '=', kind)
    .limit(bounds.atOnce)
  const ended = keys
    .where('expires_at', '<=', now - bounds.keptFor)
    .orderBy('expires_at')
    .orderBy('key')
  const spent = keys
    .where('used', '=', 1)
    .orderBy('expires_at', 'desc')
    .orderBy('key')
    .offset(bounds.used)
  for (const gone of [ended, spent])
    await db.deleteFrom('store_tickets').where('kind', '=', kind).where('key', 'in', gone).execute()
}
