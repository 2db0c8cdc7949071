// Where the members of a JSON object stand in its bytes, so that a signature over one is checked over what was received; reads no value.
import { latin1 } from '../format/der.ts'
import { invalid } from './fields.ts'

const MOST_MEMBERS = 16
const DEEPEST = 32
const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c]
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d]
/** ASCII that is printed, without the backslash. */
const PLAIN_NAME = /^[ -[\]-~]*$/
const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
/** Letters, digits and signs of numbers and literals. */
const isPlain = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2b ||
  byte === 0x2d ||
  byte === 0x2e ||
  byte === 0x45

/**
 * The bytes of each member's value, without the space around it. Whether a value is JSON says whoever parses exactly those bytes.
 * A name that stands twice, or is written with an escape or beyond ASCII, is invalid; so is whatever follows the object. Linear.
 */
export function membersOf(bytes: Uint8Array, what: string): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  let at = expect(bytes, skipSpace(bytes, 0), OPEN, what)
  for (at = skipSpace(bytes, at); bytes[at] !== CLOSE; at = skipSpace(bytes, at)) {
    if (found.size > 0) at = skipSpace(bytes, expect(bytes, at, COMMA, what))
    const nameEnd = skipText(bytes, at, what)
    const name = latin1(bytes.subarray(at + 1, nameEnd - 1))
    if (!PLAIN_NAME.test(name)) throw invalid(`${what}: a name with an escape, or not of ASCII`)
    if (found.has(name)) throw invalid(`${what}: a name twice`)
    if (found.size === MOST_MEMBERS) throw invalid(`${what}: too many members`)
    const start = skipSpace(bytes, expect(bytes, skipSpace(bytes, nameEnd), COLON, what))
    at = skipValue(bytes, start, what)
    found.set(name, bytes.subarray(start, at))
  }
  if (skipSpace(bytes, at + 1) !== bytes.length) throw invalid(`${what}: more than belongs to it`)
  return found
}

function expect(bytes: Uint8Array, at: number, byte: number, what: string): number {
  if (bytes[at] !== byte) throw invalid(`${what}: no JSON object`)
  return at + 1
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && isSpace(bytes[at] as number)) at++
  return at
}

/** From its quotation mark to behind the one that ends it. */
function skipText(bytes: Uint8Array, from: number, what: string): number {
  let at = expect(bytes, from, QUOTE, what)
  for (; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) return at + 1
    if (byte < 0x20) throw invalid(`${what}: a control character in a text`)
    if (byte === BACKSLASH) at++
  }
  throw invalid(`${what}: a text that does not end`)
}

/** Of whatever kind; brackets are matched in kind. */
function skipValue(bytes: Uint8Array, from: number, what: string): number {
  const open: number[] = []
  let at = from
  do {
    const byte = bytes[at]
    if (byte === undefined) throw invalid(`${what}: ends early`)
    if (byte === QUOTE) at = skipText(bytes, at, what)
    else if (byte === OPEN || byte === OPEN_LIST) {
      if (open.length === DEEPEST) throw invalid(`${what}: too deep`)
      open.push(byte === OPEN ? CLOSE : CLOSE_LIST)
      at++
    } else if (byte === CLOSE || byte === CLOSE_LIST) {
      if (open.pop() !== byte) throw invalid(`${what}: brackets that do not match`)
      at++
    } else if (isPlain(byte)) {
      while (at < bytes.length && isPlain(bytes[at] as number)) at++
    } else if (open.length > 0 && (isSpace(byte) || byte === COMMA || byte === COLON)) at++
    else throw invalid(`${what}: no JSON value`)
  } while (open.length > 0)
  return at
}
