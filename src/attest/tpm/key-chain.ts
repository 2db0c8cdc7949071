// Certificates of keys of a TPM, from the key to a root that the operator named, and whether one of them is revoked; whose key it is is not asked.
import type { CollateralNeed } from '../collateral.ts'
import { Denial, malformed } from '../denial.ts'
import { chainRevocationNeeds, checkChainRevocation } from '../evidence/chain-revocation.ts'
import type { Claims, EvidenceRoot, Verification } from '../evidence/evidence.ts'
import { checkVendorChain } from '../evidence/vendor-chain.ts'
import { Certificate, EXTENSION } from '../format/certificate.ts'
import { equalBytes } from '../format/der.ts'
import { basicConstraintsOf, extKeyUsageOf } from '../format/extensions.ts'
import { base64urlBytes, type Members, requiredBytes } from './members.ts'

/** Families of roots: who certifies attestation keys, and who certifies endorsement keys. */
export const AK_ROOTS = 'tpm-ak'
export const EK_ROOTS = 'tpm-ek'

/** tcg-kp-EKCertificate and tcg-kp-AIKCertificate (TCG EK Credential Profile). */
const KINDS = {
  ak: { roots: AK_ROOTS, purpose: '2.23.133.8.3' },
  ek: { roots: EK_ROOTS, purpose: '2.23.133.8.1' },
} as const
export type CertifiedKey = keyof typeof KINDS

export type Revocation = 'checked' | 'not checked' | 'no list'

export interface Certified {
  readonly leaf: Certificate
  /** Leaf first, the root last. */
  readonly chain: readonly Certificate[]
  readonly root: EvidenceRoot
}

type At = Pick<Verification, 'now' | 'roots'>

const LARGEST_CERTIFICATE = 8192
const MOST_ISSUERS = 6
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extKeyUsage,
  EXTENSION.subjectAltName,
])
/** Of whoever the operator made a root of: a chain is checked before its lists are asked for. */
const ANYWHERE = /^https?:/i

/** Whether there is a certificate, and a root that could be over it. */
export function isCertified(
  kind: CertifiedKey,
  endorsements: Members,
  { roots }: Pick<At, 'roots'>,
): boolean {
  return (roots[KINDS[kind].roots] ?? []).length > 0 && Object.hasOwn(endorsements, `${kind}_cert`)
}

/** Throws `evidence.chain`, `evidence.untrusted_root`, `evidence.expired`, `evidence.not_yet_valid` and what parsers throw. */
export function certifiedBy(
  kind: CertifiedKey,
  endorsements: Members,
  { now, roots: families }: At,
): Certified {
  const roots = families[KINDS[kind].roots] ?? []
  const chain = chainIn(endorsements, kind)
  const [leaf] = chain as [Certificate]
  for (const { extensions } of chain)
    for (const [oid, { critical }] of extensions)
      if (critical && !UNDERSTOOD.has(oid))
        throw new Denial('evidence.chain', `critical extension ${oid}`)
  const last = chain.at(-1) as Certificate
  if (!roots.some(({ der }) => equalBytes(der, last.der))) chain.push(rootOver(last, roots))
  return { leaf, chain, root: checkVendorChain(chain, roots, now) }
}

/** Lists that the certificates point to. Throws what `certifiedBy` throws. */
export function keyRevocationNeeds(
  kind: CertifiedKey,
  endorsements: Members,
  at: At,
): readonly CollateralNeed[] {
  if (!isCertified(kind, endorsements, at)) return []
  const { chain } = certifiedBy(kind, endorsements, at)
  return chainRevocationNeeds(chain.slice(0, -1), ANYWHERE)
}

/** Throws `evidence.revoked`, `evidence.collateral_stale`, `evidence.collateral_invalid`. */
export function revocationOf(
  { chain }: Certified,
  at: Verification,
): { readonly revocation: Revocation; readonly collateral: Claims['collateral'] } {
  const { isChecked, pointsToList, collateral } = checkChainRevocation(chain, at)
  const revocation = isChecked ? 'checked' : pointsToList ? 'not checked' : 'no list'
  return { revocation, collateral }
}

function chainIn(endorsements: Members, kind: CertifiedKey): Certificate[] {
  const of = `${kind}_cert`
  const leaf = Certificate.parse(requiredBytes(endorsements, of, LARGEST_CERTIFICATE))
  const name = `${kind}_chain`
  const issuers = Object.hasOwn(endorsements, name) ? endorsements[name] : []
  if (!Array.isArray(issuers)) throw malformed(`${name}: no list`)
  if (issuers.length > MOST_ISSUERS) throw new Denial('evidence.too_large', name)
  // a CA that also issues for servers must not make of their keys keys of a TPM
  const purposes = extKeyUsageOf(leaf)
  if (purposes && !purposes.includes(KINDS[kind].purpose))
    throw new Denial('evidence.chain', `${of}: issued for another purpose`)
  if (basicConstraintsOf(leaf)?.isAuthority)
    throw new Denial('evidence.chain', `${of}: a certificate authority`)
  const parse = (one: unknown) => Certificate.parse(base64urlBytes(one, name, LARGEST_CERTIFICATE))
  return [leaf, ...issuers.map(parse)]
}

/** Senders leave the root out. Two roots may have one name while one takes over from the other. */
function rootOver(last: Certificate, roots: readonly EvidenceRoot[]): Certificate {
  const named = roots
    .map(({ der }) => Certificate.parse(der))
    .filter(({ subject }) => equalBytes(subject, last.issuer))
  // of one alone the chain itself is the check
  const root =
    named.length > 1 ? named.find(({ publicKey }) => last.isSignedBy(publicKey)) : named[0]
  if (!root) throw new Denial('evidence.untrusted_root')
  return root
}
