// The configuration's schema as editors understand it: plain JSON Schema, in which a substitution may stand for any scalar.
import { DURATION_PATTERN, SIZE_PATTERN } from '../../base/quantity.ts'
import type { Schema } from './schema.ts'

type Plain = Record<string, unknown>

const QUANTITIES: Readonly<Record<string, string>> = {
  duration: DURATION_PATTERN,
  size: SIZE_PATTERN,
}
const SUBSTITUTION = { type: 'string', pattern: '\\$\\{(env|file):' } as const

/** Pure JSON, for `config/gateway.schema.json`. What is not built yet is described and allows no value. */
export function editorSchema(schema: Schema): Plain {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'portcullis configuration',
    ...plain(schema),
  }
}

function plain(schema: Schema): Plain {
  const text = schema['x-not-built']
  const built = schema['x-built']
  if (text !== undefined && built === undefined)
    return schema.default === undefined
      ? { description: `not built yet: ${text}`, not: {} }
      : { description: `${schema.description}; not built yet: ${text}`, const: schema.default }
  const own: Plain = {}
  for (const [keyword, value] of Object.entries(schema))
    if (value !== undefined && !keyword.startsWith('x-')) own[keyword] = inner(keyword, value)
  if (built !== undefined) own.enum = built
  const later = schema['x-not-built-values']
  if (later !== undefined)
    own.enum = schema.enum?.filter((value) => !Object.hasOwn(later, String(value)))
  const pattern = QUANTITIES[schema.format ?? '']
  if (pattern !== undefined) {
    delete own.format
    own.pattern = pattern
  }
  return isOpenText(own) ? own : withSubstitution(own)
}

function inner(keyword: string, value: unknown): unknown {
  if (keyword === 'items' || keyword === 'propertyNames') return plain(value as Schema)
  if (keyword === 'additionalProperties')
    return typeof value === 'object' ? plain(value as Schema) : value
  if (keyword !== 'properties') return value
  return Object.fromEntries(
    Object.entries(value as Record<string, Schema>).map(([name, property]) => [
      name,
      plain(property),
    ]),
  )
}

// any text is allowed anyway, and nothing is substituted for a list, a mapping or the name of a key
function isOpenText(schema: Plain): boolean {
  if (schema.type === 'object' || schema.type === 'array' || 'const' in schema) return true
  if (schema.type === undefined) return schema.enum === undefined
  return schema.type === 'string' && schema.pattern === undefined && schema.enum === undefined
}

function withSubstitution({ description, default: value, ...rest }: Plain): Plain {
  return {
    ...(description === undefined ? {} : { description }),
    ...(value === undefined ? {} : { default: value }),
    anyOf: [rest, SUBSTITUTION],
  }
}
