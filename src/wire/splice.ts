// Edits at byte offsets: what a message says elsewhere stays as the sender wrote it, byte for byte.
import type { Message } from './message.ts'
import type { Span } from './scan.ts'

/** Replaces the bytes of a span; an empty span inserts. */
export interface Edit {
  readonly span: Span
  readonly text: string | Uint8Array
}

/** Only the spans change. Throws RangeError when edits overlap or leave the message. */
export function splice(bytes: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return bytes
  const parts: Uint8Array[] = []
  let at = 0
  for (const { span, text } of edits.toSorted(
    (a, b) => a.span.start - b.span.start || a.span.end - b.span.end,
  )) {
    if (span.start < at || span.end < span.start || span.end > bytes.length)
      throw new RangeError('edits overlap or leave the message')
    parts.push(bytes.subarray(at, span.start), typeof text === 'string' ? Buffer.from(text) : text)
    at = span.end
  }
  parts.push(bytes.subarray(at))
  return Buffer.concat(parts)
}

const COMMA = 0x2c
const QUOTE = 0x22

/**
 * The edits that give a member of the envelope, of params, result or error, or of their `_meta`, a new value; `undefined` removes it.
 * Objects on the way that are missing are made.
 */
export function editMember(message: Message, path: readonly string[], value: unknown): Edit[] {
  const [first = '', second, third] = path
  const { members, inner, meta } = message.scan
  const text = value === undefined ? undefined : JSON.stringify(value)
  if (second === undefined)
    return editIn(
      message,
      members,
      { start: leading(message), end: message.bytes.length },
      first,
      text,
    )
  const holder = members.get(first)
  if (!holder)
    return text === undefined
      ? []
      : insert(
          message,
          { start: leading(message), end: message.bytes.length },
          first,
          nest([second, third], text),
        )
  if (third === undefined) return editIn(message, inner, holder, second, text)
  const innerHolder = inner.get(second)
  if (!innerHolder)
    return text === undefined ? [] : insert(message, holder, second, nest([third], text))
  return editIn(message, meta, innerHolder, third, text)
}

function editIn(
  message: Message,
  spans: ReadonlyMap<string, Span>,
  holder: Span,
  name: string,
  text: string | undefined,
): Edit[] {
  const span = spans.get(name)
  if (!span) return text === undefined ? [] : insert(message, holder, name, text)
  return [
    text === undefined ? { span: withoutMember(message.bytes, span), text: '' } : { span, text },
  ]
}

// after the opening brace, so that nothing has to be known of what follows
function insert({ bytes }: Message, holder: Span, name: string, text: string): Edit[] {
  const at = holder.start + 1
  let next = at
  while (isSpace(bytes[next])) next++
  const separator = bytes[next] === 0x7d ? '' : ','
  return [{ span: { start: at, end: at }, text: `${JSON.stringify(name)}:${text}${separator}` }]
}

function nest(names: readonly (string | undefined)[], text: string): string {
  return names
    .filter((name) => name !== undefined)
    .reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, text)
}

// name, colon and value, with the comma on the one side or the other
function withoutMember(bytes: Buffer, value: Span): Span {
  let start = value.start - 1
  while (bytes[start] !== QUOTE) start--
  start = openingQuote(bytes, start)
  let { end } = value
  while (isSpace(bytes[end])) end++
  if (bytes[end] === COMMA) return { start, end: end + 1 }
  let before = start - 1
  while (isSpace(bytes[before])) before--
  return { start: bytes[before] === COMMA ? before : start, end: value.end }
}

function openingQuote(bytes: Buffer, closing: number): number {
  for (let at = closing - 1; ; at--) {
    if (bytes[at] !== QUOTE) continue
    let backslashes = 0
    while (bytes[at - 1 - backslashes] === 0x5c) backslashes++
    if (backslashes % 2 === 0) return at
  }
}

function leading({ bytes }: Message): number {
  let at = 0
  while (isSpace(bytes[at])) at++
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
