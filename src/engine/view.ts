// The read-only view of a payload that plugins are handed: one lazy membrane per dispatch, whatever the payload's size.
import { AppError } from '../base/errors.ts'
import { UnsafeNumber } from '../base/json.ts'

/** `throw` in development, so that the author sees it; `ignore` in production, where it has no effect. */
export type WritePolicy = 'throw' | 'ignore'

/** Told when a plugin touched what it may not; catching the error does not undo that. */
export interface ViewGuard {
  poison: AppError | null
}

const raws = new WeakMap<object, object>()

/** The value behind a view; anything else comes back as it is. */
export function unwrap(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (raws.get(value) ?? value) : value
}

class Membrane implements ProxyHandler<object> {
  readonly #guard: ViewGuard
  readonly #writes: WritePolicy
  #views: Map<object, object> | undefined

  constructor(guard: ViewGuard, writes: WritePolicy) {
    this.#guard = guard
    this.#writes = writes
  }

  wrap(value: object): object {
    if (raws.has(value)) return value
    let view = this.#views?.get(value)
    if (view === undefined) {
      view = new Proxy(value, this)
      this.#views ??= new Map()
      this.#views.set(value, view)
      raws.set(view, value)
    }
    return view
  }

  get(target: object, key: PropertyKey): unknown {
    return this.#show(Reflect.get(target, key))
  }

  getOwnPropertyDescriptor(target: object, key: PropertyKey): PropertyDescriptor | undefined {
    const descriptor = Reflect.getOwnPropertyDescriptor(target, key)
    if (descriptor && 'value' in descriptor) descriptor.value = this.#show(descriptor.value)
    return descriptor
  }

  set(_target: object, key: PropertyKey): boolean {
    return this.#refuse(key)
  }

  defineProperty(_target: object, key: PropertyKey): boolean {
    return this.#refuse(key)
  }

  deleteProperty(_target: object, key: PropertyKey): boolean {
    return this.#refuse(key)
  }

  setPrototypeOf(): boolean {
    return this.#refuse('__proto__')
  }

  preventExtensions(): boolean {
    return this.#refuse('(extensibility)')
  }

  #show(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof UnsafeNumber) {
      this.#guard.poison = new AppError('NUMBER_UNSAFE', 'a plugin read an integer beyond 2^53')
      throw this.#guard.poison
    }
    // what is frozen cannot be changed and a proxy may not show it otherwise
    return Object.isFrozen(value) ? value : this.wrap(value)
  }

  #refuse(key: PropertyKey): boolean {
    if (this.#writes === 'ignore') return true
    throw new AppError(
      'PLUGIN_PAYLOAD_MUTATED',
      `a plugin wrote to ${String(key)} of its payload; it must return patch({...})`,
    )
  }
}

/** A view of `payload`. Functions of its prototype work; writes do what the policy says. */
export function viewOf<P extends object>(payload: P, guard: ViewGuard, writes: WritePolicy): P {
  return new Membrane(guard, writes).wrap(payload) as P
}
