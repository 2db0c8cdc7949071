// Cutting lists of MCP content to a budget: texts at whole characters, base64 as a whole; it decides nothing.

export interface Limits {
  readonly chars: number
  readonly bytes: number
  readonly items: number
}

export interface Size {
  readonly chars: number
  readonly bytes: number
}

/** A content block, a prompt message or the contents of a resource. */
export type Item = Readonly<Record<string, unknown>>

export interface Budget {
  /** Whether it fits; if so it is spent. */
  take(size: Size): boolean
  /** The longest beginning of the text that fits, which is spent. */
  cut(text: string): string
}

const encoder = new TextEncoder()

export function createBudget(limits: Pick<Limits, 'chars' | 'bytes'>): Budget {
  let { chars, bytes } = limits
  const take = (size: Size): boolean => {
    if (size.chars > chars || size.bytes > bytes) return false
    chars -= size.chars
    bytes -= size.bytes
    return true
  }
  return {
    take,
    cut(text) {
      const short = text.slice(0, Math.min(text.length, chars))
      // encodeInto stops before a character that does not fit
      const room = new Uint8Array(Math.min(short.length * 3, bytes))
      const cut = whole(text.slice(0, encoder.encodeInto(short, room).read))
      take(sizeOf(cut))
      return cut
    },
  }
}

function sizeOf(text: string): Size {
  return { chars: text.length, bytes: Buffer.byteLength(text) }
}

// no half of a surrogate pair at the end
function whole(text: string): string {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text
}

/** What a value takes up as JSON: all its texts, and the rest of it. */
export function measure(value: unknown): Size {
  return sizeOf(JSON.stringify(value) ?? '')
}

/** The same list when all of it fits. */
export function cutItems(
  items: readonly Item[],
  budget: Budget,
  maxItems: number,
  marker: string,
): readonly Item[] {
  const kept: Item[] = []
  for (const item of items) {
    if (kept.length >= maxItems) return kept
    const cut = cutItem(item, budget, marker)
    if (cut !== item) return cut === null ? kept : [...kept, cut]
    kept.push(item)
  }
  return items
}

/** The item itself when it fits, null when nothing of it can stay. */
function cutItem(item: Item, budget: Budget, marker: string): Item | null {
  if (typeof item.text === 'string') return cutMember(item, 'text', budget, marker)
  if (isItem(item.resource)) return cutInner(item, 'resource', item.resource, budget, marker)
  if (isItem(item.content)) return cutInner(item, 'content', item.content, budget, marker)
  return budget.take(measure(item)) ? item : null
}

function cutInner(
  item: Item,
  member: string,
  inner: Item,
  budget: Budget,
  marker: string,
): Item | null {
  const cut = cutItem(inner, budget, marker)
  if (cut === inner) return item
  return cut === null ? null : { ...item, [member]: cut }
}

function cutMember(item: Item, member: string, budget: Budget, marker: string): Item {
  const text = item[member] as string
  return budget.take(sizeOf(text)) ? item : { ...item, [member]: `${budget.cut(text)}${marker}` }
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
