// A query for audit records as a condition in SQL and its values, for either database; it runs nothing.
import type { AuditQuery } from '../../audit/reader.ts'

export interface Question extends AuditQuery {
  /** Rows before this one, the youngest first; or after it, the oldest first. */
  readonly before?: number | undefined
  readonly after?: number | undefined
  readonly limit: number
}

const EQUAL: readonly (readonly [name: keyof AuditQuery, column: string])[] = [
  ['kind', 'kind'],
  ['principal', 'principal'],
  ['server', 'server'],
  ['target', 'target'],
  ['point', 'point'],
  ['entry', 'entry'],
  ['code', 'code'],
  ['outcome', 'outcome'],
  ['requestId', 'request_id'],
]

export interface Condition {
  /** `WHERE … ORDER BY … LIMIT …` about a table named `r`. */
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/** What the two databases write differently. */
export interface Dialect {
  /** The placeholder of the value at this position, from 1. */
  mark(position: number): string
  /** The tenant of the principal, which has no column of its own. */
  readonly tenant: string
}

export function conditionOf(question: Question, { mark, tenant }: Dialect): Condition {
  const { from, to, before, after, limit } = question
  const values: (string | number)[] = []
  const conditions: string[] = []
  const add = (condition: string, value: string | number | undefined): void => {
    if (value === undefined) return
    values.push(value)
    conditions.push(`${condition} ${mark(values.length)}`)
  }
  add('r.time >=', from)
  add('r.time <', to)
  for (const [name, column] of EQUAL) add(`r.${column} =`, question[name])
  add(`${tenant} =`, question.tenant)
  add('r.id <', before)
  add('r.id >', after)
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')} `
  values.push(limit)
  const order = after === undefined ? 'DESC' : 'ASC'
  return { sql: `${where}ORDER BY r.id ${order} LIMIT ${mark(values.length)}`, values }
}
