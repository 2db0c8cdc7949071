// What must hold of every TPM quote, whoever vouches for its key: signature, freshness, and the registers it is over.
import { createHash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { Denial } from '../denial.ts'
import type { Claims, Expected } from '../evidence/evidence.ts'
import { equalBytes, hexOf } from '../format/der.ts'
import { isSignedByTpm } from './public.ts'
import type { Registers, TpmQuote } from './quote.ts'
import type { Attest } from './tpms.ts'

/** Older TPMs have no room for all 64 bytes of the binder. */
const BINDER_PART = 32

/**
 * Throws `evidence.signature`, `evidence.nonce_mismatch`, `evidence.registers_missing`,
 * `evidence.measurement_mismatch`.
 */
export function checkQuote(
  quote: TpmQuote,
  key: KeyObject,
  expected: Expected | undefined,
): Claims['binding'] {
  if (!isSignedByTpm(quote.signature, key, quote.signed))
    throw new Denial('evidence.signature', 'quote')
  assertFresh(quote.attest, expected)
  assertRegisters(quote)
  return expected ? 'matched' : 'not checked'
}

function assertFresh({ extraData }: Attest, expected: Expected | undefined): void {
  if (!expected) return
  const { kind, bytes } = expected
  const wanted = kind === 'binder' ? bytes.subarray(0, BINDER_PART) : bytes
  if (extraData.length !== wanted.length || !timingSafeEqual(extraData, wanted))
    throw new Denial('evidence.nonce_mismatch', 'extraData')
}

/** The digest is of the selected registers, bank by bank, ascending, and by the hash of the signature (part 3, TPM2_Quote). */
function assertRegisters({ attest, registers, signature }: TpmQuote): void {
  if (attest.selection.length === 0)
    throw new Denial('evidence.registers_missing', 'the selection is empty')
  const digest = createHash(signature.hash)
  let count = 0
  for (const { bank, registers: selected } of attest.selection) {
    const values = registers.get(bank)
    for (const register of selected) {
      const value = values?.get(register)
      if (!value)
        throw new Denial('evidence.measurement_mismatch', `${bank} register ${register} is absent`)
      digest.update(value)
      count++
    }
  }
  if (count !== [...registers.values()].reduce((sum, { size }) => sum + size, 0))
    throw new Denial('evidence.measurement_mismatch', 'registers that were not quoted')
  if (!equalBytes(digest.digest(), attest.pcrDigest))
    throw new Denial('evidence.measurement_mismatch', 'pcrDigest')
}

/** `sha256.pcr7` and so on. */
export function measurementsOf(registers: Registers): Record<string, string> {
  const measurements: Record<string, string> = {}
  for (const [bank, values] of registers)
    for (const [register, value] of values)
      measurements[`${bank}.pcr${register}`] = `${bank}:${hexOf(value)}`
  return measurements
}

/**
 * Under a key outside the endorsement hierarchy a TPM adds constants of the key to the counters and the version: they can be
 * compared with those of the same key only.
 */
export function stateOf(attest: Attest): Pick<Claims, 'tcb' | 'flags'> {
  return {
    tcb: { reset_count: attest.resetCount },
    flags: {
      clock_safe: attest.safe,
      restart_count: attest.restartCount,
      firmware: attest.firmware.toString(16).padStart(16, '0'),
    },
  }
}
