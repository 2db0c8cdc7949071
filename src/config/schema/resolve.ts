// From a valid tree to the value the rooms get: substituted text gets its type, defaults come in, paths become absolute, quantities numbers.
import { dirname, resolve } from 'node:path'
import type { Json } from '../../base/json.ts'
import { parseDuration, parseSize } from '../../base/quantity.ts'
import { type Member, plainOf, type TreeNode, treeOf } from '../source/tree.ts'
import { excludedBy, memberSchema, type Schema } from './schema.ts'

/**
 * Gives substituted text, flags and variables the type the schema wants: `"8080"` becomes 8080 where a number belongs.
 * Anything else stays text and is reported by the validator; a substitution never becomes a list or a mapping.
 */
export function coerce(node: TreeNode, schema: Schema | undefined): TreeNode {
  if (node.kind === 'list')
    return { ...node, items: node.items.map((item) => coerce(item, schema?.items)) }
  if (node.kind === 'map')
    return {
      ...node,
      members: mapMembers(node.members, (name, inner) => coerce(inner, memberSchema(schema, name))),
    }
  if (!node.coercible || typeof node.value !== 'string') return node
  const value = typed(node.value, wantedTypes(schema))
  return value === undefined ? node : { ...node, value }
}

function wantedTypes(schema: Schema | undefined): ReadonlySet<string> {
  const types = [schema?.type ?? []].flat()
  const literals = [...(schema?.enum ?? []), ...(schema && 'const' in schema ? [schema.const] : [])]
  return new Set([...types, ...literals.map((literal) => typeof literal)])
}

function typed(text: string, wanted: ReadonlySet<string>): number | boolean | undefined {
  if (wanted.has('string')) return undefined
  if ((wanted.has('integer') || wanted.has('number')) && /^-?\d+(\.\d+)?$/.test(text))
    return Number(text)
  if (wanted.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  return undefined
}

/** The tree with every absent default in place (origin `default`) and every path absolute. */
export function complete(node: TreeNode, schema: Schema | undefined): TreeNode {
  if (node.kind === 'list')
    return { ...node, items: node.items.map((item) => complete(item, schema?.items)) }
  if (node.kind === 'scalar') {
    const path = schema?.['x-path']
    if (!path || typeof node.value !== 'string') return node
    return { ...node, value: absolute(node.value, path === true ? '' : path, node.place.file) }
  }
  const members = mapMembers(node.members, (name, inner) =>
    complete(inner, memberSchema(schema, name)),
  )
  for (const [name, property] of Object.entries(schema?.properties ?? {})) {
    if (
      property.default === undefined ||
      members.has(name) ||
      excludedBy(schema as Schema, node, name)
    )
      continue
    const value = treeOf(property.default, node.place, 'default')
    members.set(name, { at: node.place, node: complete(value, property) })
  }
  return { ...node, members }
}

function absolute(value: string, prefix: string, file: string): string {
  const path = value.slice(prefix.length)
  // `:memory:` and the like are names, no paths
  if (!value.startsWith(prefix) || (prefix !== '' && path.startsWith(':'))) return value
  return prefix + resolve(dirname(file), path)
}

/** The value of a completed tree, durations in milliseconds and sizes in bytes. */
export function convert(node: TreeNode, schema: Schema | undefined): Json {
  if (node.kind === 'list') return node.items.map((item) => convert(item, schema?.items))
  if (node.kind === 'map') {
    const value: Record<string, Json> = {}
    for (const [name, member] of node.members)
      value[name] = convert(member.node, memberSchema(schema, name))
    return value
  }
  if (typeof node.value === 'string' && schema?.format === 'duration')
    return parseDuration(node.value) ?? null
  if (typeof node.value === 'string' && schema?.format === 'size')
    return parseSize(node.value) ?? null
  return plainOf(node)
}

function mapMembers(
  members: ReadonlyMap<string, Member>,
  change: (name: string, node: TreeNode) => TreeNode,
): Map<string, Member> {
  const changed = new Map<string, Member>()
  for (const [name, { at, node }] of members) changed.set(name, { at, node: change(name, node) })
  return changed
}
