// JSON as types and the few pure operations on it that every room needs.

export type JsonPrimitive = string | number | boolean | null
export type Json = JsonPrimitive | readonly Json[] | JsonObject
export type JsonObject = { readonly [member: string]: Json | undefined }

/**
 * An integer beyond 2^53 as it stood in the bytes. JavaScript cannot hold it, so nobody may read it (NUMBER_UNSAFE), and it
 * is written again with its own digits.
 */
export class UnsafeNumber {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }

  toJSON(): unknown {
    const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }
    return rawJSON(this.source)
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** JSON merge patch (RFC 7396): null removes, objects merge, everything else replaces. Inputs are not changed. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isMergeable(patch)) return patch as Json
  const merged: Record<string, Json> = Object.create(null)
  if (isMergeable(target)) {
    for (const [member, value] of Object.entries(target))
      if (value !== undefined) merged[member] = value as Json
  }
  for (const [member, value] of Object.entries(patch as JsonObject)) {
    if (value === null || value === undefined) delete merged[member]
    else merged[member] = mergePatch(merged[member], value)
  }
  return plain(merged)
}

// a number is a value as a whole, whatever class holds it
function isMergeable(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !(value instanceof UnsafeNumber)
}

// a member called __proto__ stays a member: built without a prototype, then given one by definition, not assignment
function plain(source: Record<string, Json>): JsonObject {
  return Object.defineProperties({}, Object.getOwnPropertyDescriptors(source)) as JsonObject
}

/** The text of a JSON value, members sorted: equal values have equal texts, and others have others. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    // digits that are written as they stood are no object with a member
    isObject(inner) && !isRawJson(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function isRawJson(value: unknown): boolean {
  const { isRawJSON } = JSON as unknown as { isRawJSON(value: unknown): boolean }
  return isRawJSON(value)
}

/** Freezes a value and all it holds. For values built at load, never for payloads on the hot path. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
