// JSON Schemas compiled into checks: foreign ones in linear time and without references outside, a plugin's own with defaults.
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { AppError, messageOf } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { parseDuration, parseSize } from '../../base/quantity.ts'
import type { Expression } from '../../expression/expression.ts'

/** What is wrong with a value, or undefined. */
export type SchemaCheck = (value: unknown) => string | undefined

const MAX_SCHEMA = 256 * 1024
const MAX_CACHED = 512
const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-0[4-7]\/schema#?$/

/**
 * Schemas that servers wrote, draft-07 and 2020-12. Patterns run as RE2; formats are annotations, as 2020-12 has it; a
 * `$ref` to another document does not compile. Throws CONFIG_INVALID with the reason.
 */
export function createForeignSchemas(expression: Expression): (schema: object) => SchemaCheck {
  const cache = new Map<string, SchemaCheck>()
  return (schema) => {
    const text = JSON.stringify(schema)
    const known = cache.get(text)
    if (known) {
      cache.delete(text)
      cache.set(text, known)
      return known
    }
    if (text.length > MAX_SCHEMA)
      throw new AppError('CONFIG_INVALID', `the schema is larger than ${MAX_SCHEMA} bytes`)
    const check = compileForeign(JSON.parse(text), expression)
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string)
    cache.set(text, check)
    return check
  }
}

function compileForeign(schema: object, expression: Expression): SchemaCheck {
  // one compiler for each: a schema's $id must not be seen by the next one, nor stay behind when it leaves the cache
  const ajv = compilerFor(schema, {
    strict: false,
    allErrors: false,
    validateFormats: false,
    addUsedSchema: false,
    logger: false,
    code: { regExp: linear(expression) },
  })
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: uniqueItems,
  })
  let validate: ValidateFunction
  try {
    validate = ajv.compile(schema)
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `the schema does not compile: ${messageOf(error)}`)
  }
  return (value) => {
    if (validate(value)) return undefined
    const [first] = validate.errors ?? []
    return first ? `${first.instancePath || '/'} ${first.message ?? first.keyword}` : 'is not valid'
  }
}

function compilerFor(schema: object, options: Options): Ajv | Ajv2020 {
  const dialect = (schema as { $schema?: unknown }).$schema
  return typeof dialect === 'string' && DRAFT_07.test(dialect)
    ? new Ajv(options)
    : new Ajv2020(options)
}

type RegExpEngine = NonNullable<NonNullable<Options['code']>['regExp']>

// Ajv's own choice would be the backtracking RegExp, on patterns of a stranger. It keeps one expression for each text that
// toString gives, so that text must be the pattern.
function linear(expression: Expression): RegExpEngine {
  const engine = (pattern: string) => {
    const regex = expression.regex(pattern)
    return { test: (text: string) => regex.test(text), toString: () => `/${pattern}/` }
  }
  return Object.assign(engine, { code: 'undefined' })
}

// Ajv compares every pair of items; this is one pass over their canonical texts
function uniqueItems(wanted: boolean, items: readonly unknown[]): boolean {
  return !wanted || new Set(items.map(canonical)).size === items.length
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

export interface ConfigFault {
  /** Below the entry's `config`. */
  readonly path: readonly (string | number)[]
  readonly message: string
  /** What the nearest name may be looked for among, when a key is unknown. */
  readonly known?: readonly string[]
  readonly key?: string
}

/** A plugin's `config_schema`, compiled once; a call gives a copy with defaults, and what is wrong. Throws PLUGIN_MANIFEST. */
export function compileConfigSchema(
  schema: object,
  plugin: string,
): (config: object) => { value: Record<string, unknown>; faults: ConfigFault[] } {
  const ajv = compilerFor(schema, {
    strict: true,
    strictRequired: false,
    allErrors: true,
    useDefaults: true,
    verbose: true,
    allowUnionTypes: true,
    logger: false,
  })
  formats.default(ajv as never)
  ajv.addFormat('duration', {
    type: 'string',
    validate: (text: string) => parseDuration(text) !== undefined,
  })
  ajv.addFormat('size', {
    type: 'string',
    validate: (text: string) => parseSize(text) !== undefined,
  })
  let validate: ValidateFunction
  try {
    validate = ajv.compile(schema)
  } catch (error) {
    throw new AppError(
      'PLUGIN_MANIFEST',
      `the config schema of the plugin "${plugin}" does not compile: ${messageOf(error)}`,
    )
  }
  return (config) => {
    const value = structuredClone(config) as Record<string, unknown>
    const faults = validate(value)
      ? []
      : relevant(validate.errors ?? []).map((error) => toFault(error, value))
    return { value, faults }
  }
}

// what only repeats another error: the branches below an anyOf or oneOf, the frame of an if/then, and a choice that fails
// where a misspelt key says why
function relevant(errors: readonly ErrorObject[]): ErrorObject[] {
  const frames = errors.filter(isChoice)
  const unknown = errors.filter(({ keyword }) => keyword === 'additionalProperties')
  return errors.filter((error) => {
    if (error.keyword === 'if') return false
    if (isChoice(error))
      return !unknown.some(({ instancePath }) => instancePath === error.instancePath)
    return !frames.some((frame) => error.schemaPath.startsWith(`${frame.schemaPath}/`))
  })
}

function isChoice({ keyword }: ErrorObject): boolean {
  return keyword === 'oneOf' || keyword === 'anyOf'
}

function toFault(error: ErrorObject, root: unknown): ConfigFault {
  const path: (string | number)[] = []
  let holder: unknown = root
  for (const step of error.instancePath.split('/').slice(1)) {
    const plain = step.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(holder) ? Number(plain) : plain)
    holder = (holder as Record<string, unknown>)[plain]
  }
  const { params, parentSchema } = error
  if (error.keyword === 'additionalProperties') {
    const key = String(params.additionalProperty)
    const known = Object.keys((parentSchema as { properties?: object }).properties ?? {})
    return { path: [...path, key], message: `unknown key "${key}"`, known, key }
  }
  if (error.keyword === 'required')
    return { path, message: `the key "${params.missingProperty}" is missing` }
  if (error.keyword === 'enum')
    return { path, message: `expected one of ${(params.allowedValues as unknown[]).join(', ')}` }
  return { path, message: WORDS[error.keyword]?.(params) ?? error.message ?? error.keyword }
}

type Params = Readonly<Record<string, unknown>>

const WORDS: Readonly<Record<string, (params: Params) => string>> = {
  type: ({ type }) => `expected ${[type].flat().join(' or ')}`,
  minItems: ({ limit }) => `expected at least ${limit} ${limit === 1 ? 'item' : 'items'}`,
  minLength: () => 'must not be empty',
  minProperties: () => 'must not be empty',
  uniqueItems: ({ i, j }) => `item ${j} is the same as item ${i}`,
  anyOf: () => 'fits none of the allowed forms',
  oneOf: () => 'fits none of the allowed forms, or more than one',
}
