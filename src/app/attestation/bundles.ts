// Trust bundles of the configuration wired to files, endpoints and the log; what a bundle means is decided in the attestation room.
import { readFile } from 'node:fs/promises'
import { Denial } from '../../attest/denial.ts'
import { pemOf } from '../../attest/format/pem.ts'
import type { AttestationOptions } from '../../attest/options.ts'
import { parseSpiffeBundle } from '../../attest/spiffe/bundle.ts'
import { type Bundles, checkEndpoint, openBundles } from '../../attest/spiffe/bundles.ts'
import { type BundleNeed, bundleNeed, type EndpointSvid } from '../../attest/spiffe/federation.ts'
import type { KeptBundles } from '../../attest/spiffe/kept-bundles.ts'
import { type BundleSource, LARGEST_BUNDLE } from '../../attest/spiffe/living-bundle.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Egress } from '../../egress/egress.ts'
import { connectForAttestation } from '../../upstream/attest/connection.ts'

export interface BundlesDeps {
  readonly kept: KeptBundles
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly egress: Pick<Egress, 'fetch'>
  readonly failed: (trustDomain: string) => void
  readonly changed: (trustDomain: string) => void
}

const FETCH_MS = 10_000

/** Files read and held against their form. Throws CONFIG_INVALID naming the option. */
export async function readBundles({
  spiffe,
  collateral,
}: Pick<AttestationOptions, 'spiffe' | 'collateral'>): Promise<readonly BundleSource[]> {
  return Promise.all(
    Object.entries(spiffe).map(
      async ([trustDomain, { file, url, profile, endpoint_spiffe_id }]) => {
        const at = `attestation.spiffe.${trustDomain}`
        try {
          const given = file === undefined ? undefined : await bundleIn(file, trustDomain)
          const isFetched = url !== undefined && collateral.fetch
          const federation = {
            trust_domain: trustDomain,
            url: url ?? '',
            profile,
            ...(endpoint_spiffe_id === undefined ? {} : { endpoint_spiffe_id }),
          }
          return { trustDomain, given, need: isFetched ? bundleNeed(federation) : undefined }
        } catch (error) {
          const why = error instanceof Denial ? (error.detail ?? error.message) : messageOf(error)
          throw new AppError('CONFIG_INVALID', `${at}: ${why}`)
        }
      },
    ),
  )
}

async function bundleIn(file: string, trustDomain: string): Promise<Uint8Array> {
  const bytes = await readFile(file)
  if (bytes.length > LARGEST_BUNDLE) throw new Error(`${file}: more than ${LARGEST_BUNDLE} bytes`)
  parseSpiffeBundle(bytes, trustDomain)
  return bytes
}

export async function bundlesOf(
  sources: readonly BundleSource[],
  { kept, clock, random, log, egress, failed, changed }: BundlesDeps,
): Promise<Bundles> {
  let opened: Bundles | undefined
  opened = await openBundles(sources, {
    kept,
    clock,
    random,
    changed(trustDomain) {
      log.info({ trust_domain: trustDomain }, 'a SPIFFE bundle is in force')
      // what is there at the start is no change
      if (opened) changed(trustDomain)
    },
    failed(trustDomain, error) {
      const why = error instanceof Denial ? error.message : messageOf(error)
      log.warn({ trust_domain: trustDomain, error: why }, 'a SPIFFE bundle was not renewed')
      failed(trustDomain)
    },
    fetch: (need, { signal, bundleOf }) =>
      need.endpoint.profile === 'https_web'
        ? overWeb(need, egress, signal)
        : overSvid(need, need.endpoint, { clock, signal, bundleOf }),
  })
  return opened
}

/** By the web PKI: at that very place, which may not send us elsewhere. */
async function overWeb(
  { urls: [url = ''] }: BundleNeed,
  egress: Pick<Egress, 'fetch'>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { status, body } = await egress.fetch(url, {
    signal,
    timeout: FETCH_MS,
    maxBytes: LARGEST_BUNDLE,
    allowed: [new URL(url).host],
    redirects: false,
  })
  if (status !== 200) throw new Error(`status ${status}`)
  return body
}

/** By its SVID, which is checked before anything is asked of it. */
async function overSvid(
  { urls: [url = ''] }: BundleNeed,
  endpoint: EndpointSvid,
  { clock, signal, bundleOf }: { clock: Clock; signal: AbortSignal } & Pick<Bundles, 'bundleOf'>,
): Promise<Uint8Array> {
  const bundle = bundleOf(endpoint.trustDomain)
  if (!bundle) throw new Denial('tls.untrusted_anchor', `no bundle of ${endpoint.trustDomain}`)
  const connection = await connectForAttestation(url, {
    clock,
    timeout: FETCH_MS,
    signal,
    tls: { ca: bundle.authorities.map(({ der }) => pemOf(der)), identity: () => undefined },
  })
  try {
    if (!connection.authorized)
      throw new Denial('tls.untrusted_anchor', connection.authorizationError)
    checkEndpoint(connection.chain, endpoint, bundle, clock.wall())
    const { pathname, search } = new URL(url)
    const { status, body } = await connection.request(
      { method: 'GET', path: pathname + search, headers: { accept: 'application/json' } },
      { limit: LARGEST_BUNDLE, signal },
    )
    if (status !== 200) throw new Error(`status ${status}`)
    return body
  } finally {
    connection.close()
  }
}
