// A loaded configuration as YAML, each value with its origin beside it and secrets hidden; for people, not for loading again.
import {
  Document,
  isCollection,
  isScalar,
  type Pair,
  type ParsedNode,
  type Scalar,
  YAMLMap,
  YAMLSeq,
} from 'yaml'
import { REDACTED, redactText } from '../base/log.ts'
import type { LoadedConfig } from './load.ts'
import { formatPlace, type Path } from './problem.ts'
import { memberSchema, type Schema } from './schema/schema.ts'
import { isSecretPlace, showArgument } from './schema/secret.ts'
import type { ListNode, ScalarNode, TreeNode } from './source/tree.ts'

/** The resolved file: every value in force, with a comment that says who set it. Paths are shown relative to `cwd`. */
export function printConfig(loaded: LoadedConfig<unknown>, options: { cwd?: string } = {}): string {
  const document = new Document(null, { version: '1.2' })
  const print = (
    node: TreeNode,
    schema: Schema | undefined,
    path: Path,
  ): YAMLMap | YAMLSeq | Scalar => {
    if (node.kind === 'scalar')
      return printScalar(document, node, show(node, path, schema), options)
    if (node.kind === 'list') return printList(node, schema, path)
    const map = new YAMLMap(document.schema)
    for (const [name, { node: inner }] of node.members) {
      const pair = document.createPair(
        name,
        print(inner, memberSchema(schema, name), [...path, name]),
      )
      map.items.push(pair as Pair<unknown, ParsedNode>)
    }
    return withOrigin(map, node, options)
  }
  const printList = (node: ListNode, schema: Schema | undefined, path: Path): YAMLSeq => {
    const list = new YAMLSeq(document.schema)
    node.items.forEach((item, index) => {
      const inner = print(item, schema?.items, [...path, index])
      if (path.at(-1) === 'args' && isScalar(inner))
        inner.value = argument(node, index, inner.value)
      list.items.push(inner)
    })
    return withOrigin(list, node, options)
  }
  document.contents = print(loaded.tree, loaded.schema, []) as never
  return document.toString({ lineWidth: 0 })
}

function show(node: ScalarNode, path: Path, schema: Schema | undefined): unknown {
  if (node.value === null) return null
  if (isSecretPlace(node, path, schema)) return REDACTED
  return typeof node.value === 'string' ? redactText(node.value) : node.value
}

function argument(list: ListNode, index: number, shown: unknown): unknown {
  const previous = list.items[index - 1]
  const before = previous?.kind === 'scalar' ? String(previous.value) : undefined
  return typeof shown === 'string' ? (showArgument(shown, before) ?? REDACTED) : shown
}

function printScalar(
  document: Document,
  node: ScalarNode,
  shown: unknown,
  options: { cwd?: string },
): Scalar {
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
  if (!isCollection(collection) || collection.items.length > 0) return collection
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
