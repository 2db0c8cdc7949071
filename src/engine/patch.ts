// The write filter: which fields a patch may touch, with what, and how large; it copies the patched fields and nothing else.
import { AppError } from '../base/errors.ts'
import { isObject, UnsafeNumber } from '../base/json.ts'
import type { PointRules } from './point.ts'
import { unwrap } from './view.ts'

export interface PatchLimits {
  readonly bytes: number
  readonly depth: number
}

/** The payload with the patch applied; neither the old payload nor the patch is shared with the plugin afterwards. */
export function applyPatch<P extends object>(
  payload: P,
  fields: object,
  point: PointRules,
  limits: PatchLimits,
): P {
  const budget = { left: limits.bytes }
  let next = { ...payload } as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const field = Object.hasOwn(point.writable, name) ? point.writable[name] : undefined
    if (!field)
      throw new AppError('PLUGIN_PATCH_NOT_WRITABLE', `the field ${name} is not writable here`)
    const value = copy((fields as Record<string, unknown>)[name], budget, limits.depth, name)
    next = write(next, field.path, value, field, name) as Record<string, unknown>
  }
  return next as P
}

function write(
  holder: unknown,
  path: readonly string[],
  value: unknown,
  field: PointRules['writable'][string],
  name: string,
): unknown {
  const [member, ...rest] = path
  if (member === undefined || !isObject(holder)) {
    throw new AppError('PLUGIN_PATCH_INVALID', `the field ${name} does not exist in this payload`)
  }
  const current = Object.hasOwn(holder, member) ? holder[member] : undefined
  if (rest.length > 0) return { ...holder, [member]: write(current, rest, value, field, name) }
  if (field.merge && !isObject(current)) {
    throw new AppError('PLUGIN_PATCH_INVALID', `the field ${name} does not exist in this payload`)
  }
  if (!field.accepts(value, current)) {
    throw new AppError('PLUGIN_PATCH_INVALID', `the value for ${name} has the wrong shape`)
  }
  return {
    ...holder,
    [member]: field.merge ? { ...(current as object), ...(value as object) } : value,
  }
}

/** A plugin's answer as plain JSON within the limits; nothing of it is shared with the plugin afterwards. */
export function plainJson(value: unknown, limits: PatchLimits, name: string): unknown {
  return copy(value, { left: limits.bytes }, limits.depth, name)
}

/** Plain JSON out of what a plugin built: views are replaced by what is behind them, anything that is not JSON is refused. */
function copy(value: unknown, budget: { left: number }, depth: number, where: string): unknown {
  if (depth < 0)
    throw new AppError('PLUGIN_PATCH_INVALID', `the value for ${where} is nested too deeply`)
  spend(budget, typeof value === 'string' ? value.length + 2 : 4, where)
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      break
    case 'undefined':
      return undefined
    case 'object':
      return value === null ? null : copyObject(value, budget, depth, where)
  }
  throw new AppError('PLUGIN_PATCH_INVALID', `the value for ${where} is not JSON`)
}

function copyObject(
  value: object,
  budget: { left: number },
  depth: number,
  where: string,
): unknown {
  const raw = unwrap(value) as object
  if (raw instanceof UnsafeNumber) return raw
  if (raw !== value) {
    // a part of the payload as it was: shared, because nobody can change it, and measured
    measure(raw, budget, depth, where)
    return raw
  }
  if (Array.isArray(value))
    return value.map((inner) => copy(inner === undefined ? null : inner, budget, depth - 1, where))
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new AppError(
      'PLUGIN_PATCH_INVALID',
      `the value for ${where} holds something that is not a plain object`,
    )
  }
  const result: Record<string, unknown> = {}
  for (const member of Object.keys(value)) {
    spend(budget, member.length + 4, where)
    const inner = copy((value as Record<string, unknown>)[member], budget, depth - 1, where)
    if (inner === undefined) continue
    if (member === '__proto__')
      Object.defineProperty(result, member, {
        value: inner,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    else result[member] = inner
  }
  return result
}

function measure(value: unknown, budget: { left: number }, depth: number, where: string): void {
  if (depth < 0)
    throw new AppError('PLUGIN_PATCH_INVALID', `the value for ${where} is nested too deeply`)
  spend(budget, typeof value === 'string' ? value.length + 2 : 4, where)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const inner of value) measure(inner, budget, depth - 1, where)
    return
  }
  for (const member of Object.keys(value)) {
    spend(budget, member.length + 4, where)
    measure((value as Record<string, unknown>)[member], budget, depth - 1, where)
  }
}

function spend(budget: { left: number }, bytes: number, where: string): void {
  budget.left -= bytes
  if (budget.left < 0)
    throw new AppError(
      'PAYLOAD_TOO_LARGE',
      `the patched field ${where} is larger than the limit for this point`,
    )
}
