// What attestation is made of under one configuration: policies, material, collateral and the service over them.
import { createHash, randomBytes } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { createAdmittedMemory } from '../../attest/admission/admitted.ts'
import type { Measures } from '../../attest/admission/measures.ts'
import type { AppraisalResult } from '../../attest/appraisal/result.ts'
import { createAppraiser } from '../../attest/appraisal/thread.ts'
import { Certificate } from '../../attest/format/certificate.ts'
import { createChallenges } from '../../attest/freshness/challenge.ts'
import { createReplayGuard } from '../../attest/freshness/replay.ts'
import type { AppraisalPolicy } from '../../attest/policy/policy.ts'
import { createCollateralSource } from '../../attest/service/collateral-source.ts'
import { createSeenNumbers } from '../../attest/service/seen-numbers.ts'
import type { AttestedServer } from '../../attest/service/server.ts'
import {
  type AttestationService,
  createAttestationService,
  type ServiceDeps,
} from '../../attest/service/service.ts'
import { createUpkeep } from '../../attest/service/upkeep.ts'
import type { Bundles } from '../../attest/spiffe/bundles.ts'
import { createKeptBundles } from '../../attest/spiffe/kept-bundles.ts'
import type { Clock } from '../../base/clock.ts'
import { canonicalText } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Egress } from '../../egress/egress.ts'
import type { Store } from '../../store/store.ts'
import type { TlsOptions } from '../../upstream/client.ts'
import type { GatewayConfig } from '../sections.ts'
import { bundlesOf } from './bundles.ts'
import { authoritiesOf, type Material, readMaterial } from './material.ts'
import { loadPolicies } from './policies.ts'
import { createReach } from './reach.ts'

export interface AttestationParts {
  /** Of all that it was made of: equal keys are equal parts. */
  readonly key: string
  readonly service: AttestationService
  /** What connections to a server under this policy are made with; `named`: who it is was judged, and its key is pinned. Else all is trusted that may be. */
  tlsOf(policy: AppraisalPolicy | undefined, named: boolean): TlsOptions
  /** Of kinds of collateral: when the oldest that is remembered was received. */
  collateral(): Iterable<readonly [string, number]>
  /** Anchors and roots and when they end. */
  anchors(): Iterable<readonly [string, number]>
  close(): Promise<void>
}

export interface PartsDeps {
  readonly log: Logger
  readonly clock: Clock
  readonly egress: Pick<Egress, 'fetch'>
  readonly measures: Measures
  readonly told: ServiceDeps['told']
  readonly path: string | undefined
  readonly random: () => number
  /** What servers under these parts were admitted by is no longer the same; `concerns` says it of each, and what is known. */
  readonly changed: (parts: AttestationParts, concerns: Concerns) => void
}

/** `last`: what the server was attested with last. Undefined: it is not concerned. */
export type Concerns = (
  server: AttestedServer,
  last: AppraisalResult | undefined,
) => 'collateral-refreshed' | 'collateral-revoked' | undefined

/** Half an hour: what ends sooner says so itself. */
const REFRESH_MS = 30 * 60_000
/** Of one document. */
const LARGEST = 4 * 1024 ** 2
const FETCH_MS = 10_000
/** For a connection, and for the whole of an attestation. */
const CONNECT_MS = 15_000
const PATIENCE_MS = 45_000

/** Rejects with CONFIG_INVALID. */
export async function openParts(
  loaded: LoadedConfig<GatewayConfig>,
  store: Store,
  deps: PartsDeps,
): Promise<AttestationParts> {
  const options = loaded.config.attestation
  if (!options) throw new Error('there is no section attestation')
  const { clock, log, egress, measures, told, path } = deps
  let parts: AttestationParts | undefined
  const anchorNames = new Set([...Object.keys(options.anchors), ...Object.keys(options.spiffe)])
  const { policies } = await loadPolicies(options.policies, { anchors: anchorNames })
  const material = await readMaterial(options)
  const bundles = await bundlesOf(material.bundles, {
    ...deps,
    kept: createKeptBundles(store),
    failed: (trustDomain) => measures.fetchFailed(trustDomain),
    changed(trustDomain) {
      if (parts) deps.changed(parts, concernedBy(trustDomain, { service, bundles }))
    },
  })
  const anchors = () => [...material.anchors, ...bundles.anchors()]
  for (const [id, { family, synthetic }] of Object.entries(options.roots))
    if (synthetic)
      log.warn(
        { root: id, family },
        'a root of a test is trusted: whoever has its key makes evidence',
      )
  const appraiser = createAppraiser({ clock, deadline: options.deadline })
  const collateral = createCollateralSource({
    clock,
    supplied: material.supplied,
    refresh: REFRESH_MS,
    failed: (kind) => measures.fetchFailed(kind),
    async fetch(url, { body, contentType }) {
      if (!options.collateral.fetch) throw new Error('attestation.collateral.fetch is false')
      const headers: Record<string, string> =
        contentType === undefined ? {} : { 'content-type': contentType }
      const answer = await egress.fetch(url, {
        method: body ? 'POST' : 'GET',
        ...(body ? { body } : {}),
        headers,
        timeout: FETCH_MS,
        maxBytes: LARGEST,
        // the place that was named and no other
        allowed: [new URL(url).host],
      })
      if (answer.status !== 200) throw new Error(`status ${answer.status}`)
      return { bytes: answer.body, headers: answer.headers }
    },
  })
  const upkeep = createUpkeep({
    source: collateral,
    clock,
    random: deps.random,
    refresh: REFRESH_MS,
    changed(names) {
      const concerns: Concerns = ({ name }) =>
        names.has(name) ? 'collateral-refreshed' : undefined
      if (parts) deps.changed(parts, concerns)
    },
  })
  const service = createAttestationService({
    frame: {
      get anchors() {
        return anchors()
      },
      roots: material.roots,
      skew: options.clock_skew,
      challengeTtl: options.challenge_ttl,
    },
    policies,
    require: options.require,
    appraiser,
    gather: {
      ...createReach({
        clock,
        timeout: CONNECT_MS,
        path,
        tls: ({ anchors: names, minVersion, isSvid }) => ({
          // a policy that does not judge the chain has the roots that node:tls has read: to read them anew would hold the loop for 10 ms
          ...(names && { ca: authoritiesOf(anchors(), names, clock.wall()) }),
          ...material.client,
          minVersion,
          ...(isSvid ? { identity: JUDGED_ELSEWHERE } : {}),
        }),
      }),
      challenges: createChallenges({ tickets: store, clock, random: randomBytes }),
      collateral,
    },
    memory: createAdmittedMemory(store),
    replay: createReplayGuard(store),
    seen: createSeenNumbers(store),
    upkeep,
    clock,
    measures,
    patience: PATIENCE_MS,
    told,
  })
  parts = {
    key: keyOf(loaded),
    service,
    tlsOf: (policy, named) =>
      named
        ? {
            ...tlsOf(policy, { client: material.client, anchors: anchors() }, clock),
            ...(policy?.tls === undefined ? {} : { identity: JUDGED_ELSEWHERE }),
          }
        : { ...material.client, ca: anyAuthority(anchors(), clock.wall()) },
    collateral: () => [...collateral.oldest(), ...bundles.received()],
    anchors: () => endsOf({ roots: material.roots, anchors: anchors() }),
    close() {
      bundles.close()
      upkeep.close()
      return appraiser.close()
    },
  }
  return parts
}

/** Whoever may be vouched for by the domain; who was, and is no more by anybody, is known to be revoked. */
function concernedBy(
  trustDomain: string,
  { service, bundles }: { readonly service: AttestationService; readonly bundles: Bundles },
): Concerns {
  const isEmptied = bundles.bundleOf(trustDomain)?.authorities.length === 0
  return (server, last) => {
    const selection = service.selectionFor(server)
    const tls = ('policy' in selection ? selection.policy?.tls : undefined) as
      | TlsSection
      | undefined
    if (!tls?.anchors?.includes(trustDomain)) return undefined
    return isEmptied && last?.tls?.anchor === trustDomain
      ? 'collateral-revoked'
      : 'collateral-refreshed'
  }
}

/** What is read of it here; whoever judges by it reads it whole. */
interface TlsSection {
  readonly anchors?: readonly string[]
  readonly min_version?: 'TLSv1.2' | 'TLSv1.3'
}

/** Of the section and of the files that it names. */
export function keyOf({ config, companions }: LoadedConfig<GatewayConfig>): string {
  const text = canonicalText([config.attestation ?? null, companions.attestation ?? null])
  return createHash('sha256').update(text).digest('hex')
}

/** Who it is, is judged when the key is attested; later connections must show that key. */
const JUDGED_ELSEWHERE = () => undefined

/** Where a policy only observes: the system's, and those that any policy may name. */
function anyAuthority(anchors: Material['anchors'], now: number): readonly string[] {
  const names = anchors.map(({ name }) => name)
  return [...rootCertificates, ...authoritiesOf(anchors, names, now)]
}

function tlsOf(
  policy: AppraisalPolicy | undefined,
  { anchors, client }: Pick<Material, 'anchors' | 'client'>,
  clock: Pick<Clock, 'wall'>,
): TlsOptions {
  const tls = policy?.tls as TlsSection | undefined
  if (!tls) return client
  return {
    ...client,
    ca: authoritiesOf(anchors, tls.anchors ?? [], clock.wall()),
    minVersion: tls.min_version,
  }
}

/** Several certificates of one name, as those of a bundle, are told by the first that ends. */
function endsOf({ anchors, roots }: Pick<Material, 'anchors' | 'roots'>): Map<string, number> {
  const ends = new Map<string, number>()
  const add = (id: string, end: number) => ends.set(id, Math.min(end, ends.get(id) ?? end))
  for (const { name, der, notAfter = Number.POSITIVE_INFINITY } of anchors)
    add(name, Math.min(notAfter, Certificate.parse(der).notAfter))
  for (const list of Object.values(roots))
    for (const { id, der } of list) add(id, Certificate.parse(der).notAfter)
  return ends
}
