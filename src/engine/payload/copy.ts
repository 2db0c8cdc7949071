// Plain JSON out of what a plugin built: measured, bounded in depth, and nothing of it shared with the plugin afterwards.
import { AppError } from '../../base/errors.ts'
import { UnsafeNumber } from '../../base/json.ts'
import { unwrap } from './view.ts'

export interface CopyLimits {
  readonly bytes: number
  readonly depth: number
}

/** Parts of a payload that come back unchanged are shared with it, since nobody can change them, or copied like the rest. */
export type PayloadParts = 'shared' | 'copied'

/** Throws PLUGIN_PATCH_INVALID for what is not JSON, PAYLOAD_TOO_LARGE beyond the limit. */
export function plainJson(
  value: unknown,
  limits: CopyLimits,
  name: string,
  parts: PayloadParts = 'shared',
): unknown {
  return new Copy(limits.bytes, name, parts).value(value, limits.depth)
}

/** One copying with its budget, which may go over several values. */
export class Copy {
  readonly #parts: PayloadParts
  #left: number
  #name: string

  constructor(bytes: number, name: string, parts: PayloadParts = 'shared') {
    this.#left = bytes
    this.#name = name
    this.#parts = parts
  }

  field(name: string, value: unknown, depth: number): unknown {
    this.#name = name
    return this.value(value, depth)
  }

  value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        this.#spendText(value)
        return value
      case 'boolean':
        this.#spend(4)
        return value
      case 'undefined':
        return undefined
      case 'number':
        this.#spend(4)
        if (Number.isFinite(value)) return value
        break
      case 'object':
        this.#spend(4)
        return value === null ? null : this.#object(value, depth)
    }
    throw this.#invalid('is not JSON')
  }

  #object(value: object, depth: number): unknown {
    if (depth < 0) throw this.#invalid('is nested too deeply')
    const raw = unwrap(value)
    if (raw instanceof UnsafeNumber) return raw
    if (raw !== value && this.#parts === 'shared') {
      this.#measure(raw, depth)
      return raw
    }
    if (Array.isArray(raw)) return this.#array(raw, depth)
    const prototype = Object.getPrototypeOf(raw)
    if (prototype !== Object.prototype && prototype !== null)
      throw this.#invalid('holds something that is not a plain object')
    return this.#members(raw as Record<string, unknown>, depth)
  }

  // by index, once: the `map` and the length of a hostile array are its own
  #array(source: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = []
    const { length } = source
    for (let i = 0; i < length; i++) {
      const inner = this.value(source[i], depth - 1)
      if (inner === undefined) this.#spend(4)
      copy.push(inner === undefined ? null : inner)
    }
    return copy
  }

  #members(source: Record<string, unknown>, depth: number): Record<string, unknown> {
    const copy: Record<string, unknown> = {}
    for (const member of Object.keys(source)) {
      const inner = this.value(source[member], depth - 1)
      if (inner === undefined) continue
      this.#spendText(member)
      // by definition: assigning `__proto__` would change the prototype
      if (member === '__proto__')
        Object.defineProperty(copy, member, {
          value: inner,
          enumerable: true,
          writable: true,
          configurable: true,
        })
      else copy[member] = inner
    }
    return copy
  }

  #measure(value: unknown, depth: number): void {
    if (typeof value === 'string') {
      this.#spendText(value)
      return
    }
    this.#spend(4)
    if (typeof value !== 'object' || value === null) return
    if (depth < 0) throw this.#invalid('is nested too deeply')
    if (Array.isArray(value)) {
      for (const inner of value) this.#measure(inner, depth - 1)
      return
    }
    for (const member of Object.keys(value)) {
      this.#spendText(member)
      this.#measure((value as Record<string, unknown>)[member], depth - 1)
    }
  }

  #spendText(text: string): void {
    // what is longer than the rest of the budget need not be measured
    this.#spend(text.length > this.#left ? text.length : utf8Length(text) + 2)
  }

  #spend(bytes: number): void {
    this.#left -= bytes
    if (this.#left < 0)
      throw new AppError(
        'PAYLOAD_TOO_LARGE',
        `the field ${this.#name} is larger than the limit for this point`,
      )
  }

  #invalid(what: string): AppError {
    return new AppError('PLUGIN_PATCH_INVALID', `the value for ${this.#name} ${what}`)
  }
}

function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}
