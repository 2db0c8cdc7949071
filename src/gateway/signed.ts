// Texts that only we can make and anyone can read: a body with its tag, bound to what it is for; nothing is kept.
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface Signer {
  sign(scope: string, value: unknown): string
  /** Undefined for a text that is not one of ours, or was made for another scope. */
  read(scope: string, text: unknown): unknown
}

/** A text begins with so many bytes of tag. */
export const TAG_BYTES = 16

/** HMAC-SHA-256 (RFC 2104), cut to 16 bytes; the text is base64url of tag and JSON. */
export function createSigner(secret: Uint8Array): Signer {
  const tag = (scope: string, body: Uint8Array) =>
    createHmac('sha256', secret)
      .update(JSON.stringify(scope))
      .update(body)
      .digest()
      .subarray(0, TAG_BYTES)
  return {
    sign(scope, value) {
      const body = Buffer.from(JSON.stringify(value))
      return Buffer.concat([tag(scope, body), body]).toString('base64url')
    },
    read(scope, text) {
      if (typeof text !== 'string') return undefined
      const bytes = Buffer.from(text, 'base64url')
      const body = bytes.subarray(TAG_BYTES)
      const given = bytes.subarray(0, TAG_BYTES)
      // Base64 has several texts for the same bytes; ours is one of them
      const isOurs = bytes.toString('base64url') === text && given.length === TAG_BYTES
      if (!isOurs || !timingSafeEqual(given, tag(scope, body))) return undefined
      return JSON.parse(body.toString())
    },
  }
}
