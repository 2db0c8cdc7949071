// GeneralName (RFC 5280 section 4.2.1.6) as values, from DER; whether a name is well formed or wanted is not judged here.
import { Denial, malformed } from '../denial.ts'
import { type Certificate, EXTENSION } from './certificate.ts'
import { type Der, latin1 } from './der.ts'
import { contentOf } from './extensions.ts'

export type GeneralName =
  | { readonly kind: 'email' | 'dns' | 'uri'; readonly value: string }
  /** As it stands: 4 or 16 bytes in a name, twice as many in a constraint, anything from a stranger. */
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  /** Name, with tag and length. */
  | { readonly kind: 'directory'; readonly der: Uint8Array }
  /** otherName, x400Address, ediPartyName, registeredID: told apart by their tag, not read. */
  | { readonly kind: 'other'; readonly tag: number }

const TEXT: Readonly<Record<number, 'email' | 'dns' | 'uri'>> = {
  129: 'email',
  130: 'dns',
  134: 'uri',
}
const DIRECTORY = 0xa4
const IP = 0x87
const OTHERS: ReadonlySet<number> = new Set([0xa0, 0xa3, 0xa5, 0x88])
const MOST_NAMES = 1024

export function readGeneralName(from: Der, what: string): GeneralName {
  const tag = from.tag
  const content = from.next(what)
  const kind = TEXT[tag]
  if (kind) return { kind, value: ia5(content.rest(), what) }
  if (tag === IP) return { kind: 'ip', bytes: content.rest() }
  if (tag === DIRECTORY) {
    // a CHOICE is tagged EXPLICIT
    const der = content.element(what)
    content.finish(what)
    return { kind: 'directory', der }
  }
  if (!OTHERS.has(tag)) throw malformed(`${what}: no general name`)
  return { kind: 'other', tag }
}

/** The content of GeneralNames to its end; at least one. */
function readGeneralNames(from: Der, what: string): readonly GeneralName[] {
  if (from.isDone) throw malformed(`${what}: an empty list`)
  const names: GeneralName[] = []
  while (!from.isDone) {
    if (names.length === MOST_NAMES) throw new Denial('evidence.budget', `${what}: too many names`)
    names.push(readGeneralName(from, what))
  }
  return names
}

/** Of the extension; empty when it is absent. */
export function subjectAltNamesOf(certificate: Certificate): readonly GeneralName[] {
  const extension = certificate.extensions.get(EXTENSION.subjectAltName)
  if (!extension) return []
  return readGeneralNames(contentOf(extension.value, 'subjectAltName'), 'subjectAltName')
}

/** Of one kind, in their order, as they stand. */
export function namesIn(
  certificate: Certificate,
  kind: 'email' | 'dns' | 'uri',
): readonly string[] {
  return subjectAltNamesOf(certificate).flatMap((name) => (name.kind === kind ? [name.value] : []))
}

/** Where to find out about a certificate or its issuer: method OID and URI (RFC 5280 section 4.2.2.1). */
export interface AccessDescription {
  readonly method: string
  readonly location: GeneralName
}

export function authorityInfoAccessOf(certificate: Certificate): readonly AccessDescription[] {
  const extension = certificate.extensions.get(EXTENSION.authorityInfoAccess)
  if (!extension) return []
  const what = 'authorityInfoAccess'
  const inside = contentOf(extension.value, what)
  if (inside.isDone) throw malformed(`${what}: an empty list`)
  const found: AccessDescription[] = []
  while (!inside.isDone) {
    const one = inside.enter(0x30, what)
    found.push({ method: one.oid(what), location: readGeneralName(one, what) })
    one.finish(what)
  }
  return found
}

const CA_ISSUERS = '1.3.6.1.5.5.7.48.2'

/** Where the certificate of the issuer may be had, as the certificate says. */
export function issuerUrlsIn(certificate: Certificate): readonly string[] {
  return authorityInfoAccessOf(certificate).flatMap(({ method, location }) =>
    method === CA_ISSUERS && location.kind === 'uri' ? [location.value] : [],
  )
}

function ia5(bytes: Uint8Array, what: string): string {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte >= 0x80 || byte === 0) throw malformed(`${what}: no IA5String`)
  }
  return latin1(bytes)
}

/** DistributionPointName [0] fullName; undefined where it is relative to the issuer. */
export function readDistributionPointName(
  from: Der,
  what: string,
): readonly GeneralName[] | undefined {
  const isFull = from.tag === 0xa0
  const content = from.next(what)
  from.finish(what)
  return isFull ? readGeneralNames(content, what) : undefined
}

/** One place where a CRL is to be had (RFC 5280 section 4.2.1.13). */
export interface DistributionPoint {
  readonly names: readonly GeneralName[] | undefined
  /** Its CRL covers some reasons only. */
  readonly isPartial: boolean
  /** Its CRL is of another issuer: an indirect one. */
  readonly isIndirect: boolean
}

export function distributionPointsOf(certificate: Certificate): readonly DistributionPoint[] {
  const extension = certificate.extensions.get(EXTENSION.crlDistributionPoints)
  if (!extension) return []
  const what = 'cRLDistributionPoints'
  const inside = contentOf(extension.value, what)
  if (inside.isDone) throw malformed(`${what}: an empty list`)
  const points: DistributionPoint[] = []
  while (!inside.isDone) {
    const one = inside.enter(0x30, what)
    const name = one.optional(0xa0, what)
    const names = name && readDistributionPointName(name, what)
    const isPartial = one.optional(0x81, what) !== undefined
    const isIndirect = one.optional(0xa2, what) !== undefined
    one.finish(what)
    points.push({ names, isPartial, isIndirect })
  }
  return points
}
