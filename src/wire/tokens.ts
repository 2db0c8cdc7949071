// Where the tokens of JSON end, byte by byte; whether they stand where they may is the scan's affair.
import type { Buffer } from 'node:buffer'

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const MINUS = 0x2d
export const ZERO = 0x30
export const NINE = 0x39
export const EXPONENT = 0x65
const PLUS = 0x2b
const POINT = 0x2e
const SPACE = 0x20

/** A string is walked this far byte by byte before a call of the native search pays. */
const NEAR = 48

/**
 * The offset after the closing quote; negative: there is none. Near by byte, far by native search, both in turn where
 * there are many escapes.
 */
export function endOfString(bytes: Buffer, open: number): number {
  const { length } = bytes
  let at = open + 1
  while (at < length) {
    for (const near = Math.min(at + NEAR, length); at < near; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) return at + 1
      if (byte === BACKSLASH) at++
    }
    const quote = bytes.indexOf(QUOTE, at)
    if (quote < 0) break
    // behind an odd number of backslashes it is text
    let slash = quote
    while (slash > at && bytes[slash - 1] === BACKSLASH) slash--
    if (((quote - slash) & 1) === 0) return quote + 1
    at = quote + 1
  }
  return -1
}

/** Whether a byte can belong to a number; that the number is well formed is JSON.parse's affair. */
export function isNumberByte(byte: number): boolean {
  if (byte < PLUS) return false
  if (byte === POINT || byte === PLUS || byte === MINUS) return true
  return (byte | 0x20) === EXPONENT || (byte >= ZERO && byte <= NINE)
}

/** The offset of the first byte that is no white space. */
export function skipSpace(bytes: Buffer, start: number): number {
  let at = start
  let byte = bytes[at] ?? 0x21
  while (byte <= SPACE && (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09))
    byte = bytes[++at] ?? 0x21
  return at
}
