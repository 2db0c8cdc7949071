// Whether a value fits a schema is answered as Ajv answers it: for schemas of every known keyword, and for the real ones.
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NOT_BUILT, SECTIONS } from '../../src/app/sections.ts'
import { createAccept } from '../../src/base/accept.ts'
import { parseDuration, parseSize } from '../../src/base/quantity.ts'
import { rootSchema, type Schema } from '../../src/config/schema/schema.ts'
import { MANIFEST_SCHEMA } from '../../src/host/discovery/manifest.ts'

const FORMATS = {
  duration: (text: string) => parseDuration(text) !== undefined,
  size: (text: string) => parseSize(text) !== undefined,
}

function oracle(schema: object): (value: unknown) => boolean {
  const ajv = new Ajv2020({ strict: false, validateSchema: false })
  for (const [name, validate] of Object.entries(FORMATS))
    ajv.addFormat(name, { type: 'string', validate })
  return ajv.compile(schema)
}

// few names and few texts, so that schema and value speak of the same things
const name = fc.constantFrom('a', 'b', 'c')
const leaf = fc.oneof(
  fc.constantFrom('', 'a', 'ab', 'B', '5s', '4KiB', '😀', '😀😀'),
  fc.constantFrom(0, 1, 2, -1, 1.5),
  fc.constantFrom(true, false, null),
)
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value

const small = fc.nat({ max: 2 })
const TYPES = ['string', 'integer', 'number', 'boolean', 'array', 'object', 'null']
// three keywords at most: with all of them nothing would ever fit
const schema = fc.letrec<{ schema: unknown }>((tie) => {
  const inner = tie('schema')
  const keywords: Record<string, fc.Arbitrary<unknown>> = {
    type: fc.oneof(fc.constantFrom(...TYPES), fc.subarray(TYPES, { minLength: 1 })),
    enum: fc.uniqueArray(value, { minLength: 1, maxLength: 3, selector: JSON.stringify }),
    const: value,
    minimum: small,
    maximum: small,
    format: fc.constantFrom('duration', 'size'),
    pattern: fc.constantFrom('^a', '[bB]$', '^.$'),
    minLength: small,
    maxLength: small,
    minItems: small,
    maxItems: small,
    uniqueItems: fc.boolean(),
    items: inner,
    minProperties: small,
    maxProperties: small,
    required: fc.uniqueArray(name, { maxLength: 2 }),
    properties: fc.dictionary(name, inner, { maxKeys: 3 }),
    additionalProperties: inner,
    propertyNames: inner,
    dependentSchemas: fc.dictionary(name, inner, { maxKeys: 2 }),
    oneOf: fc.array(inner, { minLength: 1, maxLength: 3 }),
    anyOf: fc.array(inner, { minLength: 1, maxLength: 3 }),
    'x-note': fc.constant('said to people'),
  }
  const keyword = fc.oneof(
    ...Object.entries(keywords).map(([key, given]) => given.map((one) => [key, one] as const)),
  )
  const rules = fc.uniqueArray(keyword, { maxLength: 3, selector: ([key]) => key })
  return { schema: fc.oneof({ maxDepth: 2 }, fc.boolean(), rules.map(Object.fromEntries)) }
}).schema

describe('what fits a schema', () => {
  it('is what Ajv says', () => {
    let fitting = 0
    fc.assert(
      fc.property(schema, fc.array(value, { minLength: 8, maxLength: 8 }), (rules, values) => {
        fc.pre(typeof rules === 'object')
        const accept = createAccept(rules, FORMATS)
        const ajv = oracle(rules as object)
        for (const one of values) {
          expect(accept?.(one)).toBe(ajv(one))
          if (accept?.(one)) fitting++
        }
      }),
      { numRuns: 300 },
    )
    expect(fitting).toBeGreaterThan(100)
  })

  it('is asked only about keywords and formats that are known, at any depth', () => {
    expect(createAccept({ type: 'number', multipleOf: 2 })).toBeUndefined()
    expect(createAccept({ items: { properties: { a: { not: {} } } } })).toBeUndefined()
    expect(createAccept({ $schema: 'http://json-schema.org/draft-07/schema#' })).toBeUndefined()
    expect(createAccept({ format: 'date' }, FORMATS)).toBeUndefined()
    expect(createAccept({ anyOf: [{ constructor: 1 }] })).toBeUndefined()
  })

  it('is known for the configuration and for manifests, so that neither needs Ajv', () => {
    for (const known of [rootSchema(SECTIONS as never, NOT_BUILT), MANIFEST_SCHEMA])
      expect(createAccept(known, FORMATS)).toBeDefined()
  })
})

describe('what fits the configuration', () => {
  const rules = rootSchema(SECTIONS as never, NOT_BUILT)
  const accept = createAccept(rules, FORMATS)
  const ajv = oracle(rules)

  // from the schema itself, with a mistake here and there
  const fitting = (at: Schema, depth = 0): fc.Arbitrary<unknown> => {
    const wrong = { arbitrary: value, weight: 1 }
    const right = (arbitrary: fc.Arbitrary<unknown>) => fc.oneof({ arbitrary, weight: 60 }, wrong)
    if (at.const !== undefined) return right(fc.constant(at.const))
    if (at.enum !== undefined) return right(fc.constantFrom(...at.enum))
    if (at.format !== undefined)
      return right(fc.constantFrom(at.format === 'size' ? '4KiB' : '5s', 'soon'))
    switch ([at.type].flat()[0]) {
      case 'object':
        return right(fittingObject(at, depth))
      case 'array':
        return right(fc.array(fitting(at.items ?? {}, depth + 1), { minLength: 1, maxLength: 2 }))
      case 'boolean':
        return right(fc.boolean())
      case 'integer':
      case 'number':
        return right(fc.integer({ min: 0, max: 70_000 }))
      default:
        return right(fc.constantFrom('a-name', 'https://example.test/mcp', '/mcp', '*'))
    }
  }
  const fittingObject = (at: Schema, depth: number): fc.Arbitrary<unknown> => {
    const members = Object.entries(at.properties ?? {}).filter(([, { type }]) => type || depth > 0)
    const required = (at.required ?? []) as string[]
    return fc
      .subarray(members.map(([key]) => key).filter((key) => !required.includes(key)))
      .chain((names) =>
        fc.record(
          Object.fromEntries(
            [...required, ...names.slice(0, 4)].map((key) => [
              key,
              fitting(at.properties?.[key] ?? {}, depth + 1),
            ]),
          ),
        ),
      )
  }

  it('is what Ajv says', () => {
    let fits = 0
    let other = 0
    fc.assert(
      fc.property(fitting(rules), (config) => {
        const said = ajv(config)
        expect(accept?.(config)).toBe(said)
        if (said) fits++
        else other++
      }),
      { numRuns: 1000 },
    )
    expect(fits).toBeGreaterThan(20)
    expect(other).toBeGreaterThan(20)
  })
})
