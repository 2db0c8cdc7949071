// The certificates that a quote carries: PCK, its CA, the root; in that order and no others.
import { Denial } from '../denial.ts'
import { Certificate } from '../format/certificate.ts'
import { equalBytes, latin1 } from '../format/der.ts'
import { basicConstraintsOf } from '../format/extensions.ts'
import { readPem } from '../format/pem.ts'
import type { DcapQuote } from './quote.ts'

const BOUNDS = { bytes: 32 * 1024, blocks: 4 }

export type PckChain = readonly [Certificate, Certificate, Certificate]

export function pckChainOf(quote: DcapQuote): PckChain {
  const [leaf, ca, root, ...more] = certificatesIn(latin1(quote.pckChain))
  if (!leaf || !ca || !root || more.length > 0)
    throw new Denial('evidence.chain', 'PCK chain: not three certificates')
  return [leaf, ca, root]
}

/** `known` stands for itself, so that its key is not read again. Throws `evidence.malformed`, `evidence.too_large`. */
export function certificatesIn(pem: string, known?: Certificate): readonly Certificate[] {
  return readPem(pem, BOUNDS).map(({ label, bytes }) => {
    if (label !== 'CERTIFICATE')
      throw new Denial('evidence.chain', 'a block that is no certificate')
    return known && equalBytes(known.der, bytes) ? known : Certificate.parse(bytes)
  })
}

/** The end of a chain: a certificate authority signs certificates, not quotes. */
export function assertLeaf(certificate: Certificate, what: string): void {
  if (basicConstraintsOf(certificate)?.isAuthority)
    throw new Denial('evidence.chain', `${what}: a certificate authority`)
}
