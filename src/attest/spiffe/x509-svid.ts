// X.509-SVIDs against the bundle of their own trust domain (X509-SVID section 5): the path is validated by whoever is handed in.
import { Denial } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import type { SpiffeBundle } from './bundle.ts'
import { checkSvidAuthority, checkX509Svid, parseSpiffeId } from './id.ts'

/** RFC 5280 path validation: leaf first, then whatever came along. Returns the path that holds, leaf first. Throws Denial. */
export type ValidatePath = (
  presented: readonly Certificate[],
  anchors: readonly Certificate[],
  now: number,
) => readonly Certificate[]

export interface X509Svid {
  readonly id: string
  readonly trustDomain: string
  /** Milliseconds since the epoch: when the first certificate of the path ends. */
  readonly goodUntil: number
}

/**
 * A domain vouches for its own ids only: that another domain's authority signed it is worth nothing. Throws `tls.svid`,
 * `tls.untrusted_anchor`, and what the validation throws.
 */
export function verifyX509Svid(
  presented: readonly Certificate[],
  bundleOf: (trustDomain: string) => SpiffeBundle | undefined,
  validate: ValidatePath,
  now: number,
): X509Svid {
  const [leaf] = presented
  if (!leaf) throw new Denial('tls.svid', 'no certificate')
  const id = checkX509Svid(leaf)
  const { trustDomain } = parseSpiffeId(id)
  const bundle = bundleOf(trustDomain)
  if (bundle?.trustDomain !== trustDomain || bundle.authorities.length === 0)
    throw new Denial('tls.untrusted_anchor', 'the bundle of the trust domain')
  const path = validate(presented, bundle.authorities, now)
  // the last one is an authority of the bundle, which the domain itself put there
  for (const issuer of path.slice(1, -1)) checkSvidAuthority(issuer)
  return {
    id,
    trustDomain,
    goodUntil: Math.min(...[leaf, ...path].map(({ notAfter }) => notAfter)),
  }
}
