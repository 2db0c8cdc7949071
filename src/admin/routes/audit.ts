// The routes of the audit: searched page by page, exported as a bounded stream of JSON lines.

import type { AuditQuery } from '../../audit/reader.ts'
import { AppError } from '../../base/errors.ts'
import type { ApiRooms, AuditRecords } from '../handle.ts'
import { MOST_ITEMS, openCursor, PAGE_PARAMETERS, pageAnswer, scopeOf } from '../page.ts'
import type { Call, Parameter, Route } from '../route.ts'
import { pageShape, ref } from './shapes.ts'

const time = (description: string): Parameter => ({
  type: 'string',
  maxLength: 40,
  format: 'date-time',
  description,
})

const MEMBERS = [
  'kind',
  'principal',
  'server',
  'target',
  'point',
  'entry',
  'code',
  'outcome',
  'requestId',
] as const

const FILTERS: Readonly<Record<string, Parameter>> = {
  since: time('only records of this time or later'),
  until: time('only records before this time'),
  ...Object.fromEntries(
    MEMBERS.map((name): [string, Parameter] => [
      name,
      { type: 'string', maxLength: 512, description: `only records with this ${name}` },
    ]),
  ),
}

/** Most records of one export. */
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
    about:
      'Search the audit, the youngest records first; of a principal of a tenant those of its own.',
    query: { ...PAGE_PARAMETERS, ...FILTERS },
    answers: {
      200: {
        description: 'a page of records',
        type: 'application/json',
        schema: pageShape(ref('AuditRecord')),
        headers: ['Link'],
      },
    },
    async handle(call, rooms) {
      const scope = scopeOf('/audit', call)
      const limit = Math.min(Number(call.query.limit ?? 50), MOST_ITEMS)
      const cursor = openCursor(call.cursors, scope, call.query.cursor)
      const { records, next } = await auditOf(rooms).search({ ...queryOf(call), limit, cursor })
      return pageAnswer(call, '/audit', scope, { items: records, next })
    },
  },
  {
    ...common,
    path: '/audit/export',
    operation: 'exportAudit',
    about:
      'Export the audit as JSON lines, the oldest first. Where there is more than `limit` the last line is `{"truncated":true}`.',
    query: {
      ...FILTERS,
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
    handle: (call, rooms) => ({
      status: 200,
      lines: linesOf(auditOf(rooms).export(queryOf(call)), Number(call.query.limit ?? 10_000)),
    }),
  },
]

function auditOf({ audit }: ApiRooms): AuditRecords {
  if (audit) return audit
  throw new AppError('API_NOT_FOUND', 'no audit sink of type store is configured')
}

// records of all tenants stand in one audit: of another one's nothing is shown
function queryOf({ query, principal }: Call): AuditQuery {
  const at = (text: unknown) => (text === undefined ? undefined : Date.parse(String(text)))
  const given = MEMBERS.filter((name) => query[name] !== undefined)
  return {
    ...(principal.tenant === undefined ? {} : { tenant: principal.tenant }),
    from: at(query.since),
    to: at(query.until),
    ...Object.fromEntries(given.map((name) => [name, String(query[name])])),
  }
}

async function* linesOf(records: AsyncIterable<object>, limit: number): AsyncGenerator<string> {
  let left = limit
  for await (const record of records) {
    if (left-- === 0) {
      yield '{"truncated":true}\n'
      return
    }
    yield `${JSON.stringify(record)}\n`
  }
}
