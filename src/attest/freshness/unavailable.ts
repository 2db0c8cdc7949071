// What the store says when it cannot be asked, as a refusal: whatever is not known is not admitted.
import { isAppError } from '../../base/errors.ts'
import { Denial } from '../denial.ts'

/** Resolves as it does. Throws Denial `internal.store_unavailable` when the store does not answer; other faults stay what they are. */
export async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (isAppError(error, 'STORE_UNAVAILABLE')) throw new Denial('internal.store_unavailable')
    throw error
  }
}
