// A configuration as a tree whose every node knows its place and origin; it does not know YAML or schemas.
import type { Json, JsonPrimitive } from '../../base/json.ts'
import type { Path, Place } from '../problem.ts'

/** Who set a value. */
export type Origin = 'default' | 'file' | 'profile' | 'env' | 'secret-file' | 'flag'

interface NodeBase {
  readonly place: Place
  readonly origin: Origin
}

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar'
  readonly value: JsonPrimitive
  /** What was substituted, `env:NAME` or `file:path`, without any default; absent for a literal. */
  readonly from?: readonly string[]
  /** Text that may become a number or a boolean where the schema wants one: a whole-scalar substitution, a flag, a variable. */
  readonly coercible?: boolean
}

export interface ListNode extends NodeBase {
  readonly kind: 'list'
  readonly items: readonly TreeNode[]
}

export interface Member {
  /** Where the key stands; unknown keys are reported there. */
  readonly at: Place
  readonly node: TreeNode
}

export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly members: ReadonlyMap<string, Member>
}

export type TreeNode = ScalarNode | ListNode | MapNode

/** Calls `change` on every scalar and rebuilds what holds a changed one; unchanged branches are shared. */
export function mapScalars(
  node: TreeNode,
  change: (scalar: ScalarNode, path: Path) => ScalarNode,
  path: Path = [],
): TreeNode {
  if (node.kind === 'scalar') return change(node, path)
  if (node.kind === 'list') {
    const items = node.items.map((item, index) => mapScalars(item, change, [...path, index]))
    return { ...node, items }
  }
  const members = new Map<string, Member>()
  for (const [key, { at, node: inner }] of node.members)
    members.set(key, { at, node: mapScalars(inner, change, [...path, key]) })
  return { ...node, members }
}

/** The node at a path, or the nearest one above it, and how many steps of the path exist. */
export function findNode(root: TreeNode, path: Path): { node: TreeNode; at: Place; depth: number } {
  let node = root
  let at = root.place
  let depth = 0
  for (const step of path) {
    const inner =
      node.kind === 'list' && typeof step === 'number'
        ? node.items[step]
        : node.kind === 'map'
          ? node.members.get(String(step))?.node
          : undefined
    if (inner === undefined) break
    at = (node.kind === 'map' && node.members.get(String(step))?.at) || inner.place
    node = inner
    depth++
  }
  return { node, at, depth }
}

/** The plain value of a tree. Key `__proto__` never gets here: the parser refuses it. */
export function plainOf(node: TreeNode): Json {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plainOf)
  const value: Record<string, Json> = {}
  for (const [key, member] of node.members) value[key] = plainOf(member.node)
  return value
}

/** A tree for a plain value, all of it at one place: defaults, flags, configurations given as objects. */
export function treeOf(value: unknown, place: Place, origin: Origin): TreeNode {
  if (Array.isArray(value))
    return { kind: 'list', place, origin, items: value.map((item) => treeOf(item, place, origin)) }
  if (typeof value !== 'object' || value === null)
    return { kind: 'scalar', place, origin, value: value as JsonPrimitive }
  const members = new Map<string, Member>()
  for (const [key, inner] of Object.entries(value))
    if (inner !== undefined) members.set(key, { at: place, node: treeOf(inner, place, origin) })
  return { kind: 'map', place, origin, members }
}

/** A copy with the value at a path replaced; maps on the way are made where they are missing. */
export function withValue(root: TreeNode, path: Path, value: TreeNode): TreeNode {
  const [step, ...rest] = path
  if (step === undefined) return value
  const map: MapNode =
    root.kind === 'map'
      ? root
      : { kind: 'map', place: value.place, origin: value.origin, members: new Map() }
  const members = new Map(map.members)
  const old = members.get(String(step))
  const empty: MapNode = {
    kind: 'map',
    place: value.place,
    origin: value.origin,
    members: new Map(),
  }
  members.set(String(step), {
    at: old?.at ?? value.place,
    node: withValue(old?.node ?? empty, rest, value),
  })
  return { ...map, members }
}
