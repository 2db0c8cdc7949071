// Members of a sender's JSON, each read as the one type it may have; what they mean is not known here.
import { Denial, malformed } from '../denial.ts'
import { fromBase64url } from '../format/base64.ts'
import { readJson } from '../format/json.ts'

export type Members = Readonly<Record<string, unknown>>

/** An object with no other members than these; undefined: with any. Each of them, at any depth, is there once. Throws `evidence.malformed`, or `evidence.too_large` above the limit. */
export function readMembers(
  bytes: Uint8Array,
  names: readonly string[] | undefined,
  { what, limit }: { readonly what: string; readonly limit: number },
): Members {
  const members = readJson(bytes, what, limit)
  for (const name of Object.keys(members))
    if (names && !names.includes(name)) throw malformed(`${what}: a member that it does not have`)
  return members
}

export function membersOf(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${what}: no object`)
  return value as Members
}

/** Undefined: the member is absent. Padding, other letters and left over bits are malformed. */
export function optionalBytes(of: Members, name: string, limit: number): Uint8Array | undefined {
  // hasOwn: a member of the prototype was not sent
  if (!Object.hasOwn(of, name)) return undefined
  return base64urlBytes(of[name], name, limit)
}

export function requiredBytes(of: Members, name: string, limit: number): Uint8Array {
  const bytes = optionalBytes(of, name, limit)
  if (!bytes) throw malformed(`${name}: is not there`)
  return bytes
}

export function base64urlBytes(text: unknown, what: string, limit: number): Uint8Array {
  if (typeof text !== 'string') throw malformed(`${what}: no text`)
  if (text.length > Math.ceil((limit * 4) / 3)) throw new Denial('evidence.too_large', what)
  return fromBase64url(text, what)
}

const HEX = /^(?:[0-9a-f]{2})*$/

/** Lower case only. */
export function hexBytes(text: unknown, what: string, size: number): Uint8Array {
  if (typeof text !== 'string' || text.length !== 2 * size || !HEX.test(text))
    throw malformed(`${what}: no ${size} bytes in hex`)
  return Buffer.from(text, 'hex')
}
