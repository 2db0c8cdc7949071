// How a verifier of evidence asks whether a certificate of its vendor's chain is revoked; who can read lists is handed in.
import type { CollateralNeed } from '../collateral.ts'
import type { Certificate } from '../format/certificate.ts'
import type { Claims, Verification } from './evidence.ts'

export interface ChainRevocation {
  /** Lists that certificates of the chain point to; leaf first, nothing is believed about them yet. */
  needs(chain: readonly Certificate[]): readonly CollateralNeed[]
  /** Of a chain that was checked. Throws `evidence.revoked`, `evidence.collateral_stale`, `evidence.collateral_invalid`. */
  check(chain: readonly Certificate[], at: Verification): RevocationChecked
}

export interface RevocationChecked {
  /** Every certificate that points to a list is on none, and there is at least one. */
  readonly isChecked: boolean
  readonly collateral: Claims['collateral']
}

/** Asks nobody, and says so: only a policy that merely prefers revocation takes what it lets through. */
export const NOBODY_ASKED: ChainRevocation = {
  needs: () => [],
  check: () => ({ isChecked: false, collateral: [] }),
}
