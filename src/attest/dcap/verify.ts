// Whether a DCAP quote is genuine, of a platform that is not revoked, and ours: the steps that SGX and TDX share; no policy.
import { createHash, hash } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { checkExpected } from '../evidence/allow.ts'
import type { Claims, EvidenceItem, Verification } from '../evidence/evidence.ts'
import { checkVendorChain } from '../evidence/vendor-chain.ts'
import { equalBytes, isZero } from '../format/der.ts'
import { isSigned, keyOf } from '../format/signature.ts'
import { type Authentic, assertNotKnownRevoked, type Judged, judge } from '../tcb/collateral.ts'
import { P256 } from '../tcb/signed.ts'
import { assertLeaf, pckChainOf } from './chain.ts'
import { readPck } from './pck.ts'
import { type DcapQuote, parseQuote } from './quote.ts'

/** SubjectPublicKeyInfo of a P-256 key up to its point. */
const SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')
const FAMILY = 'intel'
const SGX_DEBUG = 0x02

/** What both kinds of quote say; measurements and flags are added by kind. */
export type DcapClaims = Omit<Claims, 'type' | 'measurements' | 'flags'>

export interface VerifiedQuote {
  readonly quote: DcapQuote
  readonly claims: DcapClaims
  readonly flags: Readonly<Record<string, boolean | number>>
}

/** Throws Denial. What does not depend on documents from elsewhere is judged first: a document that is missing may come later. */
export function verifyDcap(
  tee: 'sgx' | 'tdx',
  item: EvidenceItem,
  at: Verification,
): VerifiedQuote {
  // unsigned bytes after the end are the policy's to judge, and count in nothing that follows
  const quote = parseQuote(item.bytes, { trimTrailing: true })
  if (quote.tee !== tee) throw new Denial('evidence.unsupported', `quote that is not of ${tee}`)
  const authentic = authenticate(quote, at)
  const binding = checkExpected(quote.body.reportData, at.expected)
  const judged = judgeOrRefuse(authentic, item, at)
  return {
    quote,
    claims: { ...claimsOf(authentic, judged), binding, size: item.bytes.length },
    flags: flagsOf(authentic),
  }
}

/** Steps 1 to 4: chain, QE report, attestation key, quote. */
export function authenticate(
  quote: DcapQuote,
  { roots, now }: Pick<Verification, 'roots' | 'now'>,
): Authentic {
  const chain = pckChainOf(quote)
  const [leaf] = chain
  const root = checkVendorChain(chain, roots[FAMILY] ?? [], now)
  assertLeaf(leaf, 'PCK certificate')
  const pck = readPck(leaf)
  if (!isSigned(P256, leaf.publicKey, quote.qe.bytes, quote.qeSignature, 'ieee-p1363'))
    throw new Denial('evidence.signature', 'QE report')
  assertKeyIsOfQe(quote)
  // a debuggable QE gives its key to anybody
  if (((quote.qe.attributes[0] as number) & SGX_DEBUG) !== 0)
    throw new Denial('evidence.debug', 'quoting enclave')
  const key = keyOf(Buffer.concat([SPKI, quote.attestationKey]), 'attestation key')
  if (!isSigned(P256, key, quote.signed, quote.signature, 'ieee-p1363'))
    throw new Denial('evidence.signature', 'quote')
  return { quote, chain, pck, root }
}

function assertKeyIsOfQe({ qe, attestationKey, qeAuthData }: DcapQuote): void {
  const digest = createHash('sha256').update(attestationKey).update(qeAuthData).digest()
  if (!equalBytes(qe.reportData.subarray(0, 32), digest) || !isZero(qe.reportData.subarray(32)))
    throw new Denial('evidence.key_mismatch', 'the QE report names another attestation key')
}

// a document that is missing is a passing matter, which leaves a server its grace; these are not, whatever the document says
function judgeOrRefuse(authentic: Authentic, item: EvidenceItem, at: Verification): Judged {
  try {
    return judge(authentic, item, at)
  } catch (error) {
    if (error instanceof Denial && error.reason === 'evidence.collateral_missing') {
      const { quote } = authentic
      assertNotKnownRevoked(authentic, item, at)
      const besides = `and collateral is missing: ${error.detail}`
      if (isDebug(quote)) throw new Denial('evidence.debug', besides)
      if (quote.trailing > 0) throw malformed(`quote: ${trailingText(quote.trailing)}, ${besides}`)
    }
    throw error
  }
}

export function trailingText(trailing: number): string {
  return `${trailing} bytes after its declared end that are not padding`
}

function isDebug(quote: DcapQuote): boolean {
  const first = quote.body.attributes[0] as number
  // TD attributes: any of the first eight bits means a trust domain under debug
  return quote.tee === 'tdx' ? first !== 0 : (first & SGX_DEBUG) !== 0
}

function flagsOf({ quote, pck }: Authentic): VerifiedQuote['flags'] {
  const { smtEnabled, dynamicPlatform } = pck.configuration ?? {}
  return {
    debug: isDebug(quote),
    trailing_bytes: quote.trailing,
    ...(smtEnabled === undefined ? {} : { smt: smtEnabled }),
    ...(dynamicPlatform === undefined ? {} : { dynamic_platform: dynamicPlatform }),
  }
}

function claimsOf(
  authentic: Authentic,
  { level, used }: Judged,
): Omit<DcapClaims, 'binding' | 'size'> {
  const { quote, chain, pck, root } = authentic
  // some providers hide the chip; then the platform that Intel knows stands for it
  const hardware = [pck.ppid, pck.platformInstanceId].find((id) => id && !isZero(id))
  return {
    attests: 'platform',
    version: `v${quote.version}`,
    contentSha256: sha256(quote.signed),
    signerSha256: chain[0].sha256,
    anchor: root.id,
    synthetic: root.synthetic === true,
    ...(hardware && { hardwareSha256: sha256(hardware) }),
    product: pck.fmspc,
    tcb: tcbOf(authentic),
    tcbStatus: level.status,
    advisories: level.advisories,
    collateral: used,
  }
}

function tcbOf({ quote, pck }: Authentic): Readonly<Record<string, number>> {
  const tcb: Record<string, number> = { pcesvn: pck.pceSvn, qe_isvsvn: quote.qe.isvSvn }
  const add = (name: string, svns: Iterable<number>): void => {
    let at = 0
    for (const svn of svns) tcb[`${name}_${String(++at).padStart(2, '0')}`] = svn
  }
  add('sgx', pck.svns)
  if (quote.tee === 'tdx') add('tdx', quote.body.teeTcbSvn)
  return tcb
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes)
}
