// What a parser of attestation documents may throw: a denial, and nothing else.
import { Denial } from '../../../../src/attest/denial.ts'
import { REASONS } from '../../../../src/attest/reasons.ts'
import { holds } from '../../holds.ts'

/** What it gave, or the reason it refused with. */
export function tried<T>(
  read: () => T,
): { readonly value: T; readonly reason?: never } | { readonly reason: string } {
  try {
    return { value: read() }
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    holds(Object.hasOwn(REASONS, error.reason), 'a refusal is of the table')
    holds((error.detail ?? '').length < 120, 'a refusal holds no payload')
    return { reason: error.reason }
  }
}
