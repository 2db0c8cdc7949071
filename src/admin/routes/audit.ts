// The routes of the audit: searched page by page, exported as a bounded stream of JSON lines.
import { AppError } from '../../base/errors.ts'
import type { ApiRooms, AuditQuery, AuditSearch } from '../handle.ts'
import { MOST_ITEMS, openCursor, PAGE_PARAMETERS, pageAnswer, scopeOf } from '../page.ts'
import type { Call, Parameter, Route } from '../route.ts'
import { pageShape, ref } from './shapes.ts'

const time = (description: string): Parameter => ({
  type: 'string',
  maxLength: 40,
  format: 'date-time',
  description,
})

const MEMBERS = ['kind', 'principal', 'requestId'] as const

const FILTERS: Readonly<Record<string, Parameter>> = {
  since: time('only records of this time or later'),
  until: time('only records before this time'),
  kind: { type: 'string', maxLength: 64, description: 'only records of this kind' },
  principal: { type: 'string', maxLength: 512, description: 'only records about this principal' },
  requestId: { type: 'string', maxLength: 128, description: 'only records of this request' },
}

/** Most records of one export; the next one begins with its cursor. */
export const MOST_EXPORTED = 100_000

const common = {
  method: 'GET',
  right: 'api:audit.read',
  kind: undefined,
  reach: 'tenant',
  headers: [],
  problems: [404],
} as const

export const AUDIT_ROUTES: readonly Route[] = [
  {
    ...common,
    path: '/audit',
    operation: 'searchAudit',
    about: 'Search the audit; a principal of a tenant finds the records of its own.',
    query: { ...PAGE_PARAMETERS, ...FILTERS },
    answers: {
      200: {
        description: 'a page of records in their order',
        type: 'application/json',
        schema: pageShape(ref('AuditRecord')),
        headers: ['Link'],
      },
    },
    async handle(call, rooms) {
      const scope = scopeOf('/audit', call)
      const limit = Math.min(Number(call.query.limit ?? 50), MOST_ITEMS)
      const page = await searchOf(rooms).search(queryOf(call, scope, limit))
      return pageAnswer(call, '/audit', scope, page)
    },
  },
  {
    ...common,
    path: '/audit/export',
    operation: 'exportAudit',
    about:
      'Export the audit as JSON lines. Where there is more than `limit` the last line is `{"next": cursor}`.',
    query: {
      ...FILTERS,
      cursor: PAGE_PARAMETERS.cursor as Parameter,
      limit: {
        type: 'integer',
        minimum: 1,
        maximum: MOST_EXPORTED,
        default: 10_000,
        description: 'most records of the export',
      },
    },
    answers: {
      200: {
        description: 'one record per line',
        type: 'application/jsonl',
        schema: { type: 'string' },
      },
    },
    handle(call, rooms) {
      const search = searchOf(rooms)
      const scope = scopeOf('/audit', call)
      return { status: 200, lines: linesOf(call, search, queryOf(call, scope, 0), scope) }
    },
  },
]

function searchOf({ audit }: ApiRooms): AuditSearch {
  if (audit) return audit
  throw new AppError('API_NOT_FOUND', 'no audit sink of type store is configured')
}

function queryOf(call: Call, scope: string, limit: number): AuditQuery {
  const { query, principal, cursors } = call
  const given = MEMBERS.filter((name) => query[name] !== undefined)
  const at = (text: unknown) => (text === undefined ? undefined : Date.parse(String(text)))
  return {
    tenant: principal.tenant,
    after: openCursor(cursors, scope, query.cursor),
    limit,
    since: at(query.since),
    until: at(query.until),
    where: Object.fromEntries(given.map((name) => [name, String(query[name])])),
  }
}

/** Page after page, so that no more than one is held. */
async function* linesOf(
  { query, cursors }: Call,
  search: AuditSearch,
  first: AuditQuery,
  scope: string,
): AsyncGenerator<string> {
  let left = Number(query.limit ?? 10_000)
  let after = first.after
  while (left > 0) {
    const page = await search.search({ ...first, after, limit: Math.min(left, MOST_ITEMS) })
    if (page.items.length > 0) yield page.items.map((item) => `${JSON.stringify(item)}\n`).join('')
    left -= page.items.length
    if (page.next === undefined) return
    after = page.next
  }
  yield `${JSON.stringify({ next: cursors.sign(scope, after) })}\n`
}
