// A section of a policy as of now: what has ended is no longer in it, so that no verifier can forget to look; it judges nothing.
import { isObject } from '../../base/json.ts'

export interface Living {
  readonly section: unknown
  /** The earliest end of a toleration that still holds; Infinity: there is none. */
  readonly tolerates: number
}

/** Drops reference values that are over, and items of lists (tolerations) whose `until` has passed; the rest stays the same object. */
export function livingSection(section: unknown, now: number): Living {
  let tolerates = Number.POSITIVE_INFINITY
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return visitList(value)
    return isObject(value) ? visitMembers(value) : value
  }
  const visitList = (list: readonly unknown[]): readonly unknown[] => {
    const kept: unknown[] = []
    let isSame = true
    for (const item of list) {
      const until = isObject(item) ? item.until : undefined
      const isOver = typeof until === 'number' && now > until
      if (typeof until === 'number' && !isOver) tolerates = Math.min(tolerates, until)
      const living = isOver ? undefined : visit(item)
      if (living !== item || isOver) isSame = false
      if (!isOver) kept.push(living)
    }
    return isSame ? list : kept
  }
  const visitMembers = (object: Record<string, unknown>): Record<string, unknown> => {
    let copy: Record<string, unknown> | undefined
    for (const name of Object.keys(object)) {
      const inner = object[name]
      const living = isOver(inner, now) ? undefined : visit(inner)
      if (living === inner) continue
      copy ??= { ...object }
      if (living === undefined) delete copy[name]
      else copy[name] = living
    }
    return copy ?? object
  }
  return { section: visit(section), tolerates }
}

// an entry of an AllowList
function isOver(value: unknown, now: number): boolean {
  return isObject(value) && typeof value.notAfter === 'number' && now > value.notAfter
}
