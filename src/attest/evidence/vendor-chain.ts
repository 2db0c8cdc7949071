// The short certificate chains of vendors' evidence: leaf to a pinned root, in the order given, nothing to search.
import { Denial } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import { equalBytes } from '../format/der.ts'
import { basicConstraintsOf, KEY_USAGE, keyUsageOf } from '../format/extensions.ts'
import type { EvidenceRoot } from './evidence.ts'

const DEEPEST = 8

/**
 * Leaf first, the root last. Each is signed by the next, is of its time, and every issuer is a CA as RFC 5280 has it. The last one
 * must be byte for byte one of the roots. Returns that root. Throws `evidence.chain`, `evidence.untrusted_root`,
 * `evidence.expired`, `evidence.not_yet_valid`, `evidence.signature`.
 */
export function checkVendorChain(
  chain: readonly Certificate[],
  roots: readonly EvidenceRoot[],
  now: number,
): EvidenceRoot {
  const last = chain.at(-1)
  if (!last || chain.length > DEEPEST) throw new Denial('evidence.chain', 'length of the chain')
  const root = roots.find(({ der }) => equalBytes(der, last.der))
  if (!root) throw new Denial('evidence.untrusted_root')
  for (let at = chain.length - 1; at >= 0; at--) {
    const certificate = chain[at] as Certificate
    const issuer = chain[at + 1]
    if (at > 0) assertAuthority(certificate, at - 1)
    // the root is trusted because it is pinned, not because it signed itself
    if (issuer) assertLink(certificate, issuer, at)
    assertTime(certificate, now, at)
  }
  return root
}

export function assertTime(certificate: Certificate, now: number, at: number): void {
  if (now < certificate.notBefore) throw new Denial('evidence.not_yet_valid', `certificate ${at}`)
  if (now > certificate.notAfter) throw new Denial('evidence.expired', `certificate ${at}`)
}

/** `below`: how many certificates that are not leaves stand below it. */
function assertAuthority(certificate: Certificate, below: number): void {
  const constraints = basicConstraintsOf(certificate)
  const usage = keyUsageOf(certificate)
  if (!constraints?.isAuthority || (usage && !usage[KEY_USAGE.keyCertSign]))
    throw new Denial('evidence.chain', 'an issuer that is no certificate authority')
  if (constraints.pathLength !== undefined && below > constraints.pathLength)
    throw new Denial('evidence.chain', 'pathLenConstraint')
}

function assertLink(certificate: Certificate, issuer: Certificate, at: number): void {
  if (!equalBytes(certificate.issuer, issuer.subject))
    throw new Denial('evidence.chain', `certificate ${at} names another issuer`)
  if (!certificate.isSignedBy(issuer.publicKey))
    throw new Denial('evidence.chain', `certificate ${at} is not signed by its issuer`)
}
