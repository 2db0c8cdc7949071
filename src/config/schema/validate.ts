// A tree against the schema: every problem with its place; it changes nothing.
import { createRequire } from 'node:module'
import type { ErrorObject } from 'ajv/dist/2020.js'
import { createAccept, type Formats } from '../../base/accept.ts'
import { parseDuration, parseSize } from '../../base/quantity.ts'
import { createProblem, formatPath, formatPlace, type Path, type Problem } from '../problem.ts'
import { findNode, plainOf, type TreeNode } from '../source/tree.ts'
import { describeError } from './message.ts'
import { isNamedList, type Schema, walk } from './schema.ts'

export type Validate = (tree: TreeNode) => Problem[]

/** The result is reused for every load. */
export function createValidator(schema: Schema): Validate {
  const accept = createAccept(schema, FORMATS)
  // a schema with keywords that only ajv knows is compiled at once, so that its own faults are told here
  let judge = accept ? undefined : compile(schema)
  const errorsOf = (value: unknown): readonly ErrorObject[] => {
    if (accept?.(value)) return []
    judge ??= compile(schema)
    return judge(value)
  }
  return (tree) => {
    const problems = unbuilt(tree, schema)
    // nothing is said about the inside of a section that does not exist yet
    const silenced = new Set(problems.map((problem) => problem.path))
    for (const error of relevant(errorsOf(plainOf(tree)))) {
      const problem = toProblem(tree, error)
      if (!isBelow(problem.path, silenced)) problems.push(problem)
    }
    return [...problems, ...repeatedNames(tree, schema)]
  }
}

const FORMATS: Formats = {
  duration: (text) => parseDuration(text) !== undefined,
  size: (text) => parseSize(text) !== undefined,
}

const require = createRequire(import.meta.url)

// loaded and compiled only to say what is wrong: a start with a configuration that fits waits for neither
function compile(schema: Schema): (value: unknown) => readonly ErrorObject[] {
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: false,
    validateFormats: true,
    useDefaults: false,
    // it is ours, a test holds it to its dialect, and compiling the schema of schemas is a tenth of a cold start
    validateSchema: false,
    // an optimised check is no faster for one file, and takes half as long again to make
    code: { optimize: false },
  })
  for (const [name, validate] of Object.entries(FORMATS))
    ajv.addFormat(name, { type: 'string', validate })
  const check = ajv.compile(schema)
  return (value) => (check(value) ? [] : (check.errors ?? []))
}

function unbuilt(tree: TreeNode, schema: Schema): Problem[] {
  const problems: Problem[] = []
  walk(tree, schema, (node, at, path) => {
    const text = unbuiltText(node, at)
    if (text === undefined) return true
    const shown =
      node.kind === 'scalar' && isValueUnbuilt(at)
        ? `${formatPath(path)}: ${JSON.stringify(node.value)}`
        : formatPath(path)
    const place = isValueUnbuilt(at) ? node.place : findNode(tree, path).at
    problems.push(
      createProblem(place, path, `${shown} is not built yet: ${text}`, {
        code: 'CONFIG_NOT_BUILT',
      }),
    )
    return false
  })
  return problems
}

function isValueUnbuilt(schema: Schema | undefined): boolean {
  return schema?.['x-not-built-values'] !== undefined || schema?.['x-built'] !== undefined
}

function unbuiltText(node: TreeNode, schema: Schema | undefined): string | undefined {
  const values = schema?.['x-not-built-values']
  if (node.kind === 'scalar' && values && Object.hasOwn(values, String(node.value)))
    return values[String(node.value)]
  const text = schema?.['x-not-built']
  if (text === undefined) return undefined
  // writing out the default asks for nothing that is not there
  const built = [...(schema?.['x-built'] ?? []), schema?.default]
  return node.kind === 'scalar' && built.includes(node.value) ? undefined : text
}

/** Drops what only repeats another error: the frame of an if/then, and the branches below an anyOf, oneOf or dependentSchemas. */
function relevant(errors: readonly ErrorObject[]): ErrorObject[] {
  const frames = errors.filter(({ keyword }) => keyword === 'oneOf' || keyword === 'anyOf')
  return errors.filter(({ keyword, schemaPath, instancePath, propertyName }) => {
    // a property name is set on what is wrong with a key; the error of `propertyNames` itself says it
    if (keyword === 'if' || propertyName !== undefined) return false
    if (
      keyword === 'false schema' &&
      frames.some((frame) => instancePath.startsWith(`${frame.instancePath}/`))
    )
      return false
    return !frames.some(
      (frame) =>
        schemaPath.startsWith(`${frame.schemaPath}/`) &&
        instancePath.startsWith(frame.instancePath),
    )
  })
}

function toProblem(tree: TreeNode, error: ErrorObject): Problem {
  const path = pathOf(tree, error.instancePath)
  const { node, at } = findNode(tree, path)
  const { message, suggestion } = describeError(error, path, node)
  const { additionalProperty, propertyName, missingProperty } = error.params
  const key: unknown = additionalProperty ?? propertyName
  if (key !== undefined) {
    const full = [...path, String(key)]
    return createProblem(findNode(tree, full).at, full, message, { suggestion })
  }
  if (missingProperty !== undefined)
    return createProblem(node.place, [...path, String(missingProperty)], message)
  return createProblem(error.keyword === 'false schema' ? at : node.place, path, message, {
    suggestion,
  })
}

// a JSON pointer does not say which steps are list positions; the tree does
function pathOf(tree: TreeNode, pointer: string): Path {
  const path: (string | number)[] = []
  for (const step of pointer.split('/').slice(1)) {
    const plain = step.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(findNode(tree, path).node.kind === 'list' ? Number(plain) : plain)
  }
  return path
}

function isBelow(path: string, tops: ReadonlySet<string>): boolean {
  for (const top of tops)
    if (path === top || path.startsWith(`${top}.`) || path.startsWith(`${top}[`)) return true
  return false
}

function repeatedNames(tree: TreeNode, schema: Schema): Problem[] {
  const problems: Problem[] = []
  walk(tree, schema, (node, at, path) => {
    if (node.kind !== 'list' || !isNamedList(at)) return true
    const seen = new Map<string, TreeNode>()
    node.items.forEach((item, index) => {
      const name = item.kind === 'map' ? item.members.get('name')?.node : undefined
      if (name?.kind !== 'scalar' || typeof name.value !== 'string') return
      const first = seen.get(name.value)
      if (first === undefined) seen.set(name.value, name)
      else problems.push(repeated(name, first, [...path, index, 'name']))
    })
    return true
  })
  return problems
}

function repeated(name: TreeNode, first: TreeNode, path: Path): Problem {
  const where =
    first.place.line === 0
      ? ''
      : ` at ${first.place.file === name.place.file ? `line ${first.place.line}` : formatPlace(first.place)}`
  return createProblem(
    name.place,
    path,
    `${formatPath(path)}: the name ${JSON.stringify(plainOf(name))} is already used${where}`,
  )
}
