// The direct members of one object in a message, in order: their names, and where name and value lie; it reads no bytes.

/** Byte offsets into the message, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A member of an object: the span is its value's. */
export interface Member extends Span {
  /** Offset of the quote that opens the name. */
  readonly nameStart: number
}

/** Up to this many names are compared one by one; beyond it an index pays, and a hostile object must not cost its square. */
const FEW = 16

/** What a Map would do for the few members that honest messages have, at a fifth of its allocation. */
export class MemberTable {
  static readonly EMPTY = new MemberTable()
  readonly #names: string[] = []
  readonly #members: Member[] = []
  #index: Map<string, number> | undefined = undefined

  get size(): number {
    return this.#names.length
  }

  get(name: string): Member | undefined {
    const at = this.#at(name)
    return at < 0 ? undefined : this.#members[at]
  }

  has(name: string): boolean {
    return this.#at(name) >= 0
  }

  /** In the order of the message. */
  keys(): readonly string[] {
    return this.#names
  }

  values(): readonly Member[] {
    return this.#members
  }

  *[Symbol.iterator](): Iterator<readonly [string, Member]> {
    for (const [at, name] of this.#names.entries()) yield [name, this.#members[at] as Member]
  }

  /** For a name that is not there yet. */
  add(name: string, member: Member): void {
    this.#index?.set(name, this.#names.length)
    this.#names.push(name)
    this.#members.push(member)
  }

  #at(name: string): number {
    if (this.#names.length <= FEW) return this.#names.indexOf(name)
    this.#index ??= new Map(this.#names.map((known, at) => [known, at]))
    return this.#index.get(name) ?? -1
  }
}
