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
  const own = error.parentSchema as Schema
  const at = path.length === 0 ? '' : `${formatPath(path)}: `
  const found = show(node, path, own)
  const { params } = error
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(String(params.additionalProperty), path, own)
    case 'required':
      return { message: `${at}the key "${params.missingProperty}" is missing` }
    case 'type':
      return { message: `${at}expected ${expected(own)}, found ${found}${quoteHint(own, node)}` }
    case 'enum':
      return unknownValue(node, own, at, found)
    case 'const':
      return { message: `${at}expected ${JSON.stringify(own.const)}, found ${found}` }
    case 'format':
      return {
        message: `${at}expected ${FORMATS[String(params.format)] ?? `a ${params.format}`}, found ${found}`,
      }
    case 'pattern':
      return {
        message: `${at}expected ${own['x-expects'] ?? `text like ${params.pattern}`}, found ${found}`,
      }
    case 'minimum':
    case 'maximum':
      return {
        message: `${at}must be at ${error.keyword === 'minimum' ? 'least' : 'most'} ${params.limit}, found ${found}`,
      }
    case 'minLength':
      return { message: `${at}must not be empty` }
    case 'maxLength':
      return { message: `${at}must be at most ${params.limit} characters long` }
    case 'minItems':
      return { message: `${at}the list is empty; name at least one or leave the key out` }
    case 'maxItems':
      return { message: `${at}must have at most ${params.limit} items` }
    case 'minProperties':
      return { message: `${at}the mapping is empty; give at least one key or leave it out` }
    case 'uniqueItems':
      return { message: `${at}item ${params.j} is the same as item ${params.i}` }
    case 'propertyNames':
      return { message: `${at}the key ${JSON.stringify(params.propertyName)} is not allowed here` }
    case 'false schema':
      return { message: `${at}does not go with ${excluder(error.schemaPath)}` }
    case 'oneOf':
    case 'anyOf':
      return { message: `${at}${choice(own, Array.isArray(params.passingSchemas))}` }
    default:
      return { message: `${at}${error.message ?? error.keyword}` }
  }
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

function unknownValue(node: TreeNode, schema: Schema, at: string, found: string): Described {
  const allowed = (schema.enum ?? []).map(String)
  const text = node.kind === 'scalar' ? String(node.value) : ''
  const foreign = Object.hasOwn(FOREIGN_VALUES, text) ? FOREIGN_VALUES[text] : undefined
  const fits = foreign !== undefined && allowed.includes(foreign.split(' ')[0] ?? '')
  const suggestion = fits ? foreign : suggest(text, allowed)
  return { message: `${at}expected one of ${allowed.join(', ')}, found ${found}`, suggestion }
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
