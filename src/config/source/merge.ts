// Lays one tree over another: profiles override, includes only add; pure, it reads nothing.
import { createProblem, formatPath, type Path, type Problem } from '../problem.ts'
import { isNamedList, memberSchema, type Schema } from '../schema/schema.ts'
import type { ListNode, MapNode, Member, TreeNode } from './tree.ts'

/**
 * A profile over the file, as a JSON merge patch (RFC 7396): null removes, mappings merge, everything else replaces. One
 * exception: in a list whose items have names, an item of the same name is merged into its namesake and a new one is appended.
 */
export function mergeProfile(base: TreeNode, over: TreeNode, schema: Schema | undefined): TreeNode {
  if (base.kind === 'list' && over.kind === 'list' && isNamedList(schema))
    return mergeNamed(base, over, schema)
  if (over.kind !== 'map') return over
  const members = new Map<string, Member>(base.kind === 'map' ? base.members : [])
  for (const [name, member] of over.members) {
    const inner = memberSchema(schema, name)
    const old = members.get(name)?.node
    if (member.node.kind === 'scalar' && member.node.value === null) members.delete(name)
    else
      members.set(name, {
        at: member.at,
        node: mergeProfile(old ?? emptyLike(member.node), member.node, inner),
      })
  }
  return { ...(base.kind === 'map' ? base : over), members }
}

// a null inside a mapping that is new removes nothing and must not stay behind
function emptyLike(node: TreeNode): TreeNode {
  return node.kind === 'map' ? { ...node, members: new Map() } : node
}

function mergeNamed(base: ListNode, over: ListNode, schema: Schema | undefined): TreeNode {
  const items = [...base.items]
  for (const item of over.items) {
    const name = nameOf(item)
    const index = name === undefined ? -1 : items.findIndex((other) => nameOf(other) === name)
    const old = items[index]
    if (old === undefined) items.push(item)
    else items[index] = keepName(old, mergeProfile(old, item, schema?.items))
  }
  return { ...base, items }
}

// the name stays where the item was made, so that a second one of that name is reported against it
function keepName(old: TreeNode, merged: TreeNode): TreeNode {
  const name = old.kind === 'map' ? old.members.get('name') : undefined
  if (merged.kind !== 'map' || name === undefined) return merged
  return { ...merged, members: new Map(merged.members).set('name', name) }
}

function nameOf(node: TreeNode): string | undefined {
  const name = node.kind === 'map' ? node.members.get('name')?.node : undefined
  return name?.kind === 'scalar' && typeof name.value === 'string' ? name.value : undefined
}

/** What an included file may hold, as paths; all are lists, and its items come after those already there. */
export const INCLUDABLE: readonly Path[] = [
  ['servers'],
  ['virtual_servers'],
  ['policies'],
  ['plugins', 'entries'],
  ['plugins', 'allowed'],
  ['plugins', 'dirs'],
]

/** An included file added to what was read so far. Anything that is not a list of `INCLUDABLE` is a problem. */
export function addInclude(
  base: MapNode,
  included: TreeNode,
): { tree: MapNode; problems: Problem[] } {
  const problems: Problem[] = []
  const add = (into: MapNode, from: MapNode, path: Path): MapNode => {
    const members = new Map(into.members)
    for (const [name, member] of from.members) {
      const inner = [...path, name]
      if (path.length === 0 && (name === 'version' || name === 'include')) continue
      const old = members.get(name)
      if (!isIncludable(inner)) problems.push(notIncludable(member, inner))
      else if (old === undefined && isWhole(inner)) members.set(name, member)
      else if (isWhole(inner)) members.set(name, append(old as Member, member))
      else if (member.node.kind === 'map') {
        const under =
          old?.node.kind === 'map'
            ? old.node
            : { ...member.node, members: new Map<string, Member>() }
        members.set(name, { at: old?.at ?? member.at, node: add(under, member.node, inner) })
      } else members.set(name, member)
    }
    return { ...into, members }
  }
  if (included.kind !== 'map')
    return {
      tree: base,
      problems: [
        createProblem(included.place, [], 'a configuration file is a mapping of sections'),
      ],
    }
  return { tree: add(base, included, []), problems }
}

function append(old: Member, added: Member): Member {
  if (old.node.kind !== 'list' || added.node.kind !== 'list')
    return old.node.kind === 'list' ? added : old
  return { at: old.at, node: { ...old.node, items: [...old.node.items, ...added.node.items] } }
}

function isWhole(path: Path): boolean {
  return INCLUDABLE.some((allowed) => allowed.length === path.length && isPrefix(path, allowed))
}

function isIncludable(path: Path): boolean {
  return INCLUDABLE.some((allowed) => isPrefix(path, allowed))
}

function isPrefix(path: Path, of: Path): boolean {
  return path.length <= of.length && path.every((step, index) => of[index] === step)
}

function notIncludable(member: Member, path: Path): Problem {
  const allowed = INCLUDABLE.map(formatPath).join(', ')
  return createProblem(
    member.at,
    path,
    `${formatPath(path)} cannot be set in an included file, which may only add to ${allowed}; set it in the main file`,
  )
}
