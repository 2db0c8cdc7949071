// A document of ours that is not loaded but taken apart: recognised, its substitutions made, and written; no section of it is validated here.
import { stringify } from 'yaml'
import { isObject, type JsonObject } from '../../base/json.ts'
import { configError, createProblem, type Problem } from '../problem.ts'
import { nodeFs, readSecret } from '../source/file.ts'
import { substitute } from '../source/substitute.ts'
import { plainOf } from '../source/tree.ts'
import { parseYaml } from '../source/yaml.ts'
import { isJson, plainJson } from './json.ts'

export interface OwnOptions {
  readonly filename: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text is YAML that was made of the file: its lines are nobody's. */
  readonly made?: boolean
}

/** Whether it is a configuration of ours, or the JSON that `portcullis export` writes. */
export function isOwn(text: string, filename: string): boolean {
  const { tree } = parseYaml(isJson(text, filename) ? plainJson(text) : text, filename)
  const root = tree && plainOf(tree)
  return isObject(root) && (root.version !== undefined || isEntities(root))
}

function isEntities(root: unknown): root is JsonObject {
  return isObject(root) && Array.isArray(root.items)
}

/** A configuration with `${env:...}` and `${file:...}` replaced, or an export as it is. Rejects with CONFIG_INVALID and every place that is wrong. */
export async function readOwn(
  text: string,
  { filename, env, made = false }: OwnOptions,
): Promise<JsonObject> {
  const parsed = parseYaml(!made && isJson(text, filename) ? plainJson(text) : text, filename)
  const known = (problem: Problem) => (made ? { ...problem, line: 0, column: 0 } : problem)
  if (parsed.tree === undefined || parsed.problems.length > 0) {
    const empty = createProblem({ file: filename, line: 1, column: 1 }, [], 'the file is empty')
    throw configError(parsed.problems.length > 0 ? parsed.problems.map(known) : [empty])
  }
  const written = plainOf(parsed.tree)
  // entities as a gateway has them: what looks like a substitution there is a text
  if (isEntities(written)) return written
  const done = await substitute(parsed.tree, {
    env,
    readSecret: (path) => readSecret(nodeFs, path),
  })
  if (done.problems.length > 0) throw configError(done.problems.map(known))
  const root = plainOf(done.tree)
  if (isObject(root)) return root as JsonObject
  const place = { file: filename, line: 1, column: 1 }
  throw configError([createProblem(place, [], 'expected a mapping of sections')])
}

/** YAML with lines of comment before it. */
export function formatOwn(document: JsonObject, comment: readonly string[]): string {
  // what was literal there must stay literal where it is loaded
  const text = stringify(escaped(document), { version: '1.2', lineWidth: 100 })
  return `${comment.map((line) => `# ${line}\n`).join('')}${text}`
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${')
  if (Array.isArray(value)) return value.map(escaped)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, escaped(inner)]))
}
