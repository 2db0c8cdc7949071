// A section of a policy as of now: what has ended is no longer in it, so that no verifier can forget to look; it judges nothing.
import { isObject } from '../../base/json.ts'

export interface Living {
  readonly section: unknown
  /** The earliest end of a toleration that still holds; Infinity: there is none. */
  readonly tolerates: number
}

/** Drops reference values that are over, and items of lists (tolerations) whose `until` has passed. */
export function livingSection(section: unknown, now: number): Living {
  let tolerates = Number.POSITIVE_INFINITY
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value))
      return value
        .filter((item) => {
          if (!isObject(item) || typeof item.until !== 'number') return true
          if (now <= item.until) tolerates = Math.min(tolerates, item.until)
          return now <= item.until
        })
        .map(visit)
    if (!isObject(value)) return value
    const entries = Object.entries(value).filter(([, inner]) => !isOver(inner, now))
    return Object.fromEntries(entries.map(([name, inner]) => [name, visit(inner)]))
  }
  return { section: visit(section), tolerates }
}

// an entry of an AllowList
function isOver(value: unknown, now: number): boolean {
  return isObject(value) && typeof value.notAfter === 'number' && now > value.notAfter
}
