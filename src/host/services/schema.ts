// JSON Schemas compiled into checks: foreign ones in linear time and without references outside, a plugin's own with defaults.
import { createRequire } from 'node:module'
import type { ErrorObject, Options, ValidateFunction } from 'ajv'
import { AppError, messageOf } from '../../base/errors.ts'
import { canonicalText } from '../../base/json.ts'
import { parseDuration, parseSize } from '../../base/quantity.ts'
import type { Expression } from '../../expression/expression.ts'
import { createDialects, type SchemaCompiler } from './dialect.ts'

/** What is wrong with a value, or undefined. */
export type SchemaCheck = (value: unknown) => string | undefined

const MAX_SCHEMA = 256 * 1024
const MAX_CACHED = 512

/**
 * Schemas that servers wrote, draft-07 and 2020-12. Patterns run as RE2; formats are annotations, as 2020-12 has it; a
 * `$ref` to another document does not compile. Throws CONFIG_INVALID with the reason.
 */
export function createForeignSchemas(expression: Expression): (schema: object) => SchemaCheck {
  const dialects = createDialects(
    {
      strict: false,
      allErrors: false,
      validateFormats: false,
      addUsedSchema: false,
      logger: false,
      code: { regExp: linear(expression) },
    },
    withLinearUniqueItems,
  )
  return remembered((text) => {
    if (text.length > MAX_SCHEMA)
      throw new AppError('CONFIG_INVALID', `the schema is larger than ${MAX_SCHEMA} bytes`)
    return compileForeign(JSON.parse(text), dialects)
  })
}

/** Keeps what was made of the schemas that were asked for last; a schema is known by its text. */
function remembered<T>(make: (text: string) => T): (schema: object) => T {
  const cache = new Map<string, T>()
  return (schema) => {
    const text = JSON.stringify(schema)
    const known = cache.get(text)
    if (known !== undefined) {
      cache.delete(text)
      cache.set(text, known)
      return known
    }
    const made = make(text)
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string)
    cache.set(text, made)
    return made
  }
}

function withLinearUniqueItems(ajv: SchemaCompiler): void {
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: uniqueItems,
  })
}

function compileForeign(
  schema: object,
  compilerFor: (schema: object) => SchemaCompiler,
): SchemaCheck {
  let validate: ValidateFunction
  try {
    validate = compilerFor(schema).compile(schema)
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `the schema does not compile: ${messageOf(error)}`)
  }
  return (value) => {
    if (validate(value)) return undefined
    const [first] = validate.errors ?? []
    return first ? `${first.instancePath || '/'} ${first.message ?? first.keyword}` : 'is not valid'
  }
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
  return !wanted || new Set(items.map(canonicalText)).size === items.length
}

export interface ConfigFault {
  /** Below the entry's `config`. */
  readonly path: readonly (string | number)[]
  readonly message: string
  /** What the nearest name may be looked for among, when a key is unknown. */
  readonly known?: readonly string[]
  readonly key?: string
}

/** Gives a copy with defaults, and what is wrong. */
export type ConfigCheck = (config: object) => {
  value: Record<string, unknown>
  faults: ConfigFault[]
}

/** Checks by `config_schema`; a schema that has not changed is not compiled again by a reload. Throws PLUGIN_MANIFEST. */
export function createConfigSchemas(): (schema: object, plugin: string) => ConfigCheck {
  const dialects = createDialects(
    {
      strict: true,
      strictRequired: false,
      allErrors: true,
      useDefaults: true,
      verbose: true,
      allowUnionTypes: true,
      logger: false,
      // a check that runs once a load need not be an optimised one
      code: { optimize: false },
    },
    withConfigFormats,
  )
  const compiled = remembered((text) => compileConfig(JSON.parse(text), dialects))
  return (schema, plugin) => {
    try {
      return compiled(schema)
    } catch (error) {
      throw new AppError(
        'PLUGIN_MANIFEST',
        `the config schema of the plugin "${plugin}" does not compile: ${messageOf(error)}`,
      )
    }
  }
}

const require = createRequire(import.meta.url)

function withConfigFormats(ajv: SchemaCompiler): void {
  const formats = require('ajv-formats') as typeof import('ajv-formats')
  formats.default(ajv as never)
  ajv.addFormat('duration', {
    type: 'string',
    validate: (text: string) => parseDuration(text) !== undefined,
  })
  ajv.addFormat('size', {
    type: 'string',
    validate: (text: string) => parseSize(text) !== undefined,
  })
}

function compileConfig(
  schema: object,
  compilerFor: (schema: object) => SchemaCompiler,
): ConfigCheck {
  const validate = compilerFor(schema).compile(schema)
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
