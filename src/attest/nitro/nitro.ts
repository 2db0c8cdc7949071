// Evidence of AWS Nitro Enclaves: whether a document is genuine, of its time, and bound; what policy wants is beside it.
import { hash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
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
import { isSign1Signed, readSign1, type Sign1 } from '../format/cose.ts'
import { hexOf, isZero } from '../format/der.ts'
import { basicConstraintsOf, KEY_USAGE, keyUsageOf } from '../format/extensions.ts'
import { type NitroDocument, readNitroDocument } from './document.ts'
import { appraiseNitro, type NitroPolicy } from './policy.ts'

const WHAT = 'Nitro document'

export const nitro: Verifier<NitroPolicy> = {
  type: 'nitro',
  needs,
  verify,
  appraise: appraiseNitro,
}

/** Buckets in which AWS keeps the lists of its enclaves. */
const LISTS =
  /^https?:\/\/[a-z0-9-]*aws-nitro-enclaves[a-z0-9-]*\.s3(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?\/crl\//

function needs({ bytes }: EvidenceItem): readonly CollateralNeed[] {
  const { payload } = readSign1(bytes, WHAT)
  return chainRevocationNeeds(chainOf(readNitroDocument(payload)), LISTS)
}

function verify(item: EvidenceItem, at: Verification): Claims {
  const message = readSign1(item.bytes, WHAT)
  const document = readNitroDocument(message.payload)
  const chain = chainOf(document)
  const leaf = chain[0] as Certificate
  const root = checkVendorChain(chain, at.roots.nitro ?? [], at.now)
  assertLeaf(leaf)
  const revoked = checkChainRevocation(chain, at)
  if (!isSign1Signed(message, leaf.publicKey)) throw new Denial('evidence.signature', WHAT)
  assertTimestamp(document, leaf, at)
  const binding = checkExpected(document.nonce, at.expected)
  return claimsOf({ item, message, document, leaf, root, binding, revoked })
}

/** The bundle begins with the root; a chain begins with the leaf. */
function chainOf({ certificate, cabundle }: NitroDocument): readonly Certificate[] {
  return [certificate, ...cabundle.toReversed()].map((der) => Certificate.parse(der))
}

/** A certificate of an enclave: an authority above it signs certificates, not documents. */
function assertLeaf(leaf: Certificate): void {
  const usage = keyUsageOf(leaf)
  if (basicConstraintsOf(leaf)?.isAuthority || (usage && !usage[KEY_USAGE.digitalSignature]))
    throw new Denial('evidence.chain', 'a leaf that is not for documents')
}

/** Not of the future, and made while the certificate was valid; how old it may be is for the policy. */
function assertTimestamp({ timestamp }: NitroDocument, leaf: Certificate, at: Verification): void {
  if (timestamp > at.now + at.skew) throw new Denial('evidence.not_yet_valid', `${WHAT}: timestamp`)
  // the certificate's times are whole seconds
  if (timestamp < leaf.notBefore || timestamp >= leaf.notAfter + 1000)
    throw new Denial('evidence.stale', `${WHAT}: timestamp outside the certificate`)
}

interface Verified {
  readonly item: EvidenceItem
  readonly message: Sign1
  readonly document: NitroDocument
  readonly leaf: Certificate
  readonly root: EvidenceRoot
  readonly binding: Claims['binding']
  readonly revoked: ChainRevocation
}

function claimsOf(verified: Verified): Claims {
  const { item, message, document, leaf, root, binding, revoked } = verified
  return {
    type: 'nitro',
    attests: 'platform',
    version: 'v1',
    size: item.bytes.length,
    contentSha256: digestOf(message.signed),
    signerSha256: leaf.sha256,
    anchor: root.id,
    synthetic: root.synthetic === true,
    binding,
    madeAt: document.timestamp,
    hardwareSha256: digestOf(Buffer.from(instanceOf(document.moduleId))),
    tcb: {},
    measurements: measurementsOf(document),
    flags: {
      debug: isDebug(document),
      public_key: document.publicKey !== undefined,
      revocation: revoked.isChecked ? 'checked' : 'not checked',
    },
    collateral: revoked.collateral,
  }
}

/** `i-<instance>-enc<enclave>`: the enclave's part is another after each start. */
function instanceOf(moduleId: string): string {
  return moduleId.split('-enc', 1)[0] as string
}

/** PCR0 to 2 are zero in debug mode; a document without one of them is taken for one. */
function isDebug({ pcrs }: NitroDocument): boolean {
  return [0, 1, 2].some((index) => {
    const pcr = pcrs.get(index)
    return pcr === undefined || isZero(pcr)
  })
}

const DIGESTS: Readonly<Record<number, string>> = { 32: 'sha256', 48: 'sha384', 64: 'sha512' }

function measurementsOf({ pcrs, userData }: NitroDocument): Claims['measurements'] {
  const measurements: Record<string, string> = {}
  for (const [index, pcr] of pcrs)
    measurements[`pcr${index}`] = `${DIGESTS[pcr.length]}:${hexOf(pcr)}`
  if (userData) measurements.user_data = `sha256:${digestOf(userData)}`
  return measurements
}

function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes)
}
