// Where two versions of a payload differ, as bounded paths and never as values: what explain and the audit show of a patch.
import { isObject } from '../../base/json.ts'

const MAX_PATHS = 32
const MAX_DEPTH = 8

/** Dotted paths, the outermost ones that are new, gone or different; parts that are the same object are not entered. */
export function changedPaths(before: unknown, after: unknown): readonly string[] {
  const paths: string[] = []
  collect(before, after, '', 0, paths)
  return paths
}

function collect(
  before: unknown,
  after: unknown,
  path: string,
  depth: number,
  paths: string[],
): void {
  if (Object.is(before, after) || paths.length >= MAX_PATHS) return
  const enter =
    depth < MAX_DEPTH && ((isObject(before) && isObject(after)) || bothArrays(before, after))
  if (!enter) {
    paths.push(path)
    return
  }
  const old = before as Record<string, unknown>
  const young = after as Record<string, unknown>
  for (const member of new Set([...Object.keys(old), ...Object.keys(young)]))
    collect(
      own(old, member),
      own(young, member),
      path === '' ? member : `${path}.${member}`,
      depth + 1,
      paths,
    )
}

function bothArrays(before: unknown, after: unknown): boolean {
  return Array.isArray(before) && Array.isArray(after)
}

function own(holder: Record<string, unknown>, member: string): unknown {
  return Object.hasOwn(holder, member) ? holder[member] : undefined
}
