// Whether the certificates of a quote and its collateral stand on the lists of their own issuers.
import { createHash } from 'node:crypto'
import { Denial } from '../denial.ts'
import type { Claims, Verification } from '../evidence/evidence.ts'
import type { Certificate } from '../format/certificate.ts'
import { context, Der, equalBytes, TAG } from '../format/der.ts'
import { isSigned, readAlgorithm, schemeOf } from '../format/signature.ts'
import type { PckChain } from './chain.ts'
import { asCollateral, type Signers } from './signed.ts'

interface Lists {
  readonly chain: PckChain
  readonly signers: Signers
  readonly pckCrl: Uint8Array
  readonly rootCrl: Uint8Array
}

/** Throws `evidence.revoked`, `evidence.collateral_invalid`, `evidence.collateral_stale`. */
export function checkRevocation(
  { chain, signers, pckCrl, rootCrl }: Lists,
  at: Pick<Verification, 'now' | 'skew'>,
): Claims['collateral'] {
  const [leaf, issuer, root] = chain
  const ofRoot = openCrl(rootCrl, root, 'root CRL', at)
  const ofIssuer = openCrl(pckCrl, issuer, 'PCK CRL', at)
  const refuse = (what: string): never => {
    throw new Denial('evidence.revoked', what)
  }
  if (isListed(ofRoot, issuer)) refuse('PCK CA')
  for (const signer of signers.values())
    if (isListed(ofRoot, signer)) refuse('signer of the collateral')
  if (isListed(ofIssuer, leaf)) refuse('PCK certificate')
  return [ofIssuer.used, ofRoot.used]
}

interface OpenCrl {
  readonly serials: ReadonlySet<string>
  readonly used: Claims['collateral'][number]
}

function openCrl(
  der: Uint8Array,
  issuer: Certificate,
  what: string,
  { now, skew }: Pick<Verification, 'now' | 'skew'>,
): OpenCrl {
  return asCollateral(what, () => {
    const outer = new Der(der).enter(TAG.sequence, what)
    const tbsBytes = outer.element(what)
    const algorithm = readAlgorithm(outer, what)
    const signature = outer.bitOctets(what)
    outer.finish(what)
    const tbs = new Der(tbsBytes).enter(TAG.sequence, what)
    tbs.small(what)
    readAlgorithm(tbs, what)
    if (!equalBytes(tbs.element(what), issuer.subject))
      throw new Denial('evidence.chain', 'of another issuer')
    const thisUpdate = tbs.time(what)
    const nextUpdate = tbs.time(what)
    const serials = new Set<string>()
    const list = tbs.optional(TAG.sequence, what)
    while (list && !list.isDone) {
      const entry = list.enter(TAG.sequence, what)
      serials.add(Buffer.from(entry.integer(what)).toString('hex'))
    }
    tbs.optional(context(0), what)
    tbs.finish(what)
    if (!isSigned(schemeOf(algorithm, what), issuer.publicKey, tbsBytes, signature))
      throw new Denial('evidence.signature', 'its signature')
    if (thisUpdate > now + skew) throw new Denial('evidence.not_yet_valid', 'issued later than now')
    if (now >= nextUpdate) throw new Denial('evidence.expired', 'nextUpdate')
    const sha256 = createHash('sha256').update(der).digest('hex')
    return { serials, used: { kind: 'crl', sha256, nextUpdate } }
  })
}

function isListed({ serials }: OpenCrl, certificate: Certificate): boolean {
  return serials.has(certificate.serialHex)
}
