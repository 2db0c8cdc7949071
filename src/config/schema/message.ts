// Says in words what a schema error means to the person who wrote the file; it shows no secret values.
import type { ErrorObject } from 'ajv/dist/2020.js'
import { redactText } from '../../base/log.ts'
import { suggest } from '../../base/suggest.ts'
import { formatPath, type Path } from '../problem.ts'
import type { TreeNode } from '../source/tree.ts'
import { FOREIGN_NAMES, FOREIGN_VALUES } from './foreign.ts'
import type { Schema } from './schema.ts'
import { isSecretPlace } from './secret.ts'

export interface Described {
  readonly message: string
  readonly suggestion?: string | undefined
}

/** The message for one error at `path`, where `node` stands. */
export function describeError(error: ErrorObject, path: Path, node: TreeNode): Described {
  const schema = error.parentSchema as Schema
  const place = path.length === 0 ? '' : `${formatPath(path)}: `
  const found: Found = { error, schema, path, node, found: show(node, path, schema) }
  const described = SAY[error.keyword]?.(found) ?? error.message ?? error.keyword
  // what says a whole sentence of its own names its place there
  return typeof described === 'string' ? { message: `${place}${described}` } : described
}

interface Found {
  readonly error: ErrorObject
  readonly schema: Schema
  readonly path: Path
  readonly node: TreeNode
  readonly found: string
}

const SAY: Readonly<Record<string, (found: Found) => Described | string>> = {
  additionalProperties: ({ error, path, schema }) =>
    unknownKey(String(error.params.additionalProperty), path, schema),
  required: ({ error }) => `the key "${error.params.missingProperty}" is missing`,
  type: ({ schema, node, found }) =>
    `expected ${expected(schema)}, found ${found}${quoteHint(schema, node)}`,
  enum: unknownValue,
  const: ({ schema, found }) => `expected ${JSON.stringify(schema.const)}, found ${found}`,
  format: ({ error, found }) => `expected ${FORMATS[String(error.params.format)]}, found ${found}`,
  pattern: ({ error, schema, found }) =>
    `expected ${schema['x-expects'] ?? `text like ${error.params.pattern}`}, found ${found}`,
  minimum: ({ error, found }) => `must be at least ${error.params.limit}, found ${found}`,
  maximum: ({ error, found }) => `must be at most ${error.params.limit}, found ${found}`,
  minLength: () => 'must not be empty',
  maxLength: ({ error }) => `must be at most ${error.params.limit} characters long`,
  minItems: () => 'the list is empty; name at least one or leave the key out',
  minProperties: () => 'the mapping is empty; give at least one key or leave it out',
  uniqueItems: ({ error }) => `items ${error.params.j} and ${error.params.i} are the same`,
  propertyNames: ({ error }) =>
    `the key ${JSON.stringify(error.params.propertyName)} is not allowed here`,
  'false schema': ({ error }) => `does not go with ${excluder(error.schemaPath)}`,
  oneOf: ({ error, schema }) => choice(schema, Array.isArray(error.params.passingSchemas)),
  anyOf: ({ schema }) => choice(schema, false),
}

const FORMATS: Readonly<Record<string, string>> = {
  duration: 'a duration such as 250ms, 5s or 1.5m',
  size: 'a size such as 512B, 64KiB or 4MiB',
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
}

function expected(schema: Schema): string {
  if (schema.format !== undefined && FORMATS[schema.format]) return FORMATS[schema.format] as string
  return [schema.type ?? []]
    .flat()
    .map((type) => TYPES[type] ?? type)
    .join(' or ')
}

function unknownKey(key: string, path: Path, schema: Schema): Described {
  const place = path
    .map((step) => (typeof step === 'number' ? '[]' : `.${step}`))
    .join('')
    .slice(1)
  const context = /(^|\.)conditions\[\]$/.test(place) ? 'conditions' : place
  const names = FOREIGN_NAMES[context]
  const known = Object.keys(schema.properties ?? {})
  const foreign = names && Object.hasOwn(names, key) ? names[key] : undefined
  const where = path.length === 0 ? '' : ` in ${formatPath(path)}`
  const suggestion = foreign ?? suggest(key, known)
  const list = suggestion === undefined && known.length > 0 ? `; known: ${known.join(', ')}` : ''
  return { message: `unknown key "${key}"${where}${list}`, suggestion }
}

function unknownValue({ node, schema, path, found }: Found): Described {
  const allowed = (schema.enum ?? []).map(String)
  const text = node.kind === 'scalar' ? String(node.value) : ''
  const foreign = Object.hasOwn(FOREIGN_VALUES, text) ? FOREIGN_VALUES[text] : undefined
  const fits = foreign !== undefined && allowed.includes(foreign.split(' ')[0] ?? '')
  const suggestion = fits ? foreign : suggest(text, allowed)
  const message = `${formatPath(path)}: expected one of ${allowed.join(', ')}, found ${found}`
  return { message, suggestion }
}

// the branch that forbids: .../dependentSchemas/<key>/properties/<this one>/false schema
function excluder(schemaPath: string): string {
  const key = /dependentSchemas\/([^/]+)\//.exec(schemaPath)?.[1]
  return key === undefined ? 'the other keys here' : `the key "${key}"`
}

// the commonest slip in args and env: a number or true where text is wanted
function quoteHint(schema: Schema, node: TreeNode): string {
  const bare =
    node.kind === 'scalar' && (typeof node.value === 'number' || typeof node.value === 'boolean')
  return schema.type === 'string' && schema.format === undefined && bare ? '; put it in quotes' : ''
}

// the only choice our schemas offer is which of several keys is given
function choice(schema: Schema, several: boolean): string {
  const branches = (schema.oneOf ?? schema.anyOf ?? []) as readonly Schema[]
  const keys = branches
    .map((branch) => branch.required?.join(' and '))
    .filter((key) => key !== undefined)
  if (keys.length !== branches.length || keys.length === 0)
    return 'does not fit any of the allowed forms'
  if (several) return `only one of ${keys.join(', ')} can be given`
  return `one of the keys ${keys.map((key) => `"${key}"`).join(', ')} is missing`
}

/** What stands there, in words; a value that may be a secret is not shown. */
export function show(node: TreeNode, path: Path, schema?: Schema): string {
  if (node.kind === 'list') return 'a list'
  if (node.kind === 'map') return 'a mapping'
  if (node.from !== undefined)
    return `the value of ${node.from.map((name) => `\${${name}}`).join(', ')}`
  if (node.value === null) return 'nothing'
  if (isSecretPlace(node, path, schema)) return 'a value that is not shown'
  if (typeof node.value !== 'string') return String(node.value)
  const text = redactText(node.value)
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
