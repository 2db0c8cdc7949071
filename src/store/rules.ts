// What every store holds to, whatever keeps its rows: bounds, what text can be kept, and the answer to a conflict; it keeps nothing.
import { AppError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import type { TicketBounds } from './beside/tickets.ts'
import type { Commit, StoreQuery } from './store.ts'

export interface StoreBounds {
  /** Changes that are kept for who follows the store; older ones are gone (STORE_COMPACTED). */
  readonly changes: number
  /** Answers that are kept for repeated requests. */
  readonly remembered: number
  /** Milliseconds an answer is kept. */
  readonly rememberedFor: number
  /** Every how many commits what is beyond the bounds is removed: one commit in so many pays for the others. */
  readonly every: number
  readonly tickets?: TicketBounds
}

export const BOUNDS: StoreBounds = {
  changes: 10_000,
  remembered: 10_000,
  rememberedFor: 24 * 60 * 60 * 1000,
  every: 100,
}

/**
 * One commit holds the lock that orders all of them: a thousand creations took 0.2 s in SQLite and 0.7 s in PostgreSQL, a thousand
 * other writes two to three times that, on two busy cores. Who has more makes several commits.
 */
const MOST_WRITES = 2000

/** PostgreSQL keeps no NUL in a text, and a lone surrogate has no UTF-8: nobody keeps either, so that all keep the same. */
export function isKeepable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** Rejects what could not be kept, before anything is written. */
export function assertCommit({ writes, by, requestId, remember }: Commit): void {
  if (writes.length > MOST_WRITES)
    throw new AppError(
      'REGISTRY_LIMIT',
      `${writes.length} writes in one commit are more than ${MOST_WRITES}; make several of them`,
    )
  const texts = writes.flatMap(({ kind, id }) => [kind, id])
  for (const write of writes)
    if (write.op === 'put' && write.tenant !== undefined) texts.push(write.tenant)
  if (remember !== undefined) texts.push(remember.key, remember.digest)
  if (![...texts, by, requestId].every(isKeepable))
    throw new AppError(
      'REGISTRY_INVALID',
      'a kind, id, tenant or name of a commit holds NUL or half a character; leave it out',
    )
}

/** Undefined: nothing can match. A query that comes from a cursor nobody made is an error. */
export function readableQuery(query: StoreQuery): StoreQuery | undefined {
  if (query.after !== undefined && !isKeepable(query.after))
    throw new AppError('WIRE_BAD_CURSOR', 'no id is like the one to go on after')
  const texts = [query.kind, query.tenant ?? '', query.prefix ?? '']
  return texts.every(isKeepable) && query.limit >= 1 ? query : undefined
}

export interface Conflict {
  readonly kind: string
  readonly id: string
  /** The one that is there; 0: none is. */
  readonly version: number
}

export function conflict({ kind, id, version }: Conflict): AppError {
  const found = version === 0 ? 'is not there' : `is of version ${version}`
  return new AppError('STORE_CONFLICT', `${kind} ${id} ${found}, the change was for another`, {
    data: { kind, id, version },
  })
}

/** Somebody was faster with the same key: the answer is there to be read now. */
export function alreadyRemembered(): AppError {
  return new AppError(
    'STORE_CONFLICT',
    'a request with this idempotency key was answered already',
    {
      data: { remembered: true },
    },
  )
}

/** `after` is before what is kept, or beyond what there is: the database is another one, such as one restored from a copy. */
export function assertKept(after: number, { compacted, revision }: Kept): void {
  if (after < compacted || after > revision)
    throw new AppError('STORE_COMPACTED', `changes after revision ${after} are not kept`, {
      data: { revision },
    })
}

interface Kept {
  /** The newest revision whose changes are gone. */
  readonly compacted: number
  readonly revision: number
}

/** The text of a body and back: what is not JSON, such as a member that is undefined, is in no store. */
export function bodyText(body: JsonObject): string {
  return JSON.stringify(body)
}

// strings compare by UTF-16 units, databases by UTF-8 bytes
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

const LAST = 0x10ffff

/** The least text that comes after all that begin so, in the order of UTF-8 bytes, which is that of code points. */
export function afterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number)
  while (points.at(-1) === LAST) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  // surrogates are no characters
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
}
