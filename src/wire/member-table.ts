// The direct members of one object in a message, in order: their names, and where name and value lie; it reads no bytes.

/** Byte offsets into the message, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A member of an object: the span is its value's. */
export interface Member extends Span {
  /** Decoded. */
  readonly name: string
  /** Offset of the quote that opens the name. */
  readonly nameStart: number
}

/** Up to this many names are compared one by one; beyond it an index pays, and a hostile object must not cost its square. */
const FEW = 16

/** What a Map would do for the few members that honest messages have, at a fifth of its allocation. */
export class MemberTable {
  static readonly EMPTY = new MemberTable()
  // room for what most objects have: pushing onto an empty list would take room for seventeen
  readonly #members: Member[] = new Array(6)
  #index: Map<string, Member> | undefined = undefined
  size = 0

  get(name: string): Member | undefined {
    if (this.size > FEW) return this.#indexed(name)
    for (let at = 0; at < this.size; at++) {
      const member = this.#members[at] as Member
      if (member.name === name) return member
    }
    return undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** In the order of the message. */
  values(): readonly Member[] {
    return this.#members.slice(0, this.size)
  }

  keys(): readonly string[] {
    return this.values().map(({ name }) => name)
  }

  *[Symbol.iterator](): Iterator<readonly [string, Member]> {
    for (const member of this.values()) yield [member.name, member]
  }

  /** With a name that is not there yet. */
  add(member: Member): void {
    this.#index?.set(member.name, member)
    this.#members[this.size++] = member
  }

  #indexed(name: string): Member | undefined {
    this.#index ??= new Map(this)
    return this.#index.get(name)
  }
}
