// Whether a JSON value fits a JSON Schema, without compiling anything; what is wrong with one that does not, it cannot say.
import { canonicalText, isObject } from './json.ts'

export type Accept = (value: unknown) => boolean
/** Whether a text has a format, by its name. */
export type Formats = Readonly<Record<string, (text: string) => boolean>>

/** A schema that is asked as it stands: it has been read once, so every keyword in it is known. */
type Known = { readonly [keyword: string]: unknown }

/**
 * Undefined for a schema with a keyword or format that is not known here. For the others the answer is that of Ajv in its
 * loose mode (a property test compares them), at the cost of a walk instead of ten milliseconds or more of code generation
 * and eighty modules: the usual value fits, and only one that does not needs Ajv to be told why.
 */
export function createAccept(schema: unknown, formats: Formats = {}): Accept | undefined {
  const patterns = new Map<string, RegExp>()
  if (!isKnown(schema, formats)) return undefined
  const asked: Asked = {
    formats,
    pattern(source) {
      const known = patterns.get(source) ?? new RegExp(source, 'u')
      patterns.set(source, known)
      return known
    },
  }
  return (value) => accepts(schema as Known, value, asked)
}

interface Asked {
  readonly formats: Formats
  pattern(source: string): RegExp
}

// `$schema` is not among them: it may name another dialect
const ANNOTATIONS = new Set(['title', 'description', 'default', 'examples', '$comment'])

function isKnown(schema: unknown, formats: Formats): boolean {
  if (typeof schema === 'boolean') return true
  if (!isObject(schema)) return false
  return Object.entries(schema).every(([keyword, value]) => {
    if (value === undefined || ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) return true
    if (keyword === 'format') return Object.hasOwn(formats, String(value))
    if (!Object.hasOwn(KEYWORDS, keyword)) return false
    return innerOf(keyword, value).every((inner) => isKnown(inner, formats))
  })
}

function innerOf(keyword: string, value: unknown): readonly unknown[] {
  switch (keyword) {
    case 'properties':
    case 'dependentSchemas':
      return Object.values(value as object)
    case 'oneOf':
    case 'anyOf':
      return value as readonly unknown[]
    case 'items':
    case 'propertyNames':
    case 'additionalProperties':
      return [value]
    default:
      return []
  }
}

function accepts(schema: Known | boolean, value: unknown, asked: Asked): boolean {
  if (typeof schema === 'boolean') return schema
  for (const keyword in schema) {
    const given = schema[keyword]
    if (
      given !== undefined &&
      KEYWORDS[keyword]?.(given as never, value as never, schema, asked) === false
    )
      return false
  }
  return true
}

// a keyword says nothing about values of a type that it is not for
type Keyword = (given: never, value: never, schema: Known, asked: Asked) => boolean
type Schemas = Readonly<Record<string, Known | boolean>>

const text =
  (test: (given: never, value: string, asked: Asked) => boolean): Keyword =>
  (given, value: unknown, _schema, asked) =>
    typeof value !== 'string' || test(given, value, asked)
const number =
  (test: (given: number, value: number) => boolean): Keyword =>
  (given, value: unknown) =>
    typeof value !== 'number' || test(given, value)
const list =
  (test: (given: never, value: readonly unknown[], asked: Asked) => boolean): Keyword =>
  (given, value: unknown, _schema, asked) =>
    !Array.isArray(value) || test(given, value, asked)
const object =
  (
    test: (given: never, value: Record<string, unknown>, asked: Asked, schema: Known) => boolean,
  ): Keyword =>
  (given, value: unknown, schema, asked) =>
    !isObject(value) || test(given, value, asked, schema)

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  type: (given: string | readonly string[], value: unknown) =>
    typeof given === 'string' ? isOfType(given, value) : given.some((one) => isOfType(one, value)),
  enum: (given: readonly unknown[], value: unknown) => given.some((one) => isEqual(one, value)),
  const: isEqual,
  oneOf: (given: readonly Known[], value: unknown, _schema, asked) =>
    given.filter((one) => accepts(one, value, asked)).length === 1,
  anyOf: (given: readonly Known[], value: unknown, _schema, asked) =>
    given.some((one) => accepts(one, value, asked)),
  minimum: number((given, value) => value >= given),
  maximum: number((given, value) => value <= given),
  format: text((given: string, value, { formats }) => formats[given]?.(value) === true),
  pattern: text((given: string, value, asked) => asked.pattern(given).test(value)),
  minLength: text((given: number, value) => [...value].length >= given),
  maxLength: text((given: number, value) => [...value].length <= given),
  minItems: list((given: number, value) => value.length >= given),
  maxItems: list((given: number, value) => value.length <= given),
  uniqueItems: list((given: boolean, value) => !given || areUnique(value)),
  items: list((given: Known, value, asked) => value.every((item) => accepts(given, item, asked))),
  minProperties: object((given: number, value) => Object.keys(value).length >= given),
  maxProperties: object((given: number, value) => Object.keys(value).length <= given),
  required: object((given: readonly string[], value) =>
    given.every((name) => Object.hasOwn(value, name)),
  ),
  properties: object((given: Schemas, value, asked) =>
    Object.keys(given).every(
      (name) => !Object.hasOwn(value, name) || accepts(given[name] ?? true, value[name], asked),
    ),
  ),
  additionalProperties: object((given: Known | boolean, value, asked, { properties = {} }) =>
    Object.keys(value).every(
      (name) => Object.hasOwn(properties as object, name) || accepts(given, value[name], asked),
    ),
  ),
  propertyNames: object((given: Known, value, asked) =>
    Object.keys(value).every((name) => accepts(given, name, asked)),
  ),
  dependentSchemas: object((given: Schemas, value, asked) =>
    Object.keys(given).every(
      (name) => !Object.hasOwn(value, name) || accepts(given[name] ?? true, value, asked),
    ),
  ),
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return Number.isFinite(value)
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isObject(value)
    case 'null':
      return value === null
    default:
      return typeof value === type
  }
}

function areUnique(items: readonly unknown[]): boolean {
  return new Set(items.map(canonicalText)).size === items.length
}

function isEqual(one: unknown, other: unknown): boolean {
  return one === other || canonicalText(one) === canonicalText(other)
}
