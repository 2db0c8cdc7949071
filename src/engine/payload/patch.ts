// The write filter: which fields a patch may touch, with what, and how large; it copies the patched fields and nothing else.
import { AppError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import type { PointRules, WritableField } from '../point.ts'
import { Copy, type CopyLimits } from './copy.ts'

export interface Patched<P extends object> {
  readonly payload: P
  /** Names of the fields that were replaced. */
  readonly fields: readonly string[]
}

/**
 * The payload with the patch applied; a field that is undefined is one the patch does not name. Everything is read from the
 * patch once: its getters are the plugin's.
 */
export function applyPatch<P extends object>(
  payload: P,
  patch: object,
  point: PointRules,
  limits: CopyLimits,
): Patched<P> {
  const copy = new Copy(limits.bytes, 'patch')
  const fields: string[] = []
  let next: Record<string, unknown> = payload as Record<string, unknown>
  for (const name of Reflect.ownKeys(patch)) {
    const field =
      typeof name === 'string' && Object.hasOwn(point.writable, name)
        ? point.writable[name]
        : undefined
    if (!field || typeof name !== 'string')
      throw new AppError(
        'PLUGIN_PATCH_NOT_WRITABLE',
        `the field ${String(name)} is not writable here`,
      )
    const value = copy.field(name, (patch as Record<string, unknown>)[name], limits.depth)
    if (value === undefined) continue
    next = write(next, field.path, 0, value, field, name)
    fields.push(name)
  }
  return { payload: next as P, fields }
}

function write(
  holder: unknown,
  path: readonly string[],
  level: number,
  value: unknown,
  field: WritableField,
  name: string,
): Record<string, unknown> {
  const member = path[level] as string
  if (!isObject(holder)) throw absent(name)
  const current = Object.hasOwn(holder, member) ? holder[member] : undefined
  if (level < path.length - 1)
    return { ...holder, [member]: write(current, path, level + 1, value, field, name) }
  if (field.merge && !isObject(current)) throw absent(name)
  if (!field.accepts(value, current))
    throw new AppError('PLUGIN_PATCH_INVALID', `the value for ${name} has the wrong shape`)
  return {
    ...holder,
    [member]: field.merge ? { ...(current as object), ...(value as object) } : value,
  }
}

function absent(name: string): AppError {
  return new AppError('PLUGIN_PATCH_INVALID', `the field ${name} does not exist in this payload`)
}
