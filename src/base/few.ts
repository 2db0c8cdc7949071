// Sets and maps of the few things a session has: lists that are searched, made when something is put in. An empty Set costs 200 bytes.

const NOTHING: readonly never[] = Object.freeze([])

/** Members in the order they were added. */
export class FewSet<T> {
  #items: T[] | undefined = undefined

  get size(): number {
    return this.#items?.length ?? 0
  }

  has(item: T): boolean {
    return this.#items?.includes(item) ?? false
  }

  add(item: T): void {
    this.#items ??= []
    if (!this.#items.includes(item)) this.#items.push(item)
  }

  delete(item: T): void {
    const at = this.#items?.indexOf(item) ?? -1
    if (at >= 0) this.#items?.splice(at, 1)
  }

  /** As they are now; adding and deleting meanwhile changes nothing. */
  values(): readonly T[] {
    return this.#items ? [...this.#items] : NOTHING
  }
}

/**
 * By keys that are compared like those of a Map. For what is written for every request, too: the tables of a Map that
 * is written all the time keep the dead alive (base/slots.ts).
 */
export class FewMap<K, V> {
  #keys: K[] | undefined = undefined
  #values: V[] = NOTHING as unknown as V[]

  get size(): number {
    return this.#values.length
  }

  has(key: K): boolean {
    return this.#at(key) >= 0
  }

  get(key: K): V | undefined {
    const at = this.#at(key)
    return at < 0 ? undefined : this.#values[at]
  }

  set(key: K, value: V): void {
    if (this.#keys === undefined) {
      this.#keys = []
      this.#values = []
    }
    const at = this.#at(key)
    if (at >= 0) this.#values[at] = value
    else {
      this.#keys.push(key)
      this.#values.push(value)
    }
  }

  delete(key: K): void {
    const at = this.#at(key)
    if (at < 0) return
    this.#keys?.splice(at, 1)
    this.#values.splice(at, 1)
  }

  /** As they are now; setting and deleting meanwhile changes nothing. */
  values(): readonly V[] {
    return [...this.#values]
  }

  #at(key: K): number {
    return this.#keys?.indexOf(key) ?? -1
  }
}
