// A configuration given as an object to a tree, refusing what YAML could not have said; it copies, and keeps nothing of the caller's.
import { createProblem, type Path, type Place, type Problem } from '../problem.ts'
import type { Member, TreeNode } from './tree.ts'
import type { ParsedText } from './yaml.ts'

const MAX_DEPTH = 64

export function readObject(value: unknown, place: Place): ParsedText {
  const problems: Problem[] = []
  const refuse = (path: Path, message: string): TreeNode => {
    problems.push(createProblem(place, path, message))
    return { kind: 'scalar', value: null, place, origin: 'file' }
  }
  const read = (inner: unknown, path: Path): TreeNode => {
    if (path.length > MAX_DEPTH)
      return refuse(path.slice(0, 8), `nested deeper than ${MAX_DEPTH} levels`)
    if (
      inner === null ||
      typeof inner === 'string' ||
      typeof inner === 'boolean' ||
      Number.isFinite(inner)
    )
      return {
        kind: 'scalar',
        value: inner as string | number | boolean | null,
        place,
        origin: 'file',
      }
    if (Array.isArray(inner))
      return {
        kind: 'list',
        place,
        origin: 'file',
        items: inner.map((item, index) => read(item, [...path, index])),
      }
    if (typeof inner !== 'object' || !isPlain(inner)) return refuse(path, 'this is no JSON value')
    const members = new Map<string, Member>()
    for (const [key, member] of Object.entries(inner)) {
      if (member === undefined) continue
      if (key === '__proto__') refuse([...path, key], 'the key "__proto__" is refused')
      else members.set(key, { at: place, node: read(member, [...path, key]) })
    }
    return { kind: 'map', place, origin: 'file', members }
  }
  const tree = read(value, [])
  return { tree: problems.length > 0 ? undefined : tree, problems }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
