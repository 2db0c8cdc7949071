// Whether the certificates of a quote and its collateral stand on the lists of their own issuers.
import { createHash } from 'node:crypto'
import { Denial } from '../denial.ts'
import type { Claims, Verification } from '../evidence/evidence.ts'
import type { Certificate } from '../format/certificate.ts'
import { type Crl, isConsistentCrl, isRevoked, parseCrl } from '../format/crl.ts'
import { equalBytes } from '../format/der.ts'
import { KEY_USAGE, keyUsageOf } from '../format/extensions.ts'
import { isSigned, schemeOf } from '../format/signature.ts'
import { numberedCrl } from '../path/crl-source.ts'
import { isNew } from '../path/numbers.ts'
import { asCollateral } from '../tcb/signed.ts'
import type { PckChain } from './chain.ts'

/** Intel's longest has a few thousand entries. */
const LARGEST = 1024 * 1024

export interface CheckedLists {
  /** Of the root: signers of collateral are asked about later. */
  readonly ofRoot: Crl
  readonly used: Claims['collateral']
}

/** Throws `evidence.revoked`, `evidence.collateral_invalid`, `evidence.collateral_stale`. */
export function checkRevocation(
  [leaf, issuer, root]: PckChain,
  lists: { readonly pckCrl: Uint8Array; readonly rootCrl: Uint8Array },
  at: OfTime,
): CheckedLists {
  const ofRoot = openCrl(lists.rootCrl, root, 'root CRL', at)
  const ofIssuer = openCrl(lists.pckCrl, issuer, 'PCK CRL', at)
  assertNotOn(ofRoot, issuer, 'PCK CA')
  assertNotOn(ofIssuer, leaf, 'PCK certificate')
  return { ofRoot, used: [usedOf(ofIssuer), usedOf(ofRoot)] }
}

type OfTime = Pick<Verification, 'now' | 'skew' | 'seen' | 'note'>

/** The list of this very issuer, whole, and of now: Intel's lists have no parts, and no extension that must be understood. */
function openCrl(der: Uint8Array, issuer: Certificate, what: string, at: OfTime): Crl {
  const { now, skew } = at

  return asCollateral(what, () => {
    const crl = parseCrl(der, LARGEST)
    if (!equalBytes(crl.issuer, issuer.subject))
      throw new Denial('evidence.chain', 'of another issuer')
    for (const { critical } of crl.extensions.values())
      if (critical) throw new Denial('evidence.chain', 'a critical extension')
    const usage = keyUsageOf(issuer)
    if (usage && !usage[KEY_USAGE.crlSign])
      throw new Denial('evidence.chain', 'its issuer may not sign lists')
    const scheme = schemeOf(crl.algorithm, what)
    if (!isConsistentCrl(crl) || !isSigned(scheme, issuer.publicKey, crl.tbs, crl.signature))
      throw new Denial('evidence.signature', 'its signature')
    if (crl.thisUpdate > now + skew) throw new Denial('evidence.not_yet_valid', 'thisUpdate')
    if (now >= crl.nextUpdate) throw new Denial('evidence.expired', 'nextUpdate')
    const numbered = numberedCrl(crl)
    if (numbered && !isNew(numbered, at))
      throw new Denial('evidence.expired', 'older than one seen before')
    return crl
  })
}

/** Throws `evidence.revoked`. */
export function assertNotOn(crl: Crl, certificate: Certificate, what: string): void {
  if (asCollateral(what, () => isRevoked(crl, certificate.serial)))
    throw new Denial('evidence.revoked', what)
}

function usedOf({ der, nextUpdate }: Crl): Claims['collateral'][number] {
  return { kind: 'crl', sha256: createHash('sha256').update(der).digest('hex'), nextUpdate }
}
