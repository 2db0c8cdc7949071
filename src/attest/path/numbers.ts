// Documents that their issuers number: which number was seen before, and that none goes back behind it; who remembers them is above.
import { isLowerNumber } from '../format/crl.ts'

/** Of a genuine document, to be remembered and handed in as `seen`. */
export interface Numbered {
  /** Which revocation list, or which TCB information. */
  readonly name: string
  /** Hex without leading zeros; `isLowerNumber` compares. */
  readonly number: string
}

export interface Numbers {
  /** The highest number seen of each document, by its name. */
  readonly seen?: ReadonlyMap<string, string>
  /** Is told of each genuine document, also of one by which something is refused later. */
  readonly note?: (document: Numbered) => void
}

/** Whether it is no older than what was seen; it is noted then. */
export function isNew({ name, number }: Numbered, { seen, note }: Numbers): boolean {
  const before = seen?.get(name)
  if (before !== undefined && isLowerNumber(number, before)) return false
  note?.({ name, number })
  return true
}
