// From the key of a SEV-SNP report to a root of AMD: what was sent, with what was left out put in; nothing is checked yet.
import { Denial } from '../denial.ts'
import { bytesIn, listIn } from '../evidence/endorsements.ts'
import type { EvidenceItem, EvidenceRoot } from '../evidence/evidence.ts'
import { Certificate } from '../format/certificate.ts'
import { equalBytes } from '../format/der.ts'
import { AMD_INTERMEDIATES } from '../roots/amd.ts'
import { readSnpTable } from './table.ts'

export type SigningKey = 'vcek' | 'vlek'

export interface Endorsements {
  readonly leaf: Uint8Array | undefined
  /** From the issuer of the leaf upwards; empty: not sent. */
  readonly above: readonly Uint8Array[]
}

/** Of the members of an envelope, or of the certificate table of an extended report. */
export function endorsementsOf({ endorsements }: EvidenceItem, key: SigningKey): Endorsements {
  const table = bytesIn(endorsements, 'cert_table')
  if (!table) return { leaf: bytesIn(endorsements, key), above: listIn(endorsements, 'chain') }
  const found = readSnpTable(table)
  const above = [found.get('ask'), found.get('ark')].filter((one) => one !== undefined)
  return { leaf: found.get(key), above }
}

/** Without the root, if that was not sent. */
export function sentChainOf(
  leaf: Certificate,
  above: readonly Uint8Array[],
): readonly Certificate[] {
  if (above.length > 2) throw new Denial('evidence.chain', 'length of the chain')
  const sent = above.map((der) => Certificate.parse(der))
  return [leaf, ...(sent.length > 0 ? sent : issuersOf(leaf, AMD_INTERMEDIATES).slice(0, 1))]
}

/** Leaf, intermediate, root. Throws `evidence.untrusted_root` when no root has the name that the last one asks for. */
export function chainOf(
  leaf: Certificate,
  above: readonly Uint8Array[],
  roots: readonly EvidenceRoot[],
): readonly Certificate[] {
  const chain = sentChainOf(leaf, above)
  const last = chain.at(-1) as Certificate
  if (last.isSelfIssued) return chain
  const pinned = issuersOf(
    last,
    roots.map(({ der }) => der),
  )
  // roots of tests bear one name; of several it is the one that signed
  const root = pinned.length > 1 ? pinned.find((one) => last.isSignedBy(one.publicKey)) : pinned[0]
  if (!root) throw new Denial('evidence.untrusted_root')
  return [...chain, root]
}

function issuersOf(below: Certificate, candidates: readonly Uint8Array[]): readonly Certificate[] {
  return candidates
    .map((der) => Certificate.parse(der))
    .filter(({ subject }) => equalBytes(subject, below.issuer))
}
