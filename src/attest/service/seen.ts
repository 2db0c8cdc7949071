// The highest number seen of each revocation list, over all servers: whoever answers with an older one withholds what was revoked since.
import { isLowerNumber } from '../format/crl.ts'

export interface SeenLists {
  readonly all: ReadonlyMap<string, string>
  /** Of results that were accepted: their lists are signed. */
  note(lists: readonly { readonly name: string; readonly number: string }[]): void
}

/** The one that was noted first makes room. */
const MOST = 4096

export function createSeenLists(): SeenLists {
  const all = new Map<string, string>()
  return {
    all,
    note(lists) {
      for (const { name, number } of lists) {
        const before = all.get(name)
        if (before !== undefined && !isLowerNumber(before, number)) continue
        all.delete(name)
        all.set(name, number)
      }
      for (const name of all.keys()) {
        if (all.size <= MOST) break
        all.delete(name)
      }
    },
  }
}
