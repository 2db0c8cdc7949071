// Federation (SPIFFE-Federation section 5): from which endpoint the bundle of which domain comes, and how that endpoint must show itself.
// Who fetches follows no redirect, and checks the endpoint as the need says before it reads a byte.
import type { Collateral, CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import { newerBundle, parseSpiffeBundle, type SpiffeBundle } from './bundle.ts'
import { parseSpiffeId, parseSpiffeRule, type SpiffeRule } from './id.ts'

/** As it is configured: all of it out of band, none of it from the endpoint. */
export interface Federation {
  readonly trust_domain: string
  readonly url: string
  readonly profile: 'https_web' | 'https_spiffe'
  /** Whom the endpoint must be: required with https_spiffe. */
  readonly endpoint_spiffe_id?: string
}

/** A bundle to get. `redirects` is said so that no fetcher has to know. */
export interface BundleNeed extends CollateralNeed {
  readonly kind: 'bundle'
  readonly trustDomain: string
  readonly redirects: false
  /** How the endpoint is authenticated: by the public roots and its name, or by its SVID and the bundle of the domain of that SVID. */
  readonly endpoint: { readonly profile: 'https_web' } | EndpointSvid
}

export interface EndpointSvid {
  readonly profile: 'https_spiffe'
  readonly rule: SpiffeRule
  /** Whose bundle is needed to check it. The same as the one that is fetched: a first bundle must be there already. */
  readonly trustDomain: string
}

export const bundleId = (trustDomain: string): string => `bundle:${trustDomain}`

/** Throws `policy.error`: the federation cannot be used as it is configured. */
export function bundleNeed(federation: Federation): BundleNeed {
  const { trust_domain: trustDomain, url, profile, endpoint_spiffe_id: id } = federation
  assertDomain(trustDomain)
  assertUrl(url)
  if (profile === 'https_web' && id !== undefined)
    throw new Denial('policy.error', 'federation: an endpoint of https_web has no SPIFFE id')
  if (profile === 'https_spiffe' && id === undefined)
    throw new Denial('policy.error', 'federation: https_spiffe needs endpoint_spiffe_id')
  return {
    id: bundleId(trustDomain),
    kind: 'bundle',
    urls: [url],
    required: true,
    trustDomain,
    redirects: false,
    endpoint: id === undefined ? { profile: 'https_web' } : endpointOf(id),
  }
}

function endpointOf(id: string): EndpointSvid {
  const rule = parseSpiffeRule(id)
  if (rule.match !== 'exact')
    throw new Denial('policy.error', 'federation: endpoint_spiffe_id is one id')
  return { profile: 'https_spiffe', rule, trustDomain: rule.id.trustDomain }
}

function assertDomain(trustDomain: string): void {
  try {
    if (parseSpiffeId(`spiffe://${trustDomain}`).path === '') return
  } catch (error) {
    if (!(error instanceof Denial)) throw error
  }
  throw new Denial('policy.error', 'federation: trust_domain')
}

/** https, and nothing in it that could mean another host. */
function assertUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const isFit =
    parsed?.protocol === 'https:' && parsed.username + parsed.password === '' && parsed.hash === ''
  if (!isFit) throw new Denial('policy.error', 'federation: url')
}

/**
 * The bundle of a federated domain that holds after this answer: it is of the domain that the endpoint was configured for, whatever it
 * says. Without an answer the known one goes on. Throws `evidence.collateral_missing`, `_invalid`, `_stale`.
 */
export function receiveBundle(
  need: BundleNeed,
  collateral: Collateral,
  known: SpiffeBundle | undefined,
): SpiffeBundle {
  const answer = collateral.get(need.id)
  if (answer) return newerBundle(known, parseSpiffeBundle(answer.bytes, need.trustDomain))
  if (known) return known
  throw new Denial('evidence.collateral_missing', 'SPIFFE bundle')
}
