// JSON merge patch (RFC 7396) over a payload that cannot be written to; inputs are not changed.

type Members = Readonly<Record<string, unknown>>

/** null removes, objects merge, everything else replaces; undefined when the value itself is removed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null) return undefined
  if (!isMembers(patch)) return patch
  const merged = new Map<string, unknown>(isMembers(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    const next = mergePatch(merged.get(name), value)
    if (next === undefined) merged.delete(name)
    else merged.set(name, next)
  }
  return Object.fromEntries(merged)
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
