// Pages of a list: cursors bound to the query they came from, and the link to the next page.
import { AppError } from '../base/errors.ts'
import { canonicalText } from '../base/json.ts'
import type { CursorSigner } from './handle.ts'
import type { Answer, Call, Parameter } from './route.ts'

export const MOST_ITEMS = 200

export const PAGE_PARAMETERS: Readonly<Record<string, Parameter>> = {
  limit: {
    type: 'integer',
    minimum: 1,
    maximum: MOST_ITEMS,
    default: 50,
    description: 'most items of a page',
  },
  cursor: {
    type: 'string',
    minLength: 1,
    maxLength: 2048,
    description: 'where the page begins: `next` of the page before, with the same filters',
  },
}

/** Who lists what: a cursor of another list, another filter or another tenant is none. */
export function scopeOf(list: string, { principal, query }: Call): string {
  const { limit: _limit, cursor: _cursor, ...filters } = query
  return canonicalText([list, principal.tenant ?? null, filters])
}

/** The place after which the page begins. Throws API_CURSOR. */
export function openCursor(
  cursors: CursorSigner,
  scope: string,
  cursor: unknown,
): string | undefined {
  if (cursor === undefined) return undefined
  const found = cursors.read(scope, cursor)
  if (typeof found !== 'string')
    throw new AppError('API_CURSOR', 'the cursor is not one of ours, or belongs to another query')
  return found
}

export interface Page {
  readonly items: readonly object[]
  readonly next: string | undefined
}

export function pageAnswer(call: Call, path: string, scope: string, page: Page): Answer {
  const { items, next } = page
  if (next === undefined) return { status: 200, body: { items, next: null } }
  const cursor = call.cursors.sign(scope, next)
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...call.query, cursor }))
    if (value !== undefined) query.set(name, String(value))
  // RFC 8288
  const link = `<${call.base}${path}?${query}>; rel="next"`
  return { status: 200, body: { items, next: cursor }, headers: { link } }
}
