// The tokens of JSON, byte by byte: where each ends, and whether it is one (RFC 8259); where they may stand is the scan's affair.
import type { Buffer } from 'node:buffer'

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const MINUS = 0x2d
export const ZERO = 0x30
export const NINE = 0x39
const PLUS = 0x2b
export const POINT = 0x2e
const SPACE = 0x20
export const LETTER_E = 0x65
const LETTER_U = 0x75
/** Sets bit 5: what tells lower-case letters of ASCII from upper-case ones. */
export const LOWER = 0x20

/** Why a token is none; returned in place of an offset. */
export const UNENDED = -1
export const CONTROL_CHARACTER = -2
export const NO_ESCAPE = -3

/** Messages from this size on are read four bytes at a time where they are strings; below, the view costs more than it saves. */
export const WORDS_FROM = 512

/**
 * The offset after the closing quote, or why there is none. `words` are the same bytes, of which four begin at `last` at the
 * latest: plain text passes at four bytes a step, 0.3 ns a byte instead of 1. (Asking a view for its length costs as much as ten
 * bytes, so it is passed in.)
 */
export function endOfString(
  bytes: Buffer,
  open: number,
  words: DataView | undefined,
  last: number,
): number {
  let at = open + 1
  for (;;) {
    if (words !== undefined) at = pastPlain(words, at, last)
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    if (byte === undefined) return UNENDED
    if (byte < SPACE) return CONTROL_CHARACTER
    at++
    if (byte !== BACKSLASH) continue
    at = afterEscape(bytes, at)
    if (at < 0) return at
  }
}

const ONES = 0x01010101
const HIGHS = 0x80808080 | 0
const QUOTES = 0x22222222
const BACKSLASHES = 0x5c5c5c5c
const SPACES = 0x20202020

// stops at a word that holds a quote, a backslash or a control character (hasless and haszero of "Bit Twiddling Hacks"); it may
// stop early after one of them, never late
export function pastPlain(words: DataView, start: number, last: number): number {
  let at = start
  for (; at <= last; at += 4) {
    const word = words.getInt32(at, true)
    const quote = word ^ QUOTES
    const backslash = word ^ BACKSLASHES
    const found =
      ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | ((word - SPACES) & ~word)
    if ((found & HIGHS) !== 0) break
  }
  return at
}

function afterEscape(bytes: Buffer, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) return UNENDED
  if (byte !== LETTER_U) return ESCAPED.has(byte) ? at + 1 : NO_ESCAPE
  for (let digit = at + 1; digit <= at + 4; digit++)
    if (!isHexadecimal(bytes[digit] ?? 0)) return NO_ESCAPE
  return at + 5
}

/** What may follow a backslash: " \ / b f n r t */
const ESCAPED: ReadonlySet<number> = new Set([0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74])

function isHexadecimal(byte: number): boolean {
  const lower = byte | LOWER
  return (byte >= ZERO && byte <= NINE) || (lower >= 0x61 && lower <= 0x66)
}

/** The offset after a number without fraction and exponent; the byte there says whether one follows. Negative: it is none. */
export function endOfDigits(bytes: Buffer, start: number): number {
  const first = bytes[start] === MINUS ? start + 1 : start
  let at = first
  while (isDigit(bytes[at])) at++
  // at least one digit, and no zero before another
  return at === first || (bytes[first] === ZERO && at > first + 1) ? UNENDED : at
}

/** The offset after fraction and exponent, where digits ended; the same one if there is none. Negative: it is malformed. */
export function endOfFraction(bytes: Buffer, start: number): number {
  let at = start
  if (bytes[at] === POINT) {
    const first = ++at
    while (isDigit(bytes[at])) at++
    if (at === first) return UNENDED
  }
  if (((bytes[at] ?? 0) | LOWER) !== LETTER_E) return at
  at++
  if (bytes[at] === PLUS || bytes[at] === MINUS) at++
  const first = at
  while (isDigit(bytes[at])) at++
  return at === first ? UNENDED : at
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}

/** The offset of the first byte that is no white space. */
export function skipSpace(bytes: Buffer, start: number): number {
  let at = start
  let byte = bytes[at] ?? 0x21
  while (byte <= SPACE && (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09))
    byte = bytes[++at] ?? 0x21
  return at
}
