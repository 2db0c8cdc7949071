// From files, variables and flags to one frozen, validated configuration; it starts nothing and keeps nothing.
// Over 300 lines because the ways a configuration comes in are steps of one pass, whose order decides which problem is told.
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { deepFreeze, type Json } from '../base/json.ts'
import { inOne, inTurns, type Steps } from '../base/turns.ts'
import { configError, createProblem, type Path, type Place, type Problem } from './problem.ts'
import { coerce, complete, convert } from './schema/resolve.ts'
import { rootSchema, type Schema, type Sections } from './schema/schema.ts'
import { createValidator, type Validate } from './schema/validate.ts'
import { type ConfigFs, nodeFs, readSecret } from './source/file.ts'
import { gather } from './source/gather.ts'
import { type AddedItem, withItems } from './source/items.ts'
import { readObject } from './source/object.ts'
import { substitute } from './source/substitute.ts'
import {
  findNode,
  type MapNode,
  type Origin,
  type ScalarNode,
  type TreeNode,
  withValue,
} from './source/tree.ts'
import { parseYaml } from './source/yaml.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface ConfigSource {
  readonly file: string
  /** Name of `profiles/<name>.yaml` beside the file. */
  readonly profile?: string | undefined
  readonly env: Env
  /** Values from the command line, by path: `{ 'listen.port': 9000 }`. They win over everything. */
  readonly flags?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly fs?: ConfigFs
}

/** Reports what a check found. `key: true` points at the key instead of the value. */
export type Report = (
  path: Path,
  message: string,
  options?: {
    suggestion?: string | undefined
    warning?: boolean
    key?: boolean
    notBuilt?: boolean
  },
) => void

/** What a schema cannot say. Runs only when the sections it names are valid, and sees their resolved values. */
export interface Check {
  readonly sections: readonly string[]
  run(config: Readonly<Record<string, unknown>>, report: Report): void
}

export interface LoaderOptions {
  readonly sections: Sections
  /** Sections that are part of the contract and that nothing serves yet, each with the reason. */
  readonly notBuilt?: Readonly<Record<string, string>>
  readonly checks?: readonly Check[]
}

export interface ValueOrigin {
  readonly origin: Origin
  /** Absent for defaults, flags and variables. */
  readonly place?: Place
}

export type Companions = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface LoadedConfig<T> {
  readonly config: T
  /** The main file, absolute; empty for a configuration given as text or object. */
  readonly file: string
  /** Everything that was read: the main file, includes, profile, secret files. */
  readonly files: readonly string[]
  /** Folders that a pattern of `include` looked through: a new file there is a change too. */
  readonly folders: readonly string[]
  /** Further files that it names and somebody else reads, each with its SHA-256, by the section that names them. */
  readonly companions: Companions
  readonly profile: string | undefined
  readonly warnings: readonly Problem[]
  /** SHA-256 of the resolved values: equal digests mean there is nothing to reload. */
  readonly digest: string
  /** Who set the value at a path, or the nearest one above it. */
  origin(path: Path): ValueOrigin
  /** Where the value at a path stands, or the nearest one above it; undefined without a file. */
  locate(path: Path): Place | undefined
  /** The completed tree, for printing. */
  readonly tree: TreeNode
  readonly schema: Schema
}

export interface Accompaniment {
  readonly companions: Companions
  readonly files: readonly string[]
  readonly folders: readonly string[]
  readonly warnings: readonly Problem[]
}

export interface Loader<T> {
  readonly schema: Schema
  /** Throws an `AppError` with all problems of all files in `data.problems` (see `problemsOf`). */
  load(source: ConfigSource): Promise<LoadedConfig<T>>
  /** One YAML text; relative paths and `${file:...}` are relative to `file`. */
  parse(text: string, options?: { file?: string; env?: Env }): Promise<LoadedConfig<T>>
  /** The library form: an object of the same shape. Nothing is substituted in it; relative paths are relative to `base`. */
  fromObject(value: unknown, options?: { base?: string }): LoadedConfig<T>
  /** The same configuration with files beside it: they are part of its digest, and what is watched. */
  accompany(loaded: LoadedConfig<T>, by: Accompaniment): LoadedConfig<T>
  /** The same configuration with more items in its lists, validated as a whole; problems of an item are those of its source. */
  extend(loaded: LoadedConfig<T>, added: readonly AddedItem[]): LoadedConfig<T>
}

/** Variables that override the file, by name. Not PORTCULLIS_PORT: Kubernetes sets that for a service of this name. */
export const ENV_OVERRIDES: Readonly<Record<string, string>> = {
  PORTCULLIS_LISTEN_HOST: 'listen.host',
  PORTCULLIS_LISTEN_PORT: 'listen.port',
  PORTCULLIS_ADMIN_HOST: 'admin.host',
  PORTCULLIS_ADMIN_PORT: 'admin.port',
  PORTCULLIS_LOG_LEVEL: 'telemetry.log.level',
}

interface Raw {
  readonly tree: TreeNode | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly files: readonly string[]
  readonly folders?: readonly string[]
  readonly companions?: Companions
  readonly file: string
  readonly profile?: string | undefined
}

/** Compiles the schema once. `T` is the type of the resolved configuration. */
export function createLoader<T>(options: LoaderOptions): Loader<T> {
  const schema = rootSchema(options.sections, options.notBuilt)
  const validate = createValidator(schema)
  const finish = (raw: Raw): Steps<LoadedConfig<T>> =>
    settle<T>(raw, schema, validate, options.checks ?? [])
  return {
    schema,
    async load(source) {
      const { env, profile, fs = nodeFs } = source
      const file = resolve(source.file)
      const gathered = await gather(file, { fs, env, profile, schema })
      const tree = gathered.tree && withOverrides(gathered.tree, source)
      return inTurns(finish({ ...gathered, tree, file, profile }))
    },
    async parse(text, { file = '', env = {} } = {}) {
      const parsed = parseYaml(text, file)
      if (parsed.tree === undefined)
        return inOne(finish({ ...parsed, warnings: [], files: [], file }))
      const done = await substitute(parsed.tree, {
        env,
        readSecret: (path) => readSecret(nodeFs, path),
      })
      const problems = [...parsed.problems, ...done.problems, ...noInclude(done.tree)]
      return inOne(finish({ tree: done.tree, problems, warnings: [], files: done.files, file }))
    },
    fromObject(value, { base = process.cwd() } = {}) {
      const place = { file: resolve(base, 'configuration'), line: 0, column: 0 }
      const { tree, problems } = readObject(value, place)
      const all = [...problems, ...(tree ? noInclude(tree) : [])]
      return inOne(finish({ tree, problems: all, warnings: [], files: [], file: '' }))
    },
    accompany(loaded, { companions, files, folders, warnings }) {
      return inOne(
        finish({
          ...loaded,
          problems: [],
          companions,
          files: [...new Set([...loaded.files, ...files])],
          folders: [...new Set([...loaded.folders, ...folders])],
          warnings,
        }),
      )
    },
    extend(loaded, added) {
      if (added.length === 0) return loaded
      const { warnings, ...raw } = loaded
      const made = inOne(finish({ ...raw, ...withItems(loaded.tree, added), warnings: [] }))
      // checks have warned anew; what was said of the files they do not know
      const said = new Set(made.warnings.map(({ message }) => message))
      const kept = warnings.filter(({ message }) => !said.has(message))
      return { ...made, warnings: [...kept, ...made.warnings] }
    },
  }
}

function withOverrides(tree: TreeNode, source: ConfigSource): TreeNode {
  let changed = tree
  const set = (
    path: string,
    value: string | number | boolean,
    name: string,
    origin: Origin,
  ): void => {
    const place = { file: name, line: 0, column: 0 }
    const node: ScalarNode = { kind: 'scalar', value, place, origin, coercible: true }
    changed = withValue(changed, path.split('.'), node)
  }
  for (const [name, path] of Object.entries(ENV_OVERRIDES)) {
    const value = source.env[name]
    if (value !== undefined && value !== '') set(path, value, name, 'env')
  }
  for (const [path, value] of Object.entries(source.flags ?? {}))
    if (value !== undefined) set(path, value, `--${path.split('.').at(-1)}`, 'flag')
  return changed
}

function noInclude(tree: TreeNode): Problem[] {
  const include = tree.kind === 'map' ? tree.members.get('include') : undefined
  return include
    ? [
        createProblem(
          include.at,
          ['include'],
          'only a configuration that is loaded from a file can include others',
        ),
      ]
    : []
}

function* settle<T>(
  raw: Raw,
  schema: Schema,
  validate: Validate,
  checks: readonly Check[],
): Steps<LoadedConfig<T>> {
  const problems = [...raw.problems]
  if (raw.tree === undefined)
    throw configError(problems.length > 0 ? problems : [emptyFile(raw.file)], readBy(raw))
  const typed = coerce(raw.tree, schema)
  yield
  // what a substitution that failed left behind is no second problem
  const known = new Set(problems.map(({ file, line, column }) => `${file}:${line}:${column}`))
  for (const problem of validate(typed))
    if (problem.line === 0 || !known.has(`${problem.file}:${problem.line}:${problem.column}`))
      problems.push(problem)
  yield
  const tree = complete(typed, schema)
  yield
  const warnings = [...raw.warnings]
  const broken = new Set(problems.map((problem) => /^[\w-]*/.exec(problem.path)?.[0] ?? ''))
  const config = broken.has('') && problems.length > 0 ? {} : convertValid(tree, schema, broken)
  for (const check of checks) {
    if (!check.sections.every((section) => Object.hasOwn(config, section))) continue
    check.run(config, createReport(tree, problems, warnings))
    yield
  }
  if (problems.length > 0) throw configError(problems, readBy(raw))
  return {
    config: deepFreeze(config) as T,
    file: raw.file,
    files: raw.files,
    folders: raw.folders ?? [],
    companions: raw.companions ?? {},
    profile: raw.profile,
    warnings,
    digest: createHash('sha256')
      .update(canonical(config as Json))
      .update(raw.companions ? canonical(raw.companions as Json) : '')
      .digest('hex'),
    tree,
    schema,
    origin(path) {
      const { node } = findNode(tree, path)
      return node.place.line === 0 || node.origin === 'default'
        ? { origin: node.origin }
        : { origin: node.origin, place: node.place }
    },
    locate(path) {
      const { place } = findNode(tree, path).node
      return place.line === 0 ? undefined : place
    },
  }
}

function readBy({ files, folders = [] }: Raw) {
  return { files, folders }
}

function emptyFile(file: string): Problem {
  return createProblem(
    { file, line: 1, column: 1 },
    [],
    'the configuration is empty; it starts with "version: 1"',
  )
}

function convertValid(
  tree: TreeNode,
  schema: Schema,
  broken: ReadonlySet<string>,
): Record<string, unknown> {
  if (tree.kind !== 'map') return {}
  const members: MapNode['members'] = new Map(
    [...tree.members].filter(([name]) => !broken.has(name)),
  )
  return convert({ ...tree, members }, schema) as Record<string, unknown>
}

function createReport(tree: TreeNode, problems: Problem[], warnings: Problem[]): Report {
  return (path, message, { suggestion, warning = false, key = false, notBuilt = false } = {}) => {
    const { node, at } = findNode(tree, path)
    const code = notBuilt ? 'CONFIG_NOT_BUILT' : 'CONFIG_INVALID'
    const problem = createProblem(key ? at : node.place, path, message, { suggestion, code })
    ;(warning ? warnings : problems).push(problem)
  }
}

// members sorted: the digest is of the values, not of the order in which they were written
function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const members = Object.entries(value as Record<string, Json>).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(',')}}`
}
