// Text as an HTTP field value and back: plain where it is safe ASCII, `=?base64?...?=` of its UTF-8 otherwise (SEP-2243).
import { Buffer, isUtf8 } from 'node:buffer'

/** As `node:http` gives them: names in lower case. */
export type HeaderBag = Readonly<Record<string, string | readonly string[] | undefined>>

const PREFIX = '=?base64?'
const SUFFIX = '?='
const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/
const CANONICAL_BASE64 =
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/

/** Wrapped when a field value cannot hold it: not plain ASCII, empty, white space at an end, or looking wrapped itself. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN.test(text) && !isWrapped(text)) return text
  return `${PREFIX}${Buffer.from(text).toString('base64')}${SUFFIX}`
}

/** Undefined when it is wrapped but not canonical Base64 of UTF-8. White space around the value is not part of it. */
export function decodeHeaderValue(value: string): string | undefined {
  const text = trimSpace(value)
  if (!isWrapped(text)) return text
  const base64 = text.slice(PREFIX.length, -SUFFIX.length)
  if (!CANONICAL_BASE64.test(base64)) return undefined
  const bytes = Buffer.from(base64, 'base64')
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

function isWrapped(text: string): boolean {
  return (
    text.length >= PREFIX.length + SUFFIX.length && text.startsWith(PREFIX) && text.endsWith(SUFFIX)
  )
}

// optional white space of RFC 9110 is space and tab, nothing else
function trimSpace(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isSpace(value.charCodeAt(start))) start++
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** One header; several lines of one name are joined, which then equals no body. */
export function headerValue(headers: HeaderBag, name: string): string | undefined {
  const value = headers[name]
  const text = typeof value === 'object' ? value.join(', ') : value
  return text === undefined ? undefined : trimSpace(text)
}
