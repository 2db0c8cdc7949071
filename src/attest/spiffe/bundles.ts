// All trust bundles of one configuration as anchors of TLS chains, and how their endpoints show themselves; it opens no connection.
import { Denial } from '../denial.ts'
import type { Certificate } from '../format/certificate.ts'
import { PURPOSE } from '../path/profile.ts'
import { readChain, validatePath } from '../path/validate.ts'
import type { TlsAnchor } from '../tls/tls.ts'
import type { SpiffeBundle } from './bundle.ts'
import type { BundleNeed, EndpointSvid } from './federation.ts'
import { matchesSpiffe } from './id.ts'
import { type BundleSource, LivingBundle, type LivingBundleDeps } from './living-bundle.ts'
import { verifyX509Svid } from './x509-svid.ts'

export interface Bundles {
  /** Of every domain, under its name. The same array until a bundle changes. */
  anchors(): readonly TlsAnchor[]
  bundleOf(trustDomain: string): SpiffeBundle | undefined
  /** When the bundle of each domain was received, milliseconds since the epoch. */
  received(): Iterable<readonly [trustDomain: string, receivedAt: number]>
  close(): void
}

export interface BundlesDeps extends Omit<LivingBundleDeps, 'fetch'> {
  /** As `LivingBundleDeps.fetch`; `bundleOf`: what an endpoint that shows an SVID is checked by. */
  readonly fetch: (
    need: BundleNeed,
    using: { readonly signal: AbortSignal; readonly bundleOf: Bundles['bundleOf'] },
  ) => Promise<Uint8Array>
}

/** Resolves when each domain has a bundle or could get none; that one could not be had is told and tried again. Never rejects. */
export async function openBundles(
  sources: readonly BundleSource[],
  deps: BundlesDeps,
): Promise<Bundles> {
  let anchors: readonly TlsAnchor[] | undefined
  const changed = (trustDomain: string) => {
    anchors = undefined
    deps.changed(trustDomain)
  }
  const bundleOf = (trustDomain: string) => living.get(trustDomain)?.bundle
  const fetch = (need: BundleNeed, signal: AbortSignal) => deps.fetch(need, { signal, bundleOf })
  const own: LivingBundleDeps = { ...deps, changed, fetch }
  const living: ReadonlyMap<string, LivingBundle> = new Map(
    sources.map((source) => [source.trustDomain, new LivingBundle(source, own)]),
  )
  await Promise.all([...living.values()].map((bundle) => bundle.begin()))
  return {
    anchors() {
      anchors ??= [...living.values()].flatMap(({ bundle }) => (bundle ? anchorsOf(bundle) : []))
      return anchors
    },
    bundleOf,
    *received() {
      for (const { trustDomain, receivedAt } of living.values())
        if (receivedAt !== undefined) yield [trustDomain, receivedAt]
    },
    close() {
      for (const bundle of living.values()) bundle.end()
    },
  }
}

function anchorsOf({ trustDomain, authorities }: SpiffeBundle): readonly TlsAnchor[] {
  return authorities.map(({ der }) => ({ name: trustDomain, der, trustDomain }))
}

/**
 * Whether the chain that a bundle endpoint presented is the SVID it must be, by the bundle of that SVID's domain. Throws Denial `tls.svid`,
 * `tls.name_mismatch`, `tls.untrusted_anchor` and what validation throws.
 */
export function checkEndpoint(
  presented: readonly Uint8Array[],
  { rule }: EndpointSvid,
  bundle: SpiffeBundle | undefined,
  now: number,
): void {
  const validate = (
    chain: readonly Certificate[],
    authorities: readonly Certificate[],
    at: number,
  ) =>
    validatePath({
      chain,
      anchors: authorities.map((certificate) => ({ id: rule.id.trustDomain, certificate })),
      now: at,
      family: 'tls',
      profile: 'plain',
      purpose: PURPOSE.server,
    }).path
  const chain = readChain(presented, 'tls')
  const { id } = verifyX509Svid(chain, () => bundle, validate, now)
  if (!matchesSpiffe(id, rule))
    throw new Denial('tls.name_mismatch', 'not the endpoint_spiffe_id of the bundle endpoint')
}
