// Certificates that came beside evidence, from the sender's JSON to bytes; nothing is believed about them.
import { Denial, malformed } from '../denial.ts'
import type { EvidenceItem } from './evidence.ts'

/** Letters of base64: enough for the tables and chains that are in use. */
const LONGEST = 96 * 1024
const MOST = 8

/** Undefined: not sent. Throws `evidence.malformed`, `evidence.too_large`. */
export function bytesIn(
  endorsements: EvidenceItem['endorsements'],
  name: string,
): Uint8Array | undefined {
  const value = Object.hasOwn(endorsements, name) ? endorsements[name] : undefined
  return value === undefined ? undefined : decoded(value, name)
}

/** Empty: not sent. Throws `evidence.malformed`, `evidence.too_large`. */
export function listIn(
  endorsements: EvidenceItem['endorsements'],
  name: string,
): readonly Uint8Array[] {
  const value = Object.hasOwn(endorsements, name) ? endorsements[name] : undefined
  if (value === undefined) return []
  if (!Array.isArray(value)) throw malformed(`endorsements.${name}: no list`)
  if (value.length > MOST) throw new Denial('evidence.too_large', `endorsements.${name}`)
  return value.map((one) => decoded(one, name))
}

function decoded(value: unknown, name: string): Uint8Array {
  if (typeof value !== 'string') throw malformed(`endorsements.${name}: no text`)
  if (value.length > LONGEST) throw new Denial('evidence.too_large', `endorsements.${name}`)
  const bytes = Buffer.from(value, 'base64url')
  // Node reads whatever it can; what it writes has one form
  if (bytes.toString('base64url') !== value) throw malformed(`endorsements.${name}: no base64url`)
  return bytes
}
