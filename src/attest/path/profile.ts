// What one certificate must be like to stand in a path, by its place there; no other certificate is looked at.
import { type Certificate, EXTENSION } from '../format/certificate.ts'
import { equalBytes, TAG } from '../format/der.ts'
import {
  basicConstraintsOf,
  contentOf,
  extKeyUsageOf,
  KEY_USAGE,
  keyIdentifierOf,
  keyUsageOf,
} from '../format/extensions.ts'
import { authorityInfoAccessOf } from '../format/general-name.ts'
import { weaknessOf } from './key-strength.ts'
import { isEmptyName } from './name.ts'
import { type Family, refusal } from './refusal.ts'

/** id-kp of RFC 5280 section 4.2.1.12 and RFC 6960 section 4.2.2.2. */
export const PURPOSE = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
  ocsp: '1.3.6.1.5.5.7.3.9',
} as const
const ANY_PURPOSE = '2.5.29.37.0'

export interface Rules {
  readonly family: Family
  /**
   * `strict`: also what RFC 5280 section 4 and the web PKI ask of whoever issues, such as key identifiers. `plain`: what section 6
   * checks; vendors of hardware leave the rest out.
   */
  readonly profile: 'strict' | 'plain'
  /** OID; a certificate that names purposes must name this one. */
  readonly purpose: string | undefined
  /** Critical extensions that the caller checks himself. */
  readonly understood: readonly string[]
  /** A CA may stand where the leaf does; RFC 5280 does not mind, the web PKI does. */
  readonly authorityAsLeaf: boolean
}

export type Place = 'leaf' | 'intermediate' | 'anchor'

const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.nameConstraints,
  EXTENSION.crlDistributionPoints,
  EXTENSION.certificatePolicies,
  // without a policy that must be met they forbid nothing; the extension that could ask for one is refused below
  EXTENSION.policyMappings,
  EXTENSION.inhibitAnyPolicy,
  EXTENSION.policyConstraints,
  EXTENSION.extKeyUsage,
  EXTENSION.tlsFeature,
])
const NEVER_CRITICAL = [
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.authorityInfoAccess,
]
const UTC_UNTIL = Date.UTC(2050, 0, 1)

/** Throws what is wrong with it, in the words of the family. `now`: milliseconds since the epoch. */
export function assertFit(certificate: Certificate, place: Place, rules: Rules, now: number): void {
  const { family } = rules
  const deny = (detail: string) => refusal(family, 'chain', `${place}: ${detail}`)
  // times are in seconds, and the last second belongs to them
  const second = Math.floor(now / 1000) * 1000
  if (second < certificate.notBefore) throw refusal(family, 'not_yet_valid', place)
  if (second > certificate.notAfter) throw refusal(family, 'expired', place)
  if (certificate.version !== 3) throw deny('not of version 3')
  if (!certificate.isConsistent) throw deny('two signature algorithms')
  if (isEmptyName(certificate.issuer)) throw deny('an issuer without a name')
  const weakness = weaknessOf(certificate)
  if (weakness) throw deny(weakness)
  assertCriticals(certificate, rules, deny)
  if (place === 'leaf') assertLeaf(certificate, rules, deny)
  else assertAuthority(certificate, rules, deny)
  assertPurpose(certificate, place, rules, deny)
  if (rules.profile === 'strict') assertIssuedWell(certificate, place, deny)
}

type Deny = (detail: string) => Error

function assertCriticals(certificate: Certificate, rules: Rules, deny: Deny): void {
  for (const [oid, { critical }] of certificate.extensions)
    if (critical && !UNDERSTOOD.has(oid) && !rules.understood.includes(oid)) {
      if (rules.profile === 'plain' && (NEVER_CRITICAL as readonly string[]).includes(oid)) continue
      throw deny(`extension ${oid} is critical`)
    }
  const policies = certificate.extensions.get(EXTENSION.policyConstraints)
  if (policies && contentOf(policies.value, 'policyConstraints').tag === 0x80)
    throw deny('it requires a certificate policy, which is not checked here')
}

function assertLeaf(certificate: Certificate, rules: Rules, deny: Deny): void {
  if (!rules.authorityAsLeaf) {
    if (basicConstraintsOf(certificate)?.isAuthority) throw deny('a certificate authority')
    if (keyUsageOf(certificate)?.[KEY_USAGE.keyCertSign]) throw deny('it may sign certificates')
    if (certificate.extensions.has(EXTENSION.nameConstraints))
      throw deny('name constraints in no CA')
  }
  const isTls = rules.purpose === PURPOSE.server || rules.purpose === PURPOSE.client
  const usage = keyUsageOf(certificate)
  if (isTls && usage && !usage[KEY_USAGE.digitalSignature] && !rules.authorityAsLeaf)
    throw deny('its key usage has no digitalSignature')
}

function assertAuthority(certificate: Certificate, rules: Rules, deny: Deny): void {
  const constraints = basicConstraintsOf(certificate)
  if (!constraints?.isAuthority) throw deny('no certificate authority')
  const usage = keyUsageOf(certificate)
  if (usage && !usage[KEY_USAGE.keyCertSign]) throw deny('it may not sign certificates')
  if (isEmptyName(certificate.subject)) throw deny('an authority without a name')
  if (rules.profile === 'plain') return
  if (!certificate.extensions.get(EXTENSION.basicConstraints)?.critical)
    throw deny('basic constraints are not critical')
  if (certificate.extensions.get(EXTENSION.nameConstraints)?.critical === false)
    throw deny('name constraints are not critical')
  if (!certificate.extensions.has(EXTENSION.subjectKeyIdentifier))
    throw deny('no subject key identifier')
}

function assertPurpose(certificate: Certificate, place: Place, rules: Rules, deny: Deny): void {
  const purposes = extKeyUsageOf(certificate)
  if (!purposes || rules.purpose === undefined) return
  if (place === 'leaf' && rules.profile === 'strict' && purposes.includes(ANY_PURPOSE))
    throw deny('its extended key usage is for any purpose')
  // any purpose is none that was meant; an authority may leave it to the leaf
  const isAny = place !== 'leaf' && purposes.includes(ANY_PURPOSE)
  if (!isAny && !purposes.includes(rules.purpose)) throw deny('its extended key usage is another')
}

/** What RFC 5280 section 4 asks of the issuer and section 6 does not check. */
function assertIssuedWell(certificate: Certificate, place: Place, deny: Deny): void {
  authorityInfoAccessOf(certificate)
  const constraints = basicConstraintsOf(certificate)
  if (constraints && !constraints.isAuthority && constraints.pathLength !== undefined)
    throw deny('a path length in no CA')
  assertKeyIdentifier(certificate, place, deny)
  const { notBefore, notAfter, timeTags } = certificate
  for (const [at, time] of [notBefore, notAfter].entries())
    if (time < UTC_UNTIL && timeTags[at] === TAG.generalizedTime)
      throw deny('a time before 2050 is no UTCTime')
  if (place === 'anchor') return
  const { serial } = certificate
  const isPositive = (serial[0] as number) < 0x80 && serial.some((byte) => byte !== 0)
  if (!isPositive || serial.length > 20) throw deny('a serial number out of bounds')
  const alternatives = certificate.extensions.get(EXTENSION.subjectAltName)
  if (alternatives && alternatives.critical !== isEmptyName(certificate.subject))
    throw deny('subject alternative names are critical exactly where there is no subject')
}

function assertKeyIdentifier(certificate: Certificate, place: Place, deny: Deny): void {
  const extension = certificate.extensions.get(EXTENSION.authorityKeyIdentifier)
  const identifier = keyIdentifierOf(certificate, 'authority')
  // read also where it is not compared, as one that is no key identifier is no certificate of this profile
  const own = keyIdentifierOf(certificate, 'subject')
  if (place !== 'anchor' || !certificate.isSelfIssued) {
    if (!identifier) throw deny('no authority key identifier')
    return
  }
  if (!extension) return
  const inside = contentOf(extension.value, 'authorityKeyIdentifier')
  inside.optional(0x80, 'authorityKeyIdentifier')
  if (!inside.isDone) throw deny('an authority key identifier that names another certificate')
  if (identifier && own && !equalBytes(identifier, own))
    throw deny('an authority key identifier that is not its own')
}
