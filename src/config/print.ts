// A loaded configuration with its secrets hidden: as YAML with the origin of each value, or as values; it loads nothing.
import { Document, type Pair, type ParsedNode, type Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { REDACTED, redactText } from '../base/log.ts'
import type { LoadedConfig } from './load.ts'
import { formatPlace, type Path } from './problem.ts'
import { convert } from './schema/resolve.ts'
import { memberSchema, type Schema } from './schema/schema.ts'
import { isSecretPlace, showArgument } from './schema/secret.ts'
import {
  type ListNode,
  type Member,
  plainOf,
  type ScalarNode,
  type TreeNode,
} from './source/tree.ts'

/** The resolved file: every value in force, with a comment that says who set it. Paths are shown relative to `cwd`. */
export function printConfig(loaded: LoadedConfig<unknown>, options: { cwd?: string } = {}): string {
  const document = new Document(null, { version: '1.2' })
  const print = (node: TreeNode): YAMLMap | YAMLSeq | Scalar => {
    if (node.kind === 'scalar') return printScalar(document, node, options)
    if (node.kind === 'list') {
      const list = new YAMLSeq(document.schema)
      for (const item of node.items) list.items.push(print(item))
      return withOrigin(list, node, options)
    }
    const map = new YAMLMap(document.schema)
    for (const [name, member] of node.members)
      map.items.push(document.createPair(name, print(member.node)) as Pair<unknown, ParsedNode>)
    return withOrigin(map, node, options)
  }
  document.contents = print(hide(loaded.tree, loaded.schema, [])) as never
  return document.toString({ lineWidth: 0 })
}

/** The resolved values with secrets hidden: what policies and the audit may see of a configuration. */
export function shownConfig(loaded: LoadedConfig<unknown>): Record<string, unknown> {
  const shown = convert(hide(loaded.tree, loaded.schema, []), loaded.schema)
  return shown as Record<string, unknown>
}

/** The same in the form of the file: durations and sizes as they are written. */
export function shownForm(loaded: LoadedConfig<unknown>): Record<string, unknown> {
  return plainOf(hide(loaded.tree, loaded.schema, [])) as Record<string, unknown>
}

function hide(node: TreeNode, schema: Schema | undefined, path: Path): TreeNode {
  if (node.kind === 'scalar') return hideScalar(node, schema, path)
  if (node.kind === 'list') {
    const items = node.items.map((item, index) => hide(item, schema?.items, [...path, index]))
    return { ...node, items: path.at(-1) === 'args' ? hideArguments(node, items) : items }
  }
  const members = new Map<string, Member>()
  for (const [name, member] of node.members) {
    const inner = hide(member.node, memberSchema(schema, name), [...path, name])
    members.set(name, { at: member.at, node: inner })
  }
  return { ...node, members }
}

function hideScalar(node: ScalarNode, schema: Schema | undefined, path: Path): ScalarNode {
  if (node.value === null) return node
  if (isSecretPlace(node, path, schema)) return { ...node, value: REDACTED }
  return typeof node.value === 'string' ? { ...node, value: redactText(node.value) } : node
}

// a secret in a command line follows the flag that names it
function hideArguments(list: ListNode, items: readonly TreeNode[]): TreeNode[] {
  return items.map((item, index) => {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') return item
    const previous = list.items[index - 1]
    const before = previous?.kind === 'scalar' ? String(previous.value) : undefined
    return { ...item, value: showArgument(item.value, before) ?? REDACTED }
  })
}

function printScalar(document: Document, node: ScalarNode, options: { cwd?: string }): Scalar {
  const shown = node.value
  const scalar = document.createNode(shown) as Scalar
  // text of several lines is shown quoted on one, where a comment can follow
  if (typeof shown === 'string' && shown.includes('\n')) scalar.type = 'QUOTE_DOUBLE'
  scalar.comment = ` ${describeOrigin(node, options)}`
  return scalar
}

// an empty collection has no inner value that could carry the comment
function withOrigin<C extends YAMLMap | YAMLSeq>(
  collection: C,
  node: TreeNode,
  options: { cwd?: string },
): C {
  if (collection.items.length > 0) return collection
  collection.flow = true
  collection.comment = ` ${describeOrigin(node, options)}`
  return collection
}

function describeOrigin(node: TreeNode, options: { cwd?: string }): string {
  const at = formatPlace(node.place, options)
  if (node.origin === 'default') return 'default'
  if (node.origin === 'flag') return `flag ${at}`
  const from = node.kind === 'scalar' ? (node.from ?? []) : []
  if (from.length > 0) return `${from.map((name) => `\${${name}}`).join(' ')} at ${at}`
  if (node.origin === 'env') return `env ${at}`
  if (node.origin === 'profile') return `profile ${at}`
  return at === '' ? 'given' : at
}
