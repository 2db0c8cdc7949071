// Items added to the lists of a configuration that has been read: where they came from is their place; nothing is validated.
import type { Path, Problem } from '../problem.ts'
import { readObject } from './object.ts'
import { findNode, type TreeNode, withValue } from './tree.ts'

/** One more item of a list, in the form of the file. */
export interface AddedItem {
  readonly path: Path
  readonly value: unknown
  /** Named in place of a file where something is wrong with it. */
  readonly source: string
}

export function withItems(
  tree: TreeNode,
  added: readonly AddedItem[],
): { readonly tree: TreeNode; readonly problems: Problem[] } {
  const problems: Problem[] = []
  let extended = tree
  for (const { path, value, source } of added) {
    const place = { file: source, line: 0, column: 0 }
    const item = readObject(value, place)
    problems.push(...item.problems)
    const list = findNode(extended, path)
    const items = list.depth === path.length && list.node.kind === 'list' ? list.node.items : []
    if (item.tree === undefined) continue
    const at = list.depth === path.length ? list.node : { place, origin: 'file' as const }
    const node: TreeNode = {
      kind: 'list',
      place: at.place,
      origin: at.origin,
      items: [...items, item.tree],
    }
    extended = withValue(extended, path, node)
  }
  return { tree: extended, problems }
}
