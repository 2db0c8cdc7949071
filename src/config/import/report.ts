// What an import could not carry over, collected with its place while the importers read.
import { createProblem, type Path, type Problem } from '../problem.ts'
import { findNode, type TreeNode } from '../source/tree.ts'

export interface ImportReport {
  readonly warnings: Problem[]
  readonly problems: Problem[]
  // both return undefined, so that an importer can leave with what it reports
  /** The file can be used, but something in it was left out or must be looked at. */
  warn(path: Path, message: string): undefined
  /** The file cannot be imported as it is. */
  fail(path: Path, message: string, suggestion?: string): undefined
}

export function createImportReport(tree: TreeNode): ImportReport {
  const warnings: Problem[] = []
  const problems: Problem[] = []
  const place = (path: Path) => {
    const { at, node, depth } = findNode(tree, path)
    return depth === path.length ? at : node.place
  }
  return {
    warnings,
    problems,
    warn(path, message) {
      warnings.push(createProblem(place(path), path, message))
    },
    fail(path, message, suggestion) {
      problems.push(createProblem(place(path), path, message, { suggestion }))
    },
  }
}
