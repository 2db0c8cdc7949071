// Members of Intel's collateral JSON as values of their types; whatever is not of its type is `evidence.collateral_invalid`.
import { Denial } from '../denial.ts'

export type Json = Readonly<Record<string, unknown>>

/** More elements than any list of Intel's has. */
const LONGEST = 512

export function invalid(detail: string): Denial {
  return new Denial('evidence.collateral_invalid', detail)
}

export function objectOf(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what}: no object`)
  return value as Json
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > LONGEST) throw invalid(`${what}: no list`)
  return value
}

export function textOf(value: unknown, what: string): string {
  if (typeof value !== 'string' || value.length > 256) throw invalid(`${what}: no text`)
  return value
}

export function wholeOf(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw invalid(`${what}: no number`)
  return value as number
}

/** Hex of either case. */
export function hexBytesOf(value: unknown, size: number, what: string): Uint8Array {
  // decoding ends at the first letter that is no hex, which leaves it too short
  const bytes =
    typeof value === 'string' && value.length === size * 2 ? Buffer.from(value, 'hex') : undefined
  if (bytes?.length !== size) throw invalid(`${what}: not hex of ${size} bytes`)
  return bytes
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

/** Milliseconds since the epoch. */
export function timeOf(value: unknown, what: string): number {
  const time = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) throw invalid(`${what}: no time`)
  return time
}
