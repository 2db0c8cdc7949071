// What an act is refused with: reason and detail as one text; whatever else is thrown is thrown on.
import { Denial } from '../../../src/attest/denial.ts'

export function refused(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.detail === undefined ? error.reason : `${error.reason}: ${error.detail}`
  }
  return 'not refused'
}

export const reasonOf = (act: () => unknown): string => refused(act).split(':')[0] as string
