// What a target of attestation lets pass: a value, or a Denial; anything else that is thrown breaks it.
import { Denial } from '../../../../src/attest/denial.ts'

/** The value, or the Denial that was thrown. */
export function valueOrDenial<T>(run: () => T): T | Denial {
  try {
    return run()
  } catch (error) {
    if (error instanceof Denial) return error
    throw error
  }
}

/** A trait: which reason, and what of its detail is no number. */
export function traitOf(denial: Denial): string {
  return `${denial.reason} ${(denial.detail ?? '').replace(/\d+/g, '#').slice(0, 60)}`
}
