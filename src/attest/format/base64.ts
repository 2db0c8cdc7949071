// base64 and base64url (RFC 4648), one text for the same bytes: no white space, no other alphabet, no bits left over.
import { malformed } from '../denial.ts'

/** Without padding. Throws `evidence.malformed`. */
export function fromBase64url(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url')
  // Node reads whatever it can; what it writes has one form
  if (bytes.toString('base64url') !== text) throw malformed(`${what}: no base64url`)
  return bytes
}

/** With padding. Throws `evidence.malformed`. */
export function fromBase64(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw malformed(`${what}: no base64`)
  return bytes
}
