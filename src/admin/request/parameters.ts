// The query and the id of a path, from text to checked values: whatever is unknown, repeated or malformed is refused.
import { createAccept, type Formats } from '../../base/accept.ts'
import { AppError } from '../../base/errors.ts'
import type { Parameter } from '../route.ts'
import type { FieldError } from './schema.ts'

export type Values = Readonly<Record<string, string | number | boolean | undefined>>

/** The id of an entity as it may stand in a path: URIs are ids too. */
export const ID_SCHEMA = {
  type: 'string',
  minLength: 1,
  maxLength: 512,
  pattern: '^[^\\u0000-\\u001f\\u007f\\ud800-\\udfff]+$',
} as const

const isId = createAccept(ID_SCHEMA)
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/
const FORMATS: Formats = {
  'date-time': (text) => TIME.test(text) && !Number.isNaN(Date.parse(text)),
}

/** Throws API_PARAMETER. */
export function readId(segment: string): string {
  const id = decode(segment)
  if (id === undefined || !isId?.(id))
    throw invalid([{ parameter: 'id', detail: 'is not the id of an entity, percent-encoded' }])
  return id
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

export type QueryReader = (query: URLSearchParams) => Values

/** The reader throws API_PARAMETER with every problem. */
export function createQueryReader(known: Readonly<Record<string, Parameter>>): QueryReader {
  const checks = new Map(
    Object.entries(known).map(([name, schema]) => [
      name,
      { schema, accept: createAccept(schema, FORMATS) },
    ]),
  )
  return (query) => {
    const values: Record<string, string | number | boolean> = {}
    const problems: FieldError[] = []
    const refuse = (parameter: string, detail: string) => problems.push({ parameter, detail })
    for (const name of new Set(query.keys())) {
      const check = checks.get(name)
      const [text = '', ...more] = query.getAll(name)
      if (check === undefined) refuse(name.slice(0, 64), 'there is no such parameter here')
      else if (more.length > 0) refuse(name, 'is given more than once')
      else {
        const value = scalarOf(text, check.schema.type)
        if (value === undefined || check.accept?.(value) === false)
          refuse(name, `must be ${describe(check.schema)}`)
        else values[name] = value
      }
    }
    if (problems.length > 0) throw invalid(problems)
    return values
  }
}

function scalarOf(text: string, type: Parameter['type']): string | number | boolean | undefined {
  if (type === 'string') return text
  if (type === 'integer') return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
  return text === 'true' ? true : text === 'false' ? false : undefined
}

function describe({ type, minimum, maximum, pattern, format }: Parameter): string {
  if (type === 'boolean') return 'true or false'
  if (type === 'integer') return `an integer from ${minimum} to ${maximum}`
  if (format === 'date-time') return 'a time such as 2026-11-28T06:00:00Z'
  return pattern === undefined ? 'a text of the lengths allowed' : `a text that fits ${pattern}`
}

/** API_PARAMETER with `data.problems`. */
export function invalid(problems: readonly FieldError[]): AppError {
  const [first] = problems
  return new AppError('API_PARAMETER', `${first?.parameter}: ${first?.detail}`, {
    data: { problems },
  })
}
