// The read-only view of a payload that plugins are handed: one lazy membrane per payload, whatever the payload's size.
import { AppError } from '../../base/errors.ts'
import { UnsafeNumber } from '../../base/json.ts'

/** `throw` in development, so that the author sees it; `ignore` in production, where it has no effect. */
export type WritePolicy = 'throw' | 'ignore'

// `unwrap` asks a view for this member, and the view answers into `answer`, which nobody outside this file can read: a
// plugin that learns the symbol learns nothing else. A WeakMap from views to values would cost more than the view.
const PROBE = Symbol('probe')
let asked: unknown = null
let answer: object | null = null

/** The value behind a view; anything else comes back as it is. May run code of a plugin's own proxy. */
export function unwrap(value: object): object {
  asked = value
  answer = null
  try {
    void (value as Record<symbol, unknown>)[PROBE]
    return answer ?? value
  } finally {
    asked = null
    answer = null
  }
}

/** What has been shown already, as a list: most payloads are read at a handful of places, and a Map costs more than those. */
interface Shown {
  readonly value: object
  readonly view: object
  readonly earlier: Shown | null
}

/** Comparing so many costs as much as looking one up in a Map (about 10 ns); what is shown later goes there. */
const MAX_LISTED = 8

export class View implements ProxyHandler<object> {
  /** A plugin read what cannot be read; catching the error does not undo that. */
  poison: AppError | null = null
  readonly #writes: WritePolicy
  /** What a handler is handed. */
  readonly root: object
  #shown: Shown | null = null
  #listed = 0
  #views: Map<object, object> | null = null

  constructor(payload: object, writes: WritePolicy) {
    this.#writes = writes
    this.root = this.#make(payload)
  }

  get(target: object, key: PropertyKey, receiver: unknown): unknown {
    const value = (target as Record<PropertyKey, unknown>)[key]
    if (typeof value === 'object' && value !== null) return this.#show(value)
    if (key === PROBE && receiver === asked && this.#isView(receiver, target)) answer = target
    return value
  }

  // an object that inherits from a view asks with itself as the receiver
  #isView(receiver: unknown, target: object): boolean {
    return receiver === this.root || receiver === this.#viewOf(target)
  }

  getOwnPropertyDescriptor(target: object, key: PropertyKey): PropertyDescriptor | undefined {
    let descriptor = Reflect.getOwnPropertyDescriptor(target, key)
    if (descriptor?.get !== undefined) {
      // a member that is made when it is read: its getter would hand out the payload itself
      void (target as Record<PropertyKey, unknown>)[key]
      descriptor = Reflect.getOwnPropertyDescriptor(target, key)
    }
    if (typeof descriptor?.value === 'object' && descriptor.value !== null)
      descriptor.value = this.#show(descriptor.value)
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
    this.#refuse('(extensibility)')
    return false
  }

  #show(value: object): object {
    return this.#viewOf(value) ?? this.#showFirst(value)
  }

  #viewOf(value: object): object | undefined {
    for (let shown = this.#shown; shown !== null; shown = shown.earlier)
      if (shown.value === value) return shown.view
    return this.#views?.get(value)
  }

  #showFirst(value: object): object {
    if (value instanceof UnsafeNumber) {
      this.poison = new AppError('NUMBER_UNSAFE', 'a plugin read an integer beyond 2^53')
      throw this.poison
    }
    const view = this.#make(value)
    if (this.#listed < MAX_LISTED) {
      this.#listed++
      this.#shown = { value, view, earlier: this.#shown }
    } else {
      this.#views ??= new Map()
      this.#views.set(value, view)
    }
    return view
  }

  // a proxy must show the members of a frozen object as they are, so it stands before a copy of that level
  #make(value: object): object {
    if (!Object.isFrozen(value)) return new Proxy(value, this)
    return new Proxy(Array.isArray(value) ? value.slice() : { ...value }, this)
  }

  #refuse(key: PropertyKey): boolean {
    if (this.#writes === 'ignore') return true
    throw new AppError(
      'PLUGIN_PAYLOAD_MUTATED',
      `a plugin wrote to ${String(key)} of its payload; it must return patch({...})`,
    )
  }
}
