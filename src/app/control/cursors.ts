// Cursors of lists that every replica can read: sealed with the keys of the store, each for the list it belongs to.
import type { CursorSigner } from '../../admin/handle.ts'
import type { Sealer } from '../../registry/secrets.ts'

export function createSealedCursors(sealer: Sealer): CursorSigner {
  const place = (scope: string) => ({ kind: 'cursor', id: scope, member: 'after' })
  return {
    sign: (scope, value) => sealer.seal(JSON.stringify(value), place(scope)),
    read(scope, text) {
      if (typeof text !== 'string') return undefined
      try {
        return JSON.parse(sealer.open(text, place(scope)))
      } catch {
        // of another list, of another gateway, or made up: all the same to whoever sent it
        return undefined
      }
    },
  }
}
