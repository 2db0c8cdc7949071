// Which key a certificate is for: the digest of its SubjectPublicKeyInfo as it stands there; it judges nothing.
import { createHash } from 'node:crypto'

/** Lower-case hex SHA-256 over the DER of the key (RFC 5280 section 4.1); undefined: the bytes are no certificate. */
export function spkiSha256(certificate: Uint8Array): string | undefined {
  const spki = spkiOf(certificate)
  return spki && createHash('sha256').update(spki).digest('hex')
}

const SEQUENCE = 0x30
const VERSION = 0xa0
/** serialNumber, signature, issuer, validity, subject. */
const BEFORE_KEY = 5

// a walk of its own beside the parser of attestation, which rooms do not share: it must hold for certificates that one refuses, and
// costs every connection; that both name the same key is tested. As it was sent: an encoder would write what it has understood of it
function spkiOf(der: Uint8Array): Uint8Array | undefined {
  const certificate = elementAt(der, 0, der.length)
  if (certificate?.tag !== SEQUENCE || certificate.end !== der.length) return undefined
  const tbs = elementAt(der, certificate.content, certificate.end)
  if (tbs?.tag !== SEQUENCE) return undefined
  let at = tbs.content
  if (der[at] === VERSION) at = elementAt(der, at, tbs.end)?.end ?? tbs.end
  for (let skipped = 0; skipped < BEFORE_KEY; skipped++)
    at = elementAt(der, at, tbs.end)?.end ?? tbs.end
  const key = elementAt(der, at, tbs.end)
  return key?.tag === SEQUENCE ? der.subarray(at, key.end) : undefined
}

interface Element {
  readonly tag: number
  readonly content: number
  readonly end: number
}

/** Of DER: one byte of tag, a definite length in its shortest form. */
function elementAt(der: Uint8Array, at: number, limit: number): Element | undefined {
  if (at + 2 > limit) return undefined
  const tag = der[at] as number
  let length = der[at + 1] as number
  let content = at + 2
  if (length >= 0x80) {
    const bytes = length & 0x7f
    if (bytes === 0 || bytes > 3 || content + bytes > limit) return undefined
    length = 0
    for (let i = 0; i < bytes; i++) length = length * 256 + (der[content + i] as number)
    if (length < (bytes === 1 ? 0x80 : 256 ** (bytes - 1))) return undefined
    content += bytes
  }
  const end = content + length
  return end > limit ? undefined : { tag, content, end }
}
