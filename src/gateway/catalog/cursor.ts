// Page cursors that only we can make: opaque to clients, signed, bound to the list they belong to.
import { AppError } from '../../base/errors.ts'
import { createSigner } from '../signed.ts'

/** The item after which the next page starts, by place in the order (server, name) and not by offset. */
export interface Place {
  readonly server: string
  readonly key: string
  /** Where its page began: only a hint where to look first. */
  readonly near?: number
}

export interface Cursors {
  seal(list: string, after: Place): string
  /** Throws WIRE_BAD_CURSOR. */
  open(list: string, cursor: string): Place
}

export function createCursors(secret: Uint8Array): Cursors {
  const signer = createSigner(secret)
  return {
    seal: (list, { server, key, near }) =>
      signer.sign(list, near === undefined ? [server, key] : [server, key, near]),
    open(list, cursor) {
      const found = signer.read(list, cursor)
      if (found === undefined)
        throw new AppError(
          'WIRE_BAD_CURSOR',
          'the cursor is not one of ours; list again from the start',
        )
      const [server, key, near] = found as [string, string, number?]
      return near === undefined ? { server, key } : { server, key, near }
    },
  }
}
