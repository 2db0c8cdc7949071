// Recognises a foreign configuration and turns it into ours; it reads no file and writes none.
import { stringify } from 'yaml'
import { isObject, type Json, type JsonObject } from '../../base/json.ts'
import { configError, createProblem, type Problem, sortProblems } from '../problem.ts'
import { plainOf } from '../source/tree.ts'
import { parseYaml } from '../source/yaml.ts'
import { importContextForge } from './context-forge.ts'
import { isJson, plainJson } from './json.ts'
import { createImportReport, type ImportReport } from './report.ts'
import { type ImportedServers, importServerList, importServerMap } from './servers.ts'
import type { Variables } from './variables.ts'

export type ImportFormat = 'mcpServers' | 'vscode' | 'list' | 'context-forge'

export interface Imported {
  readonly format: ImportFormat
  /** A configuration of ours, as the loader takes it. */
  readonly document: JsonObject
  /** What was left out or must be looked at, each at its place in the foreign file. */
  readonly warnings: readonly Problem[]
}

export interface ImportOptions {
  readonly filename: string
  /** Which variables are set; what they hold is not looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Throws `CONFIG_INVALID` with every place that cannot be imported, or when the format is not recognised. */
export function importConfig(text: string, options: ImportOptions): Imported {
  const { filename, env = {} } = options
  const parsed = parseYaml(isJson(text, filename) ? plainJson(text) : text, filename)
  if (parsed.tree === undefined) {
    const empty = createProblem({ file: filename, line: 1, column: 1 }, [], 'the file is empty')
    throw configError(parsed.problems.length > 0 ? parsed.problems : [empty])
  }
  const root = plainOf(parsed.tree)
  const report = createImportReport(parsed.tree)
  const result = recognise(root, report, env)
  if (result === undefined) report.fail([], UNKNOWN)
  if (result === undefined || report.problems.length > 0) throw configError(report.problems)
  return { ...result, warnings: sortProblems(report.warnings) }
}

const UNKNOWN =
  'the format is not recognised; known: {"mcpServers": {...}}, {"servers": {...}} of VS Code, a list of servers, and ContextForge plugin YAML'

function recognise(
  root: Json,
  report: ImportReport,
  env: Variables['env'],
): Omit<Imported, 'warnings'> | undefined {
  const variables = { env, inputs: readInputs(root) }
  if (Array.isArray(root))
    return { format: 'list', document: withServers(importServerList(root, [], report, variables)) }
  if (!isObject(root)) return undefined
  if (root.mcpServers !== undefined) {
    leftOut(root, ['mcpServers', 'inputs'], report)
    return {
      format: 'mcpServers',
      document: withServers(importServerMap(root.mcpServers, ['mcpServers'], report, variables)),
    }
  }
  if (isObject(root.mcp) && root.mcp.servers !== undefined)
    return {
      format: 'vscode',
      document: withServers(
        importServerMap(root.mcp.servers, ['mcp', 'servers'], report, variables),
      ),
    }
  if (isObject(root.servers) && root.version === undefined) {
    leftOut(root, ['servers', 'inputs'], report)
    return {
      format: 'vscode',
      document: withServers(importServerMap(root.servers, ['servers'], report, variables)),
    }
  }
  if (Array.isArray(root.plugins))
    return {
      format: 'context-forge',
      document: { version: 1, plugins: importContextForge(root, report) },
    }
  return undefined
}

function leftOut(
  root: Record<string, unknown>,
  known: readonly string[],
  report: ImportReport,
): void {
  for (const key of Object.keys(root))
    if (!known.includes(key) && key !== '$schema')
      report.warn([key], `${key} is not about servers and was left out`)
}

function withServers({ servers, policies }: ImportedServers): JsonObject {
  if (policies.length === 0) return { version: 1, servers }
  return { version: 1, servers, plugins: { enabled: true, allowed: ['rules'] }, policies }
}

function readInputs(root: Json): Map<string, string> {
  const holder = isObject(root) && isObject(root.mcp) ? root.mcp : root
  const inputs = isObject(holder) && Array.isArray(holder.inputs) ? holder.inputs : []
  const known = new Map<string, string>()
  for (const input of inputs)
    if (isObject(input) && typeof input.id === 'string')
      known.set(input.id, String(input.description ?? ''))
  return known
}

/** The document as the YAML that `portcullis import` prints. */
export function formatImported(imported: Imported): string {
  return stringify(imported.document, { version: '1.2', lineWidth: 100 })
}
