// Whether an object has a member name twice, for all open objects of one pass, decoding no name it need not; it reads no structure.
import type { Buffer } from 'node:buffer'

/** Up to this many names are compared one by one; beyond it a table of their hashes pays. */
const FEW = 12
/** Names whose hashes fall together, before a set of strings takes over: its hashes are seeded, ours could be guessed. */
const MOST_PROBES = 16
/** Numbers kept per name: hash, start, end. */
const SIZE = 3
/** Numbers that may stay allocated between messages. */
const KEPT = 3 * 1024

/** The hash of one name, byte by byte. */
export function addToHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0
}

export class UniqueNames {
  #bytes: Buffer | undefined = undefined
  // the names of all open objects, the innermost last
  readonly #names: number[] = []
  #top = 0
  readonly #bases: number[] = []
  // of big objects: places in `names`, 0 for a free slot, by hash
  readonly #tables: (Int32Array | undefined)[] = []
  // of objects with escaped names, or with hashes that fall together
  readonly #sets: (Set<string> | undefined)[] = []
  #depth = 0

  /** Begins anew, with the names of other bytes. */
  start(bytes: Buffer): void {
    this.#bytes = bytes
    this.#top = 0
    this.#depth = 0
    this.#tables.fill(undefined)
    this.#sets.fill(undefined)
  }

  /** It has grown beyond what is worth keeping for the next message. */
  get isLarge(): boolean {
    return this.#names.length > KEPT
  }

  open(): void {
    const depth = this.#depth++
    this.#bases[depth] = this.#top
    this.#tables[depth] = undefined
    this.#sets[depth] = undefined
  }

  close(): void {
    this.#top = this.#bases[--this.#depth] as number
  }

  /** The names of the innermost object as hash, start, end; none where they are too many or some hold an escape. */
  copy(into: number[], most: number): void {
    into.length = 0
    const depth = this.#depth - 1
    const base = this.#bases[depth] as number
    if (this.#sets[depth] !== undefined || this.#top - base > most * SIZE) return
    for (let at = base; at < this.#top; at++) into.push(this.#names[at] as number)
  }

  /** False if the innermost object has the name already. `text` is given for names that hold an escape. */
  add(start: number, end: number, hash: number, text: string | undefined): boolean {
    const depth = this.#depth - 1
    const base = this.#bases[depth] as number
    const set = this.#sets[depth]
    if (text !== undefined || set !== undefined)
      return addTo(set ?? this.#toSet(depth, base), text ?? this.#text(start, end))
    const count = (this.#top - base) / SIZE
    if (count >= FEW) return this.#addToTable(depth, base, count, start, end, hash)
    for (let at = base; at < this.#top; at += SIZE)
      if (this.#names[at] === hash && this.#isSame(at, start, end)) return false
    this.#push(hash, start, end)
    return true
  }

  #push(hash: number, start: number, end: number): void {
    const names = this.#names
    const at = this.#top
    names[at] = hash
    names[at + 1] = start
    names[at + 2] = end
    this.#top = at + SIZE
  }

  #addToTable(
    depth: number,
    base: number,
    count: number,
    start: number,
    end: number,
    hash: number,
  ): boolean {
    let table = this.#tables[depth]
    // at most half full
    if (table === undefined || count * 2 >= table.length) {
      table = this.#grow(base, count)
      this.#tables[depth] = table
    }
    const slot = table && this.#slotOf(table, hash, start, end)
    if (slot === undefined) return addTo(this.#toSet(depth, base), this.#text(start, end))
    if (slot < 0) return false
    ;(table as Int32Array)[slot] = this.#top + 1
    this.#push(hash, start, end)
    return true
  }

  /** The free slot for a name; negative: it is there already; undefined: too many hashes fall together. */
  #slotOf(table: Int32Array, hash: number, start: number, end: number): number | undefined {
    const mask = table.length - 1
    // the high bits of the product are mixed best (Knuth, multiplicative hashing)
    let slot = Math.imul(hash ^ (hash >>> 16), 0x9e3779b1) >>> Math.clz32(mask)
    for (let probes = 0; probes < MOST_PROBES; probes++, slot = (slot + 1) & mask) {
      const there = table[slot] as number
      if (there === 0) return slot
      if (this.#names[there - 1] === hash && this.#isSame(there - 1, start, end)) return -1
    }
    return undefined
  }

  #grow(base: number, count: number): Int32Array | undefined {
    const names = this.#names
    const table = new Int32Array(2 << Math.ceil(Math.log2(count * 2)))
    for (let at = base; at < this.#top; at += SIZE) {
      const start = names[at + 1] as number
      const slot = this.#slotOf(table, names[at] as number, start, names[at + 2] as number)
      if (slot === undefined) return undefined
      table[slot] = at + 1
    }
    return table
  }

  #isSame(at: number, start: number, end: number): boolean {
    const otherStart = this.#names[at + 1] as number
    const otherEnd = this.#names[at + 2] as number
    if (otherEnd - otherStart !== end - start) return false
    const bytes = this.#bytes as Buffer
    return bytes.compare(bytes, otherStart, otherEnd, start, end) === 0
  }

  #toSet(depth: number, base: number): Set<string> {
    const set = new Set<string>()
    for (let at = base; at < this.#top; at += SIZE)
      set.add(this.#text(this.#names[at + 1] as number, this.#names[at + 2] as number))
    this.#sets[depth] = set
    return set
  }

  #text(start: number, end: number): string {
    return (this.#bytes as Buffer).toString('utf8', start, end)
  }
}

function addTo(set: Set<string>, name: string): boolean {
  if (set.has(name)) return false
  set.add(name)
  return true
}
