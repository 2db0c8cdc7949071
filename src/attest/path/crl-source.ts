// A CRL as a source of revocation (RFC 5280 section 6.3): which one is needed, and what a genuine one of this time says of a certificate.
import { createHash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import type { Certificate } from '../format/certificate.ts'
import {
  CRL_EXTENSION,
  type Crl,
  crlNumberOf,
  isConsistentCrl,
  isRevoked,
  issuingDistributionPointOf,
  parseCrl,
} from '../format/crl.ts'
import { basicConstraintsOf, KEY_USAGE, keyUsageOf } from '../format/extensions.ts'
import { distributionPointsOf, type GeneralName } from '../format/general-name.ts'
import { isSigned, schemeOf } from '../format/signature.ts'
import { isSameName } from './name.ts'
import { isNew } from './numbers.ts'
import { refusal } from './refusal.ts'
import type { Answer, RevocationQuestion } from './revocation.ts'

const MOST_URLS = 4

const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex')

/** Of whatever list of this issuer (Name with tag and length) the operator supplied. */
export function crlIdOf(issuer: Uint8Array): string {
  return `crl:${sha256(issuer)}`
}

/** The list that a certificate points to: authorities split theirs, so the issuer alone does not name it. */
export function crlNeed(certificate: Certificate): CollateralNeed {
  const urls = urlsIn(pointsOf(certificate)).slice(0, MOST_URLS)
  const id = crlIdOf(certificate.issuer)
  return {
    id: urls[0] === undefined ? id : `${id}:${sha256(urls[0]).slice(0, 16)}`,
    kind: 'crl',
    urls,
    required: false,
  }
}

/** Names of those distribution points whose list is of the issuer and about every reason. */
function pointsOf(certificate: Certificate): readonly GeneralName[] {
  return distributionPointsOf(certificate).flatMap(({ names, isPartial, isIndirect }) =>
    isPartial || isIndirect ? [] : (names ?? []),
  )
}

export function urlsIn(names: readonly GeneralName[]): readonly string[] {
  return names.flatMap((name) =>
    name.kind === 'uri' && /^https?:\/\//i.test(name.value) ? [name.value] : [],
  )
}

/** Undefined: there is no list. Throws `revoked`, or why the list says nothing. */
export function askCrl(
  question: RevocationQuestion,
  certificate: Certificate,
  issuer: Certificate,
): Answer | undefined {
  const { collateral, family, policy, now } = question
  const found =
    collateral.get(crlNeed(certificate).id) ?? collateral.get(crlIdOf(certificate.issuer))
  if (!found) return undefined
  if (now - found.receivedAt > policy.max_age) throw refusal(family, 'stale', 'CRL: received too long ago') // biome-ignore format: a row
  const crl = parseCrl(found.bytes)
  assertAbout(crl, certificate, question)
  assertSigned(crl, issuer, question)
  const list = assertNew(crl, question)
  // from a list that is not of now as well: at worst a hold that was lifted is believed for too long
  if (isRevoked(crl, certificate.serial)) throw refusal(family, 'revoked', 'CRL')
  if (crl.thisUpdate > now + policy.clock_skew) throw refusal(family, 'stale', 'CRL: of the future')
  if (crl.nextUpdate < now) throw refusal(family, 'stale', 'CRL: past its nextUpdate')
  const { thisUpdate, nextUpdate } = crl
  return { source: 'crl', thisUpdate, nextUpdate, list, document: crl.der }
}

const UNDERSTOOD: ReadonlySet<string> = new Set([CRL_EXTENSION.issuingDistributionPoint])

function assertAbout(crl: Crl, certificate: Certificate, { family }: RevocationQuestion): void {
  const deny = (detail: string) => refusal(family, 'invalid', `CRL: ${detail}`)
  if (!isSameName(crl.issuer, certificate.issuer)) throw deny('of another issuer')
  if (crl.extensions.has(CRL_EXTENSION.delta)) throw deny('only what changed')
  for (const [oid, { critical }] of crl.extensions)
    if (critical && !UNDERSTOOD.has(oid)) throw deny(`extension ${oid} is critical`)
  const point = issuingDistributionPointOf(crl)
  if (!point) return
  if (point.isIndirect || point.isPartial || point.isRelative) throw deny('indirect or partial')
  const isAuthority = basicConstraintsOf(certificate)?.isAuthority ?? false
  if (point.only && point.only !== (isAuthority ? 'authorities' : 'users'))
    throw deny('about other kinds of certificates')
  const own = pointsOf(certificate)
  if (point.names && !point.names.some((name) => own.some((other) => isSameUri(name, other))))
    throw deny('of another distribution point')
}

function isSameUri(a: GeneralName, b: GeneralName): boolean {
  return a.kind === 'uri' && b.kind === 'uri' && a.value === b.value
}

function assertSigned(crl: Crl, issuer: Certificate, { family }: RevocationQuestion): void {
  const usage = keyUsageOf(issuer)
  if (usage && !usage[KEY_USAGE.crlSign])
    throw refusal(family, 'invalid', 'CRL: its issuer may not sign lists')
  if (!isConsistentCrl(crl)) throw refusal(family, 'invalid', 'CRL: two signature algorithms')
  if (!isSigned(schemeOf(crl.algorithm, 'CRL'), issuer.publicKey, crl.tbs, crl.signature))
    throw refusal(family, 'invalid', 'CRL: not signed by its issuer')
}

/** Its number, which never goes back (section 5.2.3); of each part of a split list, as each counts for itself. */
function assertNew(crl: Crl, question: RevocationQuestion): Answer['list'] {
  const { family } = question
  const list = numberedCrl(crl)
  if (list === undefined) throw refusal(family, 'invalid', 'CRL: no number')
  if (!isNew(list, question)) throw refusal(family, 'stale', 'CRL: older than one seen before')
  return list
}

/** Undefined: it has no number. */
export function numberedCrl(crl: Crl): Answer['list'] {
  const number = crlNumberOf(crl)
  if (number === undefined) return undefined
  const part = (oid: string) => crl.extensions.get(oid)?.value ?? new Uint8Array()
  const parts = [
    crl.issuer,
    part(CRL_EXTENSION.authorityKeyIdentifier),
    part(CRL_EXTENSION.issuingDistributionPoint),
  ]
  return { name: sha256(parts.map(sha256).join()), number }
}
