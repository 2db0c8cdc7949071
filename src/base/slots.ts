// Things in flight, found by numbers that are never used twice; it does not know what they are.

/** Numbers of one slot are this far apart, so a number tells its slot. */
const STRIDE = 4096

/**
 * What a Map from a running number would do, without its price: V8 links each table of a Map to the one it grew into, so
 * that a dead table in old space keeps all later ones alive, and with them every request that was ever in flight, until
 * the next full collection. Scavenges then copied 11 KB per request and took 40 ms each (node --trace-gc).
 */
export class Slots<T> {
  readonly #taken: (T | undefined)[] = []
  readonly #numbers: number[] = []
  readonly #free: number[] = []
  size = 0

  /** The number under which `make` is asked for the thing. Throws RangeError when 4,096 are in flight. */
  add<U extends T>(make: (number: number) => U): U {
    const slot = this.#free.pop() ?? this.#taken.length
    if (slot >= STRIDE) throw new RangeError(`more than ${STRIDE} in flight`)
    const last = this.#numbers[slot]
    const number = last === undefined ? slot + 1 : last + STRIDE
    this.#numbers[slot] = number
    this.#taken[slot] = undefined
    try {
      const thing = make(number)
      this.#taken[slot] = thing
      this.size++
      return thing
    } catch (error) {
      this.#free.push(slot)
      throw error
    }
  }

  get(number: number): T | undefined {
    const slot = (number - 1) % STRIDE
    return this.#numbers[slot] === number ? this.#taken[slot] : undefined
  }

  delete(number: number): void {
    if (this.get(number) === undefined) return
    const slot = (number - 1) % STRIDE
    this.#taken[slot] = undefined
    this.#free.push(slot)
    this.size--
  }

  /** All that are in flight now, whatever becomes of them meanwhile. */
  values(): T[] {
    return this.#taken.filter((thing) => thing !== undefined)
  }
}
