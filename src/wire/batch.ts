// The elements of a batch as they stand in its bytes; whether they are messages, and which revision allows a batch, is decided elsewhere.
import { Buffer } from 'node:buffer'
import { BACKSLASH, QUOTE, skipSpace } from './tokens.ts'

const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const COMMA = 0x2c
/** Makes a bracket a brace, and nothing else one. */
const BRACE = 0x20
const OPEN = 0x7b
const CLOSE = 0x7d

/**
 * Views of the bytes, never copies or another spelling: what an element is read from is what was sent. Only for bytes that `scan` has
 * found to be one array. Undefined: there are more elements than `max`.
 */
export function elementsOf(batch: Buffer, max: number): readonly Buffer[] | undefined {
  const elements: Buffer[] = []
  let at = skipSpace(batch, 0) + 1
  let start = skipSpace(batch, at)
  if (batch[start] === CLOSE_ARRAY) return elements
  let depth = 1
  while (depth > 0) {
    const byte = batch[at++]
    if (byte === QUOTE) at = pastString(batch, at)
    else if (byte === COMMA && depth === 1) {
      if (elements.push(batch.subarray(start, at - 1)) > max) return undefined
      start = skipSpace(batch, at)
    } else if (byte !== undefined && (byte | BRACE) === OPEN) depth++
    else if (byte !== undefined && (byte | BRACE) === CLOSE) depth--
    else if (byte === undefined) throw new RangeError('the batch has no end')
  }
  elements.push(batch.subarray(start, at - 1))
  return elements.length > max ? undefined : elements
}

function pastString(bytes: Buffer, start: number): number {
  let at = start
  while (bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at + 1
}

/** One array of messages that are JSON already. */
export function joinBatch(messages: readonly Uint8Array[]): Buffer {
  const pieces = messages.flatMap((message) => [SEPARATOR, message])
  pieces[0] = START
  return Buffer.concat([...pieces, END])
}

const START = Buffer.from([OPEN_ARRAY])
const SEPARATOR = Buffer.from([COMMA])
const END = Buffer.from([CLOSE_ARRAY])
