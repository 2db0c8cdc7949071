// The binder: 64 bytes that evidence must carry, over the challenge, the key of the connection and who is meant; it compares nothing.
import { createHash } from 'node:crypto'

export interface Binding {
  /** Of the challenge, 32 bytes. */
  readonly nonce: Uint8Array
  /** SHA-256 of the SubjectPublicKeyInfo that the server presented, 32 bytes. */
  readonly spkiSha256: Uint8Array
  readonly serverId: string
  readonly targetUrl: string
  /** Keying material that both ends of the TLS connection export (RFC 8446 section 7.5), 32 bytes. Absent: bound to the key alone. */
  readonly exporter?: Uint8Array
}

const DOMAIN = Buffer.from('portcullis-att-v1\0', 'latin1')
const FIXED = 32
const LENGTH = 4

/** SHA-512 of the encoding. Throws RangeError for what has no encoding, which is a fault of the caller. */
export function binderOf(binding: Binding): Uint8Array {
  return createHash('sha512').update(encodeBinding(binding)).digest()
}

/**
 * `"portcullis-att-v1" 00 nonce K LP(server id) LP(target url) X?`, LP a length in 32 bits, big endian, before the UTF-8. No two
 * bindings have one encoding: nonce, K and X have one length, and each text says its own.
 */
export function encodeBinding(binding: Binding): Uint8Array {
  const { nonce, spkiSha256, serverId, targetUrl, exporter } = binding
  return Buffer.concat([
    DOMAIN,
    fixed('nonce', nonce),
    fixed('SPKI digest', spkiSha256),
    ...prefixed('server id', serverId),
    ...prefixed('target URL', targetUrl),
    ...(exporter === undefined ? [] : [fixed('exporter', exporter)]),
  ])
}

function fixed(what: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== FIXED) throw new RangeError(`the ${what} of a binder has ${FIXED} bytes`)
  return bytes
}

function prefixed(what: string, text: string): [Uint8Array, Uint8Array] {
  // half a character would be written as the replacement character, and two texts as one
  if (!text.isWellFormed()) throw new RangeError(`the ${what} of a binder holds half a character`)
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(LENGTH)
  length.writeUInt32BE(bytes.length)
  return [length, bytes]
}
