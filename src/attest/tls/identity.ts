// Which identity of a policy a validated path shows: a SPIFFE id, a name or a key; chains and revocation are checked elsewhere.
import { Denial } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import { subjectAltNamesOf } from '../format/general-name.ts'
import { assertNamed, expectedHost, type NamedLeaf } from '../path/named.ts'
import {
  checkSvidAuthority,
  checkX509Svid,
  matchesSpiffe,
  parseSpiffeId,
  parseSpiffeRule,
} from '../spiffe/id.ts'
import type { IdentityRule, TlsPolicy } from './policy.ts'

/** The rule that is met, as text. `domain`: of the bundle that the anchor is of. */
export function identityOf(
  path: readonly Certificate[],
  domain: string | undefined,
  { identity, profile }: TlsPolicy,
): string {
  const [leaf] = path as [Certificate]
  const isSpiffe = identity.any_of.some(isSpiffeRule)
  const svid = isSpiffe ? svidOf(leaf) : {}
  const named = { leaf, names: subjectAltNamesOf(leaf) }
  const isMet = (rule: IdentityRule): boolean => {
    if ('spki' in rule) return rule.spki === `sha256:${leaf.spkiSha256}`
    if ('dns' in rule) return domain === undefined && isNamed(named, rule.dns, profile)
    if (svid.id === undefined) return false
    return matchesSpiffe(svid.id, parseSpiffeRule(patternOf(rule)))
  }
  const met = identity.any_of.find(isMet)
  if (!met) {
    throw identity.any_of.every(isSpiffeRule) && svid.error
      ? svid.error
      : new Denial('tls.name_mismatch')
  }
  if (isSpiffeRule(met)) for (const issuer of path.slice(1, -1)) checkSvidAuthority(issuer)
  const [[kind, value] = []] = Object.entries(met)
  return `${kind}:${value}`
}

/** Throws `tls.name_mismatch` for any other and for what is no SVID, `tls.svid` where who signed it may not. */
export function assertSvidIs(path: readonly Certificate[], id: string): void {
  const [leaf] = path as [Certificate]
  if (svidOf(leaf).id !== id)
    throw new Denial('tls.name_mismatch', 'not the spiffe_id of the server')
  for (const issuer of path.slice(1, -1)) checkSvidAuthority(issuer)
}

type SpiffeRuleOfPolicy = Exclude<
  IdentityRule,
  { readonly dns: string } | { readonly spki: string }
>

function isSpiffeRule(rule: IdentityRule): rule is SpiffeRuleOfPolicy {
  return 'spiffe_id' in rule || 'spiffe_trust_domain' in rule
}

function patternOf(rule: SpiffeRuleOfPolicy): string {
  return 'spiffe_id' in rule ? rule.spiffe_id : `spiffe://${rule.spiffe_trust_domain}/*`
}

function isNamed(leaf: NamedLeaf, host: string, profile: TlsPolicy['profile']): boolean {
  try {
    assertNamed(leaf, [expectedHost(host)], { family: 'tls', profile })
    return true
  } catch (error) {
    if (error instanceof Denial && error.reason === 'tls.name_mismatch') return false
    throw error
  }
}

/** The trust domain of an SVID; undefined for a leaf that is none. */
export function trustDomainOf(leaf: Certificate | undefined): string | undefined {
  const id = leaf && svidOf(leaf).id
  return id === undefined ? undefined : parseSpiffeId(id).trustDomain
}

function svidOf(leaf: Certificate): { readonly id?: string; readonly error?: Denial } {
  try {
    return { id: checkX509Svid(leaf) }
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return { error }
  }
}
