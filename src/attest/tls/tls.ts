// The TLS identity of a server: what was seen of a connection against the section `tls` of a policy, as a pure function.
import type { Collateral, CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import type { TrustVector } from '../evidence/evidence.ts'
import { Certificate } from '../format/certificate.ts'
import { parseName } from '../path/name.ts'
import type { Numbers } from '../path/numbers.ts'
import { PURPOSE } from '../path/profile.ts'
import {
  type CertificateStatus,
  checkRevocation,
  type RevocationQuestion,
  revocationNeeds,
} from '../path/revocation.ts'
import { type Anchor, readChain, type ValidPath, validatePath } from '../path/validate.ts'
import type { Reason } from '../reasons.ts'
import { assertSvidIs, identityOf, trustDomainOf } from './identity.ts'
import type { TlsPolicy } from './policy.ts'

/** A configured CA. Outside its time it is none. */
export interface TlsAnchor {
  readonly name: string
  readonly der: Uint8Array
  /** Milliseconds since the epoch. */
  readonly notBefore?: number
  readonly notAfter?: number
  /** Of a SPIFFE bundle: it vouches for SPIFFE ids of this domain and for nothing else. */
  readonly trustDomain?: string
}

/** What was seen of a fresh connection, which resumed no session: a resumed one shows neither chain nor staple. */
export interface SeenConnection {
  /** DER, leaf first, as presented. */
  readonly chain: readonly Uint8Array[]
  /** As Node names it, such as `TLSv1.3`. */
  readonly protocol: string
  /** What node:tls says of the chain. */
  readonly authorized: boolean
  /** Its code, such as `CERT_HAS_EXPIRED`. */
  readonly authorizationError?: string
  /** Stapled, as received. */
  readonly ocsp?: Uint8Array
  /** Whether a handshake without a client certificate was refused; undefined: that was not tried, or nobody knows. */
  readonly refusesAnonymous?: boolean
}

/** The numbers are those of revocation lists. */
export interface TlsQuestion extends Numbers {
  readonly connection: SeenConnection
  readonly policy: TlsPolicy
  readonly anchors: readonly TlsAnchor[]
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly collateral: Collateral
  /** Who the server says it is: that very SVID, whatever else the policy allows. */
  readonly spiffeId?: string
}

export interface TlsClaims {
  readonly leafSha256: string
  readonly spkiSha256: string
  /** Hex. */
  readonly serial: string
  readonly issuer: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  readonly protocol: string
  readonly anchor: string
  /** The identity of the policy that matched, such as `dns:files.example`. */
  readonly identity: string
  /** Of the leaf. */
  readonly revocation: {
    readonly source: string
    readonly status: 'good' | 'unknown' | 'off'
    readonly thisUpdate?: number
    readonly nextUpdate?: number
  }
}

export interface TlsIdentity {
  readonly claims: TlsClaims
  /** Milliseconds since the epoch: ends of anchor, certificates and revocation documents. */
  readonly ends: readonly number[]
  readonly trust: TrustVector
}

/** Throws Denial with a reason of `tls`, or `evidence.budget`. */
export function checkTlsIdentity(question: TlsQuestion): TlsIdentity {
  const { connection, policy } = question
  assertVersion(connection.protocol, policy.min_version)
  assertAuthorized(connection)
  const valid = pathOf(question)
  const [leaf] = valid.path as [Certificate]
  const { from } = valid.anchor
  assertShortLived(leaf, policy.max_validity_days)
  const identity = identityOf(valid.path, from.trustDomain, policy)
  if (question.spiffeId !== undefined) assertSvidIs(valid.path, question.spiffeId)
  const statuses = checkRevocation(revocationOf(question, valid))
  assertMutual(connection, policy)
  const answers = statuses.filter((one) => one.status === 'good')
  const ends = [
    from.notAfter,
    ...valid.path.map(({ notAfter }) => notAfter),
    ...answers.map(({ nextUpdate }) => nextUpdate),
  ]
  return {
    claims: claimsOf(leaf, connection.protocol, valid, identity, statuses[0]),
    ends: ends.filter((end) => end !== undefined),
    trust: { 'instance-identity': 2 },
  }
}

/** What to fetch first: nothing that a chain without an anchor would ask for. Throws as `checkTlsIdentity` does. */
export function tlsNeeds(question: TlsQuestion): readonly CollateralNeed[] {
  assertAuthorized(question.connection)
  return revocationNeeds(revocationOf(question, pathOf(question)))
}

const VERSIONS: readonly string[] = ['TLSv1.2', 'TLSv1.3']

function assertVersion(protocol: string, least: TlsPolicy['min_version']): void {
  const at = VERSIONS.indexOf(protocol)
  if (at === -1 || at < VERSIONS.indexOf(least))
    throw new Denial('tls.version', `at least ${least}`)
}

/** Codes of OpenSSL, as node:tls hands them on; each that is not here is `tls.chain`. */
const REASON_OF_NODE: Readonly<Record<string, Reason>> = {
  CERT_HAS_EXPIRED: 'tls.expired',
  CERT_NOT_YET_VALID: 'tls.not_yet_valid',
  CERT_REVOKED: 'tls.revoked',
  UNABLE_TO_GET_CRL: 'tls.revocation_unknown',
  CRL_HAS_EXPIRED: 'tls.revocation_unknown',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls.name_mismatch',
  HOSTNAME_MISMATCH: 'tls.name_mismatch',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls.untrusted_anchor',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls.untrusted_anchor',
  UNABLE_TO_GET_ISSUER_CERT: 'tls.untrusted_anchor',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls.untrusted_anchor',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls.untrusted_anchor',
}

function assertAuthorized({ authorized, authorizationError: code }: SeenConnection): void {
  if (authorized) return
  const isKnown = code !== undefined && Object.hasOwn(REASON_OF_NODE, code)
  const reason = isKnown ? (REASON_OF_NODE[code] as Reason) : 'tls.chain'
  throw new Denial(reason, code !== undefined && /^[A-Z_]{1,64}$/.test(code) ? code : 'node:tls')
}

/** An anchor of the path with what was configured of it: names may be shared, by the authorities of a bundle for one. */
interface OwnAnchor extends Anchor {
  readonly from: TlsAnchor
}

function pathOf({ connection, policy, anchors, now }: TlsQuestion): ValidPath<OwnAnchor> {
  const chain = readChain(connection.chain, 'tls')
  const isActive = ({ notBefore = -Infinity, notAfter = Infinity }: TlsAnchor) =>
    notBefore <= now && now <= notAfter
  const named = anchors.filter(({ name }) => policy.anchors.includes(name))
  const isOfBundle = named.some(({ trustDomain }) => trustDomain !== undefined)
  const domain = isOfBundle ? trustDomainOf(chain[0]) : undefined
  const active = named.filter(
    (anchor) =>
      isActive(anchor) && (anchor.trustDomain === undefined || anchor.trustDomain === domain),
  )
  if (active.length === 0)
    throw new Denial('tls.untrusted_anchor', 'none of the anchors of the policy is in use now')
  return validatePath({
    chain,
    anchors: active.map(asAnchor),
    now,
    family: 'tls',
    profile: policy.profile,
    purpose: PURPOSE.server,
  })
}

function asAnchor(from: TlsAnchor): OwnAnchor {
  const { name, der } = from
  try {
    return { id: name, certificate: Certificate.parse(der), from }
  } catch (error) {
    // what the operator configured is no fault of the server
    throw error instanceof Denial ? new Denial('policy.error', `anchor ${name}`) : error
  }
}

function assertShortLived({ notBefore, notAfter }: Certificate, days: number | undefined): void {
  if (days !== undefined && notAfter - notBefore > days * 86_400_000)
    throw new Denial('tls.validity_too_long', `at most ${days} days`)
}

function revocationOf(question: TlsQuestion, { path }: ValidPath): RevocationQuestion {
  const { connection, policy, now, collateral, seen, note } = question
  return {
    path,
    policy: policy.revocation,
    now,
    family: 'tls',
    collateral,
    ...(connection.ocsp && { staple: connection.ocsp }),
    ...(seen && { seen }),
    ...(note && { note }),
  }
}

function assertMutual({ refusesAnonymous }: SeenConnection, { mtls }: TlsPolicy): void {
  if (mtls === 'any' || refusesAnonymous === true) return
  if (refusesAnonymous === false) throw new Denial('tls.mtls_absent')
  throw new Denial('tls.unavailable', 'nobody knows whether it takes clients without a certificate')
}

function claimsOf(
  leaf: Certificate,
  protocol: string,
  { anchor }: ValidPath,
  identity: string,
  status: CertificateStatus | undefined,
): TlsClaims {
  const isGood = status?.status === 'good'
  return {
    leafSha256: leaf.sha256,
    spkiSha256: leaf.spkiSha256,
    serial: leaf.serialHex,
    issuer: parseName(leaf.issuer, 'issuer').text,
    notAfter: leaf.notAfter,
    protocol,
    anchor: anchor.id,
    identity,
    revocation: {
      source: isGood ? status.source : 'none',
      status: status?.status ?? 'unknown',
      ...(isGood && { thisUpdate: status.thisUpdate }),
      ...(isGood && status.nextUpdate !== undefined && { nextUpdate: status.nextUpdate }),
    },
  }
}
