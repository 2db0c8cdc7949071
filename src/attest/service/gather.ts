// Gets everything an appraisal is made of: a challenge, a fresh connection, what the server answers on it, and the collateral; it judges nothing.
import { createHash } from 'node:crypto'
import type { Needs } from '../appraisal/needs.ts'
import type { AppraisalRequest, Connection, TlsAnchor } from '../appraisal/result.ts'
import type { CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import { type BoundTo, ENVELOPE_LIMITS } from '../evidence/envelope.ts'
import type { EvidenceRoot, EvidenceType } from '../evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../evidence/media.ts'
import { Certificate } from '../format/certificate.ts'
import { binderOf } from '../freshness/binder.ts'
import type { Challenge, Challenges } from '../freshness/challenge.ts'
import type { AppraisalPolicy, EvidencePolicy } from '../policy/policy.ts'
import type { Selection } from '../policy/select.ts'
import { isSpiffeId } from '../spiffe/id.ts'
import { type ActivateDeps, activate, asksForActivation } from './activate.ts'
import type { CollateralSource } from './collateral-source.ts'
import type { AttestConnection, AttestedServer, Reaching } from './server.ts'

/** What does not change from one appraisal to the next. */
export interface Frame {
  readonly anchors: readonly TlsAnchor[]
  readonly roots: Readonly<Record<string, readonly EvidenceRoot[]>>
  /** Milliseconds. */
  readonly skew: number
  readonly challengeTtl: number
}

export interface GatherDeps extends Reaching {
  readonly challenges: Challenges
  readonly collateral: Pick<CollateralSource, 'get'>
  /** Asks for what `request` needs. */
  readonly needs: (request: AppraisalRequest) => Promise<Needs>
  /** Asks what of `request` has to be activated. */
  readonly activations: ActivateDeps['activations']
  readonly clock: { wall(): number; now(): number }
  /** How long one part took, milliseconds. */
  readonly took: (stage: 'tls' | 'fetch', ms: number) => void
}

const PATH = '/.well-known/mcp-attestation'
const EXPORTER = 'EXPORTER-portcullis-attestation'

type Request = Omit<AppraisalRequest, 'now'>

export interface Gathered {
  readonly request: Request
  /** What of `request.collateral` was asked for. */
  readonly needs: readonly CollateralNeed[]
}

/** Throws the Denial that kept it from being whole. */
export async function gather(
  server: AttestedServer,
  policy: AppraisalPolicy,
  { frame, deps, signal }: { frame: Frame; deps: GatherDeps; signal: AbortSignal },
): Promise<Gathered> {
  const bare = bareRequest(server, { policy }, frame)
  if (server.transport === 'stdio')
    return {
      request: policy.package ? { ...bare, measured: await deps.measure(server) } : bare,
      needs: [],
    }
  if (server.transport === 'plain') return { request: bare, needs: [] }
  const seen = await meet(server, policy, { frame, deps, signal })
  return withCollateral({ ...bare, ...seen }, { deps, signal })
}

export function bareRequest(server: AttestedServer, selection: Selection, frame: Frame): Request {
  const { anchors, roots, skew } = frame
  const { id, transport } = server
  return { skew, server: { id, transport }, selection, anchors, roots, collateral: new Map() }
}

type Seen = Pick<AppraisalRequest, 'challenge' | 'expected' | 'connection' | 'evidence'> &
  Partial<Pick<AppraisalRequest, 'collateral'>>

/** The challenge is used up whatever comes of it: an attempt that failed must not leave one that somebody else could answer. */
async function meet(
  server: AttestedServer,
  policy: AppraisalPolicy,
  { frame, deps, signal }: { frame: Frame; deps: GatherDeps; signal: AbortSignal },
): Promise<Seen> {
  const { evidence } = policy
  if (!evidence) return handshake(server, policy, { deps, signal, with: async () => ({}) })
  const ttl = Math.min(frame.challengeTtl, evidence.challengeTtl)
  const { name: scope, id: serverId, url: targetUrl = '' } = server
  const of = { serverId, scope, targetUrl, policy: policy.id }
  const challenge = await deps.challenges.issue(of, { ttl, skew: frame.skew })
  let consumed: Promise<Challenge> | undefined
  const consume = () => {
    consumed ??= deps.challenges.consume(challenge.id, server.id)
    return consumed
  }
  try {
    return await handshake(server, policy, {
      deps,
      signal,
      with: async (connection) => {
        const answered = await ask(connection, { server, challenge, evidence, signal })
        await consume()
        if (!answered.evidence || !asksForActivation(evidence)) return answered
        const request = { ...bareRequest(server, { policy }, frame), ...answered }
        const now = deps.clock.wall()
        const collateral = await activate(
          { ...request, now },
          {
            activations: deps.activations,
            post: (body, limit) => posted(connection, body, limit, signal),
          },
        )
        return { ...answered, collateral }
      },
    })
  } finally {
    // of an attempt that failed before; what is said of it then is the reason why it failed
    await consume().catch(() => {})
  }
}

interface Handshake {
  readonly deps: GatherDeps
  readonly signal: AbortSignal
  readonly with: (connection: AttestConnection) => Promise<Seen>
}

async function handshake(
  server: AttestedServer,
  { tls }: AppraisalPolicy,
  { deps, signal, with: work }: Handshake,
): Promise<Seen> {
  const { anchors, min_version, mtls } = (tls ?? {}) as TlsSection
  const begun = deps.clock.now()
  const how = {
    anchors,
    minVersion: min_version,
    isSvid: judgesSvid(server, tls),
    probeAnonymous: mtls === 'required',
    signal,
  }
  const connection = await deps.connect(server, how).catch((error: unknown) => {
    throw error instanceof Denial ? error : new Denial('tls.unavailable', shortOf(error))
  })
  try {
    const seen = await work(connection)
    return { ...seen, connection: seenOf(connection) }
  } finally {
    connection.close()
    deps.took('tls', deps.clock.now() - begun)
  }
}

/** The members of the section `tls` that decide how a connection is opened; whoever judges it reads it whole. */
interface TlsSection {
  readonly anchors?: readonly string[]
  readonly min_version?: 'TLSv1.2' | 'TLSv1.3'
  readonly mtls?: string
  readonly identity?: { readonly any_of: readonly object[] }
}

function judgesSvid({ id }: AttestedServer, tls: unknown): boolean {
  if (tls === undefined) return false
  const { identity } = tls as TlsSection
  const names = ['spiffe_id', 'spiffe_trust_domain']
  return (
    isSpiffeId(id) || (identity?.any_of.some((rule) => names.some((name) => name in rule)) ?? false)
  )
}

// the code of a system error; its message may name addresses inside
function shortOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'no connection'
}

function seenOf(connection: AttestConnection): Connection {
  const { chain, protocol, ocsp, refusesAnonymous, authorized, authorizationError } = connection
  return {
    chain,
    protocol,
    authorized,
    ...(authorizationError === undefined ? {} : { authorizationError }),
    ...(ocsp === undefined ? {} : { ocsp }),
    ...(refusesAnonymous === undefined ? {} : { refusesAnonymous }),
  }
}

interface Asking {
  readonly server: AttestedServer
  readonly challenge: Challenge
  readonly evidence: EvidencePolicy
  readonly signal: AbortSignal
}

/** Section 5.1: the nonce goes over the connection whose key and exporter go into the binder. */
async function ask(
  connection: AttestConnection,
  { server, challenge, evidence, signal }: Asking,
): Promise<Seen> {
  const { id, nonce, targetUrl, issuedAt } = challenge
  const [leaf] = connection.chain
  if (!leaf) throw new Denial('tls.unavailable', 'no certificate')
  const covers: readonly BoundTo[] = evidence.binding.includes('exporter')
    ? ['spki', 'exporter']
    : ['spki']
  const body = Buffer.from(
    JSON.stringify({
      v: 1,
      challenge_id: id,
      nonce: Buffer.from(nonce).toString('base64url'),
      server_id: server.id,
      target_url: targetUrl,
      binding: covers,
      accept: acceptedBy(evidence),
    }),
  )
  const envelope = await envelopeFrom(connection, body, signal).catch((error: unknown) => {
    // nothing has to be there where nothing is asked for
    if (evidence.require.length === 0) return undefined
    throw error
  })
  if (!envelope) return {}
  const value = binderOf({
    nonce,
    spkiSha256: spkiOf(leaf),
    serverId: server.id,
    targetUrl,
    ...(covers.includes('exporter')
      ? { exporter: connection.exporter(EXPORTER, Buffer.from(id, 'latin1')) }
      : {}),
  })
  return {
    challenge: { id, issuedAt },
    expected: { value: { kind: 'binder', bytes: value }, covers },
    evidence: envelope,
  }
}

async function envelopeFrom(
  connection: AttestConnection,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const answer = await posted(connection, body, ENVELOPE_LIMITS.bytes, signal)
  if (answer.status !== 200) throw new Denial('evidence.unavailable', `status ${answer.status}`)
  return answer.body
}

function posted(...[connection, ...request]: [AttestConnection, Uint8Array, number, AbortSignal]) {
  return connection.post(PATH, ...request).catch((error: unknown) => {
    throw new Denial('evidence.unavailable', shortOf(error))
  })
}

function spkiOf(leaf: Uint8Array): Uint8Array {
  try {
    return createHash('sha256').update(Certificate.parse(leaf).spki).digest()
  } catch (error) {
    if (error instanceof Denial) throw new Denial('tls.chain', error.detail)
    throw error
  }
}

/** Media types of what the policy judges. */
function acceptedBy({ sections }: EvidencePolicy): readonly string[] {
  return (Object.keys(EVIDENCE_KINDS) as EvidenceType[])
    .filter((type) => Object.hasOwn(sections, EVIDENCE_KINDS[type].section))
    .map((type) => EVIDENCE_KINDS[type].media)
}

async function withCollateral(
  request: Request,
  { deps, signal }: { readonly deps: GatherDeps; readonly signal: AbortSignal },
): Promise<Gathered> {
  const begun = deps.clock.now()
  const needs = await deps.needs({ ...request, now: deps.clock.wall() })
  if ('refusal' in needs) {
    const { reason, detail } = needs.refusal
    throw new Denial(reason, detail)
  }
  if (needs.needs.length === 0) return { request, needs: [] }
  const collateral = await deps.collateral.get(needs.needs, signal)
  const fetched = deps.clock.now() - begun
  deps.took('fetch', fetched)
  // a proof of this challenge is not to be had from anywhere else
  const all = new Map([...collateral, ...request.collateral])
  return { request: { ...request, collateral: all, fetched }, needs: needs.needs }
}
