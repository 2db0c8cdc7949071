// Values that fit a JSON Schema of the document, more or less: what the fuzz test sends where a valid request is wanted.
import fc from 'fast-check'

type Schema = Readonly<Record<string, unknown>>

/** `#/components/schemas/X` to the schema. */
export function resolve(document: unknown, schema: Schema): Schema {
  const { $ref } = schema
  if (typeof $ref !== 'string') return schema
  const found = $ref
    .slice(2)
    .split('/')
    .reduce<unknown>((at, step) => (at as Schema | undefined)?.[step], document)
  if (found === undefined) throw new Error(`${$ref} leads nowhere`)
  return resolve(document, found as Schema)
}

const texts = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('a', 'name', '127.0.0.1', 'http://127.0.0.1:1/mcp', '5s', '1MiB', '2026-11-28T00:00:00Z', '*', '__proto__', '\u0000', '\ud800', 'x'.repeat(600)),
) // biome-ignore format: a list of words

const times = fc.constantFrom('2026-11-01T00:00:00Z', '2026-11-01T01:30:00+01:30')

export const anyJson = fc.oneof(fc.jsonValue({ maxDepth: 3 }), texts)

/** Only the keywords that matter; patterns are left to luck. */
export function fitting(document: unknown, given: unknown, depth = 0): fc.Arbitrary<unknown> {
  if (typeof given !== 'object' || given === null || depth > 6) return anyJson
  const schema = resolve(document, given as Schema)
  if ('const' in schema) return fc.constant(schema.const)
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum)
  const choices = schema.oneOf ?? schema.anyOf
  if (Array.isArray(choices))
    return fc.oneof(...choices.map((choice) => fitting(document, choice, depth + 1)))
  const [type] = [schema.type].flat()
  switch (type) {
    case 'object':
      return objectOf(document, schema, depth)
    case 'array':
      return fc.array(fitting(document, schema.items, depth + 1), { maxLength: 3 })
    case 'integer':
    case 'number':
      return fc.integer({ min: Number(schema.minimum ?? 0), max: Number(schema.maximum ?? 1000) })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return schema.format === 'date-time' ? fc.oneof(times, texts) : texts
    default:
      return anyJson
  }
}

function objectOf(document: unknown, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema as {
    properties?: Schema
    required?: readonly string[]
  }
  const members = Object.entries(properties).map(
    ([name, inner]) => [name, fitting(document, inner, depth + 1)] as const,
  )
  return fc.record(Object.fromEntries(members), {
    requiredKeys: required.filter((name) => Object.hasOwn(properties, name)),
  })
}
