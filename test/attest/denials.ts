// What a call was refused with, as a text that tests compare; anything but a Denial fails the test.
import { Denial } from '../../src/attest/denial.ts'

/** `reason`, or `reason: detail`; `none` when nothing was refused. */
export function denialOf(call: () => unknown): string {
  try {
    call()
    return 'none'
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.detail === undefined ? error.reason : `${error.reason}: ${error.detail}`
  }
}

/** Without the detail. */
export const reasonOf = (call: () => unknown): string => denialOf(call).split(':')[0] as string
