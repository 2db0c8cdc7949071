// What must hold of every TPM quote, whoever vouches for its key: signature, freshness, and the registers it is over.
import { hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { Denial } from '../denial.ts'
import type { Claims, Expected } from '../evidence/evidence.ts'
import { equalBytes } from '../format/der.ts'
import { isSignedByTpm } from './public.ts'
import type { TpmQuote } from './quote.ts'
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
  const quoted: Uint8Array[] = []
  for (const { bank, registers: selected } of attest.selection) {
    const values = registers.get(bank)
    for (const register of selected) {
      const value = values?.get(register)
      if (!value)
        throw new Denial('evidence.measurement_mismatch', `${bank} register ${register} is absent`)
      quoted.push(value)
    }
  }
  if (quoted.length !== [...registers.values()].reduce((sum, { size }) => sum + size, 0))
    throw new Denial('evidence.measurement_mismatch', 'registers that were not quoted')
  const digest = hash(signature.hash, Buffer.concat(quoted), 'buffer')
  if (!equalBytes(digest, attest.pcrDigest))
    throw new Denial('evidence.measurement_mismatch', 'pcrDigest')
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
