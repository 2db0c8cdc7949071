// Page cursors that only we can make: opaque to clients, signed, bound to the list they belong to.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../base/errors.ts'

/** The item after which the next page starts, by place in the order (server, name) and not by offset. */
export interface Place {
  readonly server: string
  readonly key: string
}

export interface Cursors {
  seal(list: string, after: Place): string
  /** Throws WIRE_BAD_CURSOR. */
  open(list: string, cursor: string): Place
}

const TAG_BYTES = 16

export function createCursors(secret: Uint8Array): Cursors {
  const tag = (list: string, body: Uint8Array) =>
    createHmac('sha256', secret)
      .update(list)
      .update('\0')
      .update(body)
      .digest()
      .subarray(0, TAG_BYTES)
  return {
    seal(list, { server, key }) {
      const body = Buffer.from(JSON.stringify([server, key]))
      return Buffer.concat([tag(list, body), body]).toString('base64url')
    },
    open(list, cursor) {
      const bytes = Buffer.from(cursor, 'base64url')
      const body = bytes.subarray(TAG_BYTES)
      const given = bytes.subarray(0, TAG_BYTES)
      // Base64 has several texts for the same bytes; ours is one of them
      const isOurs = bytes.toString('base64url') === cursor && given.length === TAG_BYTES
      if (!isOurs || !timingSafeEqual(given, tag(list, body))) {
        throw new AppError(
          'WIRE_BAD_CURSOR',
          'the cursor is not one of ours; list again from the start',
        )
      }
      const [server, key] = JSON.parse(body.toString()) as [string, string]
      return { server, key }
    },
  }
}
