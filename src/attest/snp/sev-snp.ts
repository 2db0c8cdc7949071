// Evidence of AMD SEV-SNP: whether a report is genuine, of the chip that its certificate names, and bound; what policy wants is beside it.
import { createHash, hash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { Denial, malformed } from '../denial.ts'
import { checkExpected } from '../evidence/allow.ts'
import {
  type ChainRevocation,
  chainRevocationNeeds,
  checkChainRevocation,
} from '../evidence/chain-revocation.ts'
import type {
  Claims,
  EvidenceItem,
  EvidenceRoot,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { checkVendorChain } from '../evidence/vendor-chain.ts'
import { Certificate } from '../format/certificate.ts'
import { equalBytes, hexOf, isZero, latin1 } from '../format/der.ts'
import { isSigned } from '../format/signature.ts'
import { AMD_VCEK_ISSUERS } from '../roots/amd.ts'
import {
  productOfCpuid,
  readSnpCertificate,
  type SnpCertificate,
  tcbOf,
  vcekUrl,
} from './certificate.ts'
import { chainOf, endorsementsOf, type SigningKey, sentChainOf } from './chain.ts'
import { appraiseSevSnp, type SevSnpPolicy } from './policy.ts'
import { readSnpReport, type SnpReport } from './report.ts'

/**
 * Endorsements: `vcek` or `vlek` (base64url of DER) and `chain` (ASK or ASVK, then the ARK if at all), or `cert_table`, the table of an
 * extended report. Without an intermediate the known one is taken; without a VCEK it is asked for at AMD.
 */
export const sevSnp: Verifier<SevSnpPolicy> = {
  type: 'sev-snp',
  needs,
  verify,
  appraise: appraiseSevSnp,
}

const LISTS = /^https:\/\/kdsintf\.amd\.com\//

function needs(item: EvidenceItem): readonly CollateralNeed[] {
  const report = readSnpReport(item.bytes)
  const key = signingKeyOf(report)
  const { leaf, above } = endorsementsOf(item, key)
  if (leaf) return chainRevocationNeeds(sentChainOf(Certificate.parse(leaf), above), LISTS)
  const product = report.cpuid && productOfCpuid(report.cpuid)
  const url = key === 'vcek' && product && vcekUrl(product, report.chipId, report.tcb.reported)
  // before version 3 a report does not say of which product it is, and nobody but the provider has a VLEK
  if (!url) throw new Denial('evidence.collateral_missing', `endorsements.${key}`)
  const vcek = { id: vcekId(report), kind: 'certificate', urls: [url], required: true } as const
  const issuer = Certificate.parse(AMD_VCEK_ISSUERS[product])
  return [vcek, ...chainRevocationNeeds([issuer], LISTS)]
}

function vcekId({ chipId, tcb }: SnpReport): string {
  return `vcek:${createHash('sha256').update(chipId).update(tcb.reported).digest('hex')}`
}

function verify(item: EvidenceItem, at: Verification): Claims {
  const report = readSnpReport(item.bytes)
  const key = signingKeyOf(report)
  const given = endorsementsOf(item, key)
  const der = given.leaf ?? at.collateral.get(vcekId(report))?.bytes
  if (!der) throw new Denial('evidence.collateral_missing', `endorsements.${key}`)
  const leaf = Certificate.parse(der)
  const roots = at.roots.amd ?? []
  const chain = chainOf(leaf, given.above, roots)
  const root = checkVendorChain(chain, roots, at.now)
  const revoked = checkChainRevocation(chain, at)
  const says = readSnpCertificate(leaf)
  assertSameChip(report, key, says, chain.at(-1) as Certificate)
  if (!isSigned(SCHEME, leaf.publicKey, report.signed, report.signature, 'ieee-p1363'))
    throw new Denial('evidence.signature', 'SNP report')
  assertTcbOrder(report)
  const binding = checkExpected(report.reportData, at.expected)
  return claimsOf({ item, report, key, leaf, says, root, binding, revoked })
}

const SCHEME = { key: 'ec', hash: 'sha384' } as const

function signingKeyOf({ signingKey }: SnpReport): SigningKey {
  if (!signingKey) throw new Denial('evidence.unsupported', 'SNP report: signing key')
  return signingKey
}

/** The certificate is of this chip at this TCB, and of a product that its root and the processor are of. */
function assertSameChip(
  report: SnpReport,
  key: SigningKey,
  { product, tcb, hwid, cspId }: SnpCertificate,
  root: Certificate,
): void {
  const refuse = (what: string) => new Denial('evidence.key_mismatch', what)
  if (!latin1(root.subject).includes(`ARK-${product}`)) throw refuse('product of the root')
  if (report.cpuid && productOfCpuid(report.cpuid) !== product) throw refuse('product')
  if (!equalBytes(tcb, report.tcb.reported)) throw refuse('reported TCB')
  if (key === 'vlek') {
    if (hwid || cspId === undefined) throw refuse('not a VLEK')
    return
  }
  if (!hwid || cspId !== undefined) throw refuse('not a VCEK')
  const { chipId } = report
  // a host may mask the chip id; whether that is accepted is for the policy
  if (isZero(chipId)) return
  const isChip = equalBytes(hwid, chipId.subarray(0, hwid.length)) && isZero(chipId, hwid.length)
  if (!isChip) throw refuse('chip id')
}

/** Reported, committed, current: each component at most that of the next. */
function assertTcbOrder({ tcb: { reported, committed, current } }: SnpReport): void {
  for (let at = 0; at < 8; at++) {
    const [low, middle, high] = [reported, committed, current].map((tcb) => tcb[at] as number)
    if ((low as number) > (middle as number) || (middle as number) > (high as number))
      throw malformed('SNP report: TCBs that are not in their order')
  }
}

interface Verified {
  readonly item: EvidenceItem
  readonly report: SnpReport
  readonly key: SigningKey
  readonly leaf: Certificate
  readonly says: SnpCertificate
  readonly root: EvidenceRoot
  readonly binding: Claims['binding']
  readonly revoked: ChainRevocation
}

function claimsOf(verified: Verified): Claims {
  const { item, report, key, leaf, says, root, binding, revoked } = verified
  const { product, cspId } = says
  const { policy, platform, tcb, chipId } = report
  const isMasked = isZero(chipId)
  const digest = (bytes: Uint8Array) => hash('sha256', bytes)
  return {
    type: 'sev-snp',
    attests: 'platform',
    version: `v${report.version}`,
    size: item.bytes.length,
    contentSha256: digest(report.signed),
    signerSha256: leaf.sha256,
    anchor: root.id,
    synthetic: root.synthetic === true,
    binding,
    ...(isMasked ? {} : { hardwareSha256: digest(chipId) }),
    product,
    tcb: tcbOf(product, tcb.reported) as Claims['tcb'],
    measurements: measurementsOf(report),
    flags: {
      debug: policy.debug,
      migration: policy.migration,
      smt: policy.smt,
      single_socket: policy.singleSocket,
      vmpl: report.vmpl,
      guest_svn: report.guestSvn,
      key_type: key,
      ...(cspId === undefined ? {} : { csp_id: cspId }),
      chip_masked: isMasked,
      revocation: revoked.isChecked ? 'checked' : 'not checked',
      alias_check: platform.aliasCheck,
      platform_smt: platform.smt,
      ...prefixed('committed', tcbOf(product, tcb.committed)),
      ...prefixed('launch', tcbOf(product, tcb.launch)),
    },
    collateral: revoked.collateral,
  }
}

function measurementsOf(report: SnpReport): Claims['measurements'] {
  const keys = (digest: Uint8Array, name: string) =>
    isZero(digest) ? {} : { [name]: `sha384:${hexOf(digest)}` }
  return {
    measurement: `sha384:${hexOf(report.measurement)}`,
    host_data: `raw:${hexOf(report.hostData)}`,
    family_id: `raw:${hexOf(report.familyId)}`,
    image_id: `raw:${hexOf(report.imageId)}`,
    // absent where the guest was launched without an id block, so that no list can name zeros
    ...keys(report.idKeyDigest, 'id_key_digest'),
    ...keys(report.authorKeyDigest, 'author_key_digest'),
  }
}

function prefixed(prefix: string, tcb: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(tcb).map(([name, level]) => [`${prefix}_${name}`, level]),
  )
}
