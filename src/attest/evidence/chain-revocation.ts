// Whether a certificate of a vendor's chain is revoked: asks the lists that the certificates point to, at the vendor's own hosts only.
import { createHash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import { askCrl, crlNeed } from '../path/crl-source.ts'
import type { Answer } from '../path/revocation.ts'
import type { Claims, Verification } from './evidence.ts'

export interface ChainRevocation {
  /** Every certificate that points to a list is on none, and there is at least one. */
  readonly isChecked: boolean
  /** Some certificate points to one. */
  readonly pointsToList: boolean
  readonly collateral: Claims['collateral']
}

/**
 * Lists that certificates of a chain point to; leaf first. The chain is not checked yet, so that of what it says only URLs that
 * `hosts` fits are asked.
 */
export function chainRevocationNeeds(
  chain: readonly Certificate[],
  hosts: RegExp,
): readonly CollateralNeed[] {
  return pointing(chain.filter((one) => !one.isSelfIssued))
    .map(crlNeed)
    .map((need) => ({ ...need, urls: need.urls.filter((url) => hosts.test(url)) }))
}

/**
 * Of a chain that was checked, the root last. A list that is there must be genuine and of now; that there is none is told, and is
 * for the policy. Throws `evidence.revoked`, `evidence.collateral_stale`, `evidence.collateral_invalid`.
 */
export function checkChainRevocation(
  chain: readonly Certificate[],
  at: Verification,
): ChainRevocation {
  // the root is trusted, and not asked about, whatever it points to
  const answers = pointing(chain.slice(0, -1)).map((certificate) => {
    const issuer = chain[chain.indexOf(certificate) + 1] as Certificate
    return asked(chain, certificate, issuer, at)
  })
  const given = answers.filter((answer) => answer !== undefined)
  return {
    pointsToList: answers.length > 0,
    isChecked: answers.length > 0 && given.length === answers.length,
    collateral: given.map(collateralOf),
  }
}

/** How a verifier asks, where tests hand in another who answers. */
export interface AskRevocation {
  needs(chain: readonly Certificate[]): readonly CollateralNeed[]
  check(chain: readonly Certificate[], at: Verification): ChainRevocation
}

/** By the lists at these hosts. */
export const listsAt = (hosts: RegExp): AskRevocation => ({
  needs: (chain) => chainRevocationNeeds(chain, hosts),
  check: checkChainRevocation,
})

function pointing(certificates: readonly Certificate[]): readonly Certificate[] {
  return certificates.filter((one) => crlNeed(one).urls.length > 0)
}

function asked(
  path: readonly Certificate[],
  certificate: Certificate,
  issuer: Certificate,
  { now, skew, collateral, seen, note }: Verification,
): Answer | undefined {
  // how long ago it came does not count, as its nextUpdate does
  const policy = { mode: 'prefer', sources: ['crl'], max_age: Infinity, clock_skew: skew } as const
  try {
    const numbers = { ...(seen && { seen }), ...(note && { note }) }
    const question = { path, policy, now, family: 'evidence', collateral, ...numbers } as const
    return askCrl(question, certificate, issuer)
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    if (error.reason === 'evidence.revoked' || error.reason.startsWith('evidence.collateral_'))
      throw error
    throw new Denial('evidence.collateral_invalid', error.detail)
  }
}

function collateralOf({ document, nextUpdate, list }: Answer): Claims['collateral'][number] {
  const number = list === undefined ? Number.NaN : Number.parseInt(list.number, 16)
  return {
    kind: 'crl',
    sha256: createHash('sha256').update(document).digest('hex'),
    ...(nextUpdate === undefined ? {} : { nextUpdate }),
    ...(Number.isSafeInteger(number) ? { number } : {}),
  }
}
