// plugin.yaml as a checked manifest: its shape, its version, its points; it runs nothing of the plugin.
import { createRequire } from 'node:module'
import type { ErrorObject } from 'ajv/dist/2020.js'
import { LineCounter, parseDocument } from 'yaml'
import { createAccept } from '../../base/accept.ts'
import { messageOf } from '../../base/errors.ts'
import { suggest } from '../../base/suggest.ts'
import type { Permissions } from '../../plugin.ts'
import {
  declarationOf,
  isPointName,
  POINT_ALIASES,
  POINT_NAMES,
  type PointName,
} from '../../points/table.ts'
import { type LoadProblem, loadProblem, type Path, type Place, pathText } from '../problem.ts'
import { isVersion } from '../version.ts'

/** What a plugin says of itself, checked. */
export interface Manifest {
  readonly id: string
  readonly version: string
  readonly description: string
  readonly hooks: readonly PointName[]
  readonly permissions: Permissions
  /** Path of the JSON Schema of `config`, relative to the manifest. */
  readonly configSchema: string | undefined
  /** Path of the module, relative to the manifest. */
  readonly entry: string
  readonly sideEffects: 'none' | 'external'
  readonly redacts: boolean
  /** Milliseconds that one call may take where its entry says nothing; undefined: as long as those of others. */
  readonly timeout: number | undefined
}

const LIST = { type: 'array', uniqueItems: true, items: { type: 'string', minLength: 1 } } as const
const ID = '^[A-Za-z0-9][A-Za-z0-9._-]*$'

/** The closed schema of plugin.yaml (docs/pipeline.md section 11). */
export const MANIFEST_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'version', 'description', 'hooks', 'entry'],
  properties: {
    id: { type: 'string', pattern: ID, maxLength: 64 },
    version: { type: 'string' },
    description: { type: 'string', minLength: 1 },
    hooks: { ...LIST, minItems: 1 },
    permissions: {
      type: 'object',
      additionalProperties: false,
      properties: {
        network: LIST,
        filesystem_read: LIST,
        filesystem_write: LIST,
        shell: { type: 'boolean' },
        env: LIST,
        api: LIST,
        authorize: { type: 'boolean' },
        attestation: { type: 'boolean' },
      },
    },
    config_schema: { type: 'string', minLength: 1 },
    entry: { type: 'string', minLength: 1 },
    side_effects: { enum: ['none', 'external'] },
    redacts: { type: 'boolean' },
    timeout: { type: 'integer', minimum: 1, maximum: 600 },
  },
} as const

export type ParsedManifest =
  | { readonly manifest: Manifest; readonly problems: readonly [] }
  | {
      readonly manifest: undefined
      readonly id: string | undefined
      readonly problems: readonly LoadProblem[]
    }

/** Made once per host. */
export function createManifestParser(): (text: string, file: string) => ParsedManifest {
  const check = createShapeCheck()
  return (text, file) => {
    const source = readYaml(text, file)
    if (source.problems.length > 0)
      return { manifest: undefined, id: undefined, problems: source.problems }
    const errors = check(source.value)
    const problems =
      errors.length === 0
        ? semanticProblems(source.value as Written, source.place)
        : errors.map((error) => shapeProblem(error, source.place))
    if (problems.length > 0) {
      const id = (source.value as { id?: unknown } | null)?.id
      return { manifest: undefined, id: typeof id === 'string' ? id : undefined, problems }
    }
    return { manifest: toManifest(source.value as Written), problems: [] }
  }
}

// the schema is ours, and a test holds it to its dialect
const COMPILER = {
  allErrors: true,
  verbose: true,
  validateSchema: false,
  code: { optimize: false },
}

const require = createRequire(import.meta.url)

// ajv is loaded only to say what is wrong with a manifest, and compiles the schema once
function createShapeCheck(): (value: unknown) => readonly ErrorObject[] {
  const accept = createAccept(MANIFEST_SCHEMA)
  const compile = () => {
    const { Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
    return new Ajv2020(COMPILER).compile(MANIFEST_SCHEMA)
  }
  let check: ReturnType<typeof compile> | undefined
  return (value) => {
    if (accept?.(value)) return []
    check ??= compile()
    return check(value) ? [] : (check.errors ?? [])
  }
}

interface Written {
  readonly id: string
  readonly version: string
  readonly description: string
  readonly hooks: readonly string[]
  readonly permissions?: Permissions
  readonly config_schema?: string
  readonly entry: string
  readonly side_effects?: 'none' | 'external'
  readonly redacts?: boolean
  /** Seconds. */
  readonly timeout?: number
}

function toManifest(written: Written): Manifest {
  return {
    id: written.id,
    version: written.version,
    description: written.description,
    hooks: written.hooks.map((name) => POINT_ALIASES[name] ?? (name as PointName)),
    permissions: written.permissions ?? {},
    configSchema: written.config_schema,
    entry: written.entry,
    sideEffects: written.side_effects ?? 'none',
    redacts: written.redacts ?? false,
    timeout: written.timeout === undefined ? undefined : written.timeout * 1000,
  }
}

type PlaceOf = (path: Path) => Place

function readYaml(
  text: string,
  file: string,
): { value: unknown; place: PlaceOf; problems: LoadProblem[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    schema: 'core',
    prettyErrors: false,
    lineCounter: lines,
    stringKeys: true,
  })
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const problems = [...document.errors, ...document.warnings].map((fault) =>
    loadProblem('PLUGIN_MANIFEST', at(fault.pos[0]), [], `not valid YAML: ${fault.message}`),
  )
  const place: PlaceOf = (path) => {
    // the nearest value above it, when the path itself is not there
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
      const range = (node as { range?: readonly number[] } | undefined)?.range
      if (range) return at(range[0] ?? 0)
    }
    return at(0)
  }
  if (problems.length > 0) return { value: undefined, place, problems }
  try {
    // a manifest needs no alias; at most 100 are expanded
    return { value: document.toJS({ maxAliasCount: 100 }), place, problems }
  } catch (error) {
    const message = `not valid YAML: ${messageOf(error)}`
    return {
      value: undefined,
      place,
      problems: [loadProblem('PLUGIN_MANIFEST', at(0), [], message)],
    }
  }
}

function shapeProblem(error: ErrorObject, place: PlaceOf): LoadProblem {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
  const where = path.length === 0 ? '' : `${pathText(path)}: `
  if (error.keyword === 'additionalProperties') {
    const key = String(error.params.additionalProperty)
    const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {})
    return loadProblem(
      'PLUGIN_MANIFEST',
      place([...path, key]),
      [...path, key],
      `unknown key "${key}"`,
      suggest(key, known),
    )
  }
  const message =
    error.keyword === 'required'
      ? `the key "${error.params.missingProperty}" is missing`
      : `${where}${error.message}`
  return loadProblem('PLUGIN_MANIFEST', place(path), path, message)
}

function semanticProblems(written: Written, place: PlaceOf): LoadProblem[] {
  const problems: LoadProblem[] = []
  if (!isVersion(written.version)) {
    const message = `version: expected a semantic version such as 1.0.0, found "${written.version}"`
    problems.push(loadProblem('PLUGIN_MANIFEST', place(['version']), ['version'], message))
  }
  written.hooks.forEach((name, index) => {
    const problem = pointProblem(name)
    if (problem === undefined) return
    const path = ['hooks', index]
    problems.push(
      loadProblem('PLUGIN_MANIFEST', place(path), path, problem.message, problem.suggestion),
    )
  })
  return problems
}

/** What is wrong with binding to this name; undefined when the gateway fires it. */
export function pointProblem(
  name: string,
): { message: string; suggestion?: string | undefined } | undefined {
  const point = POINT_ALIASES[name] ?? name
  if (!isPointName(point))
    return {
      message: `there is no point "${name}"`,
      suggestion: suggest(name, [...POINT_NAMES, ...Object.keys(POINT_ALIASES)]),
    }
  const { wired } = declarationOf(point)
  return wired === true
    ? undefined
    : { message: `the point ${point} is declared, not yet fired: waits for ${wired}` }
}
