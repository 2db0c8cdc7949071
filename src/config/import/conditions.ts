// ContextForge conditions to ours, with the same meaning at every hook the plugin has; an empty list there restricts nothing.
import { isObject } from '../../base/json.ts'
import type { Path } from '../problem.ts'
import type { ImportReport } from './report.ts'

type Condition = Readonly<Record<string, readonly string[]>>

const COMMON: Readonly<Record<string, string>> = {
  server_ids: 'servers',
  tenant_ids: 'tenants',
  user_patterns: 'users',
  agents: 'agents',
  content_types: 'content_types',
}
/** Lists that count only at the hooks of their kind, and the method that stands for the kind. */
const KINDS: Readonly<Record<string, { prefix: string; method: string }>> = {
  tools: { prefix: 'tool_', method: 'tools/call' },
  prompts: { prefix: 'prompt_', method: 'prompts/get' },
  resources: { prefix: 'resource_', method: 'resources/read' },
}

/** Empty when nothing restricts the plugin. */
export function translateConditions(
  value: unknown,
  hooks: readonly string[],
  path: Path,
  report: ImportReport,
): Condition[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) {
    report.fail(path, 'conditions: expected a list')
    return []
  }
  const conditions: Condition[] = []
  let unrestricted = false
  value.forEach((item, index) => {
    const translated = translateOne(item, hooks, [...path, index], report)
    if (translated === undefined) return
    if (translated.length === 0) unrestricted = true
    conditions.push(...translated)
  })
  return unrestricted ? [] : conditions
}

function translateOne(
  item: unknown,
  hooks: readonly string[],
  path: Path,
  report: ImportReport,
): Condition[] | undefined {
  if (!isObject(item)) {
    report.fail(path, 'the condition is not a mapping')
    return undefined
  }
  const common: Record<string, readonly string[]> = {}
  const byKind = new Map<string, readonly string[]>()
  for (const [key, value] of Object.entries(item)) {
    const texts = [value ?? []].flat().map(String)
    const name = COMMON[key]
    if (name === undefined && !(key in KINDS))
      report.fail([...path, key], `the condition ${key} has no counterpart`)
    else if (texts.length === 0) continue
    else if (name === undefined) byKind.set(key, texts)
    else common[name] = key === 'user_patterns' ? texts.map(contains) : texts
  }
  if (byKind.size === 0) return Object.keys(common).length === 0 ? [] : [common]
  return perKind(common, byKind, hooks)
}

// there, a pattern matches a user whose name contains it
function contains(pattern: string): string {
  return `*${pattern}*`
}

/** One condition per kind of hook: with its list where there is one, with the method alone where there is none. */
function perKind(
  common: Condition,
  byKind: ReadonlyMap<string, readonly string[]>,
  hooks: readonly string[],
): Condition[] {
  const conditions: Condition[] = []
  for (const [kind, { prefix, method }] of Object.entries(KINDS)) {
    const texts = byKind.get(kind)
    const used = hooks.length === 0 || hooks.some((hook) => hook.startsWith(prefix))
    if (!used) continue
    conditions.push(
      texts === undefined ? { ...common, methods: [method] } : { ...common, [kind]: texts },
    )
  }
  return conditions.length > 0 ? conditions : [{ ...common, ...Object.fromEntries(byKind) }]
}
