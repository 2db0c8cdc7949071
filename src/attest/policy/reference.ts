// Puts reference values in place of their ids and dates in place of their texts, wherever they stand in a policy; it judges no evidence.
import { isObject } from '../../base/json.ts'
import { suggest } from '../../base/suggest.ts'
import type { AllowList } from '../evidence/evidence.ts'
import { DATE_IN_WORDS, parseDate } from './date.ts'

export type PolicyPath = readonly (string | number)[]

/** What is wrong with a policy that fits the schema. */
export interface PolicyProblem {
  readonly path: PolicyPath
  readonly message: string
  readonly suggestion?: string | undefined
}

export interface KnownReference {
  readonly values: readonly string[]
  readonly notAfter: number | undefined
}

export interface Resolving {
  readonly known: ReadonlyMap<string, KnownReference>
  readonly problems: PolicyProblem[]
}

/** Members that are the end or the beginning of something, whatever section they stand in. */
const EDGES: Readonly<Record<string, 'begin' | 'end'>> = {
  until: 'end',
  not_after: 'end',
  not_before: 'begin',
}

/** A section with every list below a member `reference` as an AllowList, and every date as milliseconds. */
export function resolveSection(value: unknown, path: PolicyPath, at: Resolving): unknown {
  return resolve(value, path, at, false)
}

function resolve(value: unknown, path: PolicyPath, at: Resolving, listed: boolean): unknown {
  if (Array.isArray(value))
    return listed
      ? allowList(value, path, at)
      : value.map((inner, index) => resolve(inner, [...path, index], at, false))
  if (!isObject(value)) return value
  const resolved: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) {
    const edge = Object.hasOwn(EDGES, name) ? EDGES[name] : undefined
    const here = [...path, name]
    resolved[name] =
      edge !== undefined && typeof inner === 'string'
        ? dateIn(inner, edge, here, at)
        : resolve(inner, here, at, listed || name === 'reference')
  }
  return resolved
}

/** Milliseconds since the epoch; 0, which is over, for a day that is none. */
export function dateIn(
  text: string,
  edge: 'begin' | 'end',
  path: PolicyPath,
  { problems }: Resolving,
): number {
  const time = parseDate(text, edge)
  if (time === undefined) problems.push({ path, message: `there is no such day; ${DATE_IN_WORDS}` })
  return time ?? 0
}

/** The list with each id replaced by what it stands for. */
export function allowList(
  list: readonly unknown[],
  path: PolicyPath,
  { known, problems }: Resolving,
): AllowList {
  const allowed: Record<string, { id: string; notAfter?: number }> = {}
  list.forEach((entry, index) => {
    const id = String(entry)
    if (!id.startsWith('rv:')) {
      // written out without an end: it holds for as long as it stands there
      allowed[id] = { id }
      return
    }
    const reference = known.get(id)
    if (reference === undefined) {
      const message = `there is no ${id} in reference_values`
      problems.push({ path: [...path, index], message, suggestion: suggest(id, known.keys()) })
      return
    }
    for (const value of reference.values) add(allowed, value, id, reference.notAfter)
  })
  return allowed
}

// two builds with one measurement: the one that ends later allows it for longer
function add(
  allowed: Record<string, { id: string; notAfter?: number }>,
  value: string,
  id: string,
  notAfter: number | undefined,
): void {
  const before = allowed[value]
  if (before && (before.notAfter === undefined || before.notAfter >= (notAfter ?? Infinity))) return
  allowed[value] = notAfter === undefined ? { id } : { id, notAfter }
}
