// An X.509 certificate (RFC 5280 section 4) as values: what stands in it, with no judgement about chains, times or names.
import { hash, type KeyObject } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { context, contextPrimitive, Der, equalBytes, hexOf, TAG } from './der.ts'
import { type Algorithm, isSigned, keyOf, readAlgorithm, schemeOf } from './signature.ts'

export interface Extension {
  readonly critical: boolean
  /** The content of the OCTET STRING. */
  readonly value: Uint8Array
}

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
} as const

const LARGEST = 64 * 1024
const MOST_EXTENSIONS = 64

export class Certificate {
  /** As received. */
  readonly der: Uint8Array
  /** The part that is signed, with tag and length. */
  readonly tbs: Uint8Array
  /** 1, 2 or 3. */
  readonly version: number
  /** Content of the INTEGER, big endian two's complement. */
  readonly serial: Uint8Array
  readonly algorithm: Algorithm
  /** Of the part that is signed: whether it is the same says `isConsistent`. */
  readonly innerAlgorithm: Algorithm
  /** Name, with tag and length. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Milliseconds since the epoch; both ends belong to the validity. */
  readonly notBefore: number
  readonly notAfter: number
  /** Tags of the two times, for whoever checks which years may be written how. */
  readonly timeTags: readonly [number, number]
  /** SubjectPublicKeyInfo, with tag and length. */
  readonly spki: Uint8Array
  readonly signature: Uint8Array
  /** In their order; a certificate that has one twice is malformed. */
  readonly extensions: ReadonlyMap<string, Extension>
  #key: KeyObject | undefined
  #sha256: string | undefined
  #spkiSha256: string | undefined

  private constructor(der: Uint8Array) {
    const outer = new Der(der).enter(TAG.sequence, 'certificate')
    this.der = der
    this.tbs = outer.element('certificate')
    this.algorithm = readAlgorithm(outer, 'signatureAlgorithm')
    this.signature = outer.bitOctets('signature')
    outer.finish('certificate')
    const tbs = new Der(this.tbs).enter(TAG.sequence, 'tbsCertificate')
    this.version = versionIn(tbs)
    this.serial = tbs.integer('serialNumber')
    this.innerAlgorithm = readAlgorithm(tbs, 'signature algorithm')
    this.issuer = nameIn(tbs, 'issuer')
    const validity = tbs.enter(TAG.sequence, 'validity')
    const before = validity.tag
    this.notBefore = validity.time('notBefore')
    this.timeTags = [before, validity.tag]
    this.notAfter = validity.time('notAfter')
    validity.finish('validity')
    this.subject = nameIn(tbs, 'subject')
    if (tbs.tag !== TAG.sequence)
      throw malformed('subjectPublicKeyInfo: another type than expected')
    this.spki = tbs.element('subjectPublicKeyInfo')
    tbs.optional(contextPrimitive(1), 'issuerUniqueID')
    tbs.optional(contextPrimitive(2), 'subjectUniqueID')
    this.extensions = extensionsIn(tbs)
    tbs.finish('tbsCertificate')
  }

  /** Throws `evidence.malformed` or `evidence.too_large`; bytes after the certificate are malformed. */
  static parse(der: Uint8Array): Certificate {
    if (der.length > LARGEST) throw new Denial('evidence.too_large', 'certificate')
    const whole = new Der(der)
    whole.next('certificate')
    whole.finish('certificate')
    return new Certificate(der)
  }

  /** Throws `evidence.malformed` for a key that node:crypto does not take. */
  get publicKey(): KeyObject {
    this.#key ??= keyOf(this.spki, 'certificate')
    return this.#key
  }

  /** Hex. */
  get sha256(): string {
    this.#sha256 ??= hash('sha256', this.der)
    return this.#sha256
  }

  /** Hex, of the SubjectPublicKeyInfo. */
  get spkiSha256(): string {
    this.#spkiSha256 ??= hash('sha256', this.spki)
    return this.#spkiSha256
  }

  get serialHex(): string {
    return hexOf(this.serial)
  }

  /** Both places that name the signature algorithm name the same (RFC 5280 4.1.1.2). */
  get isConsistent(): boolean {
    return equalBytes(this.algorithm.der, this.innerAlgorithm.der)
  }

  get isSelfIssued(): boolean {
    return equalBytes(this.issuer, this.subject)
  }

  isValidAt(now: number): boolean {
    return now >= this.notBefore && now <= this.notAfter
  }

  /** Whether this key signed it. Throws `evidence.weak_algorithm`. */
  isSignedBy(key: KeyObject): boolean {
    if (!this.isConsistent) throw malformed('certificate: two signature algorithms')
    return isSigned(schemeOf(this.algorithm, 'certificate'), key, this.tbs, this.signature)
  }
}

function versionIn(tbs: Der): number {
  const explicit = tbs.optional(context(0), 'version')
  if (!explicit) return 1
  const version = explicit.small('version') + 1
  explicit.finish('version')
  // 1 is the default, which DER leaves out
  if (version !== 2 && version !== 3) throw malformed('version: not one of X.509')
  return version
}

function nameIn(tbs: Der, what: string): Uint8Array {
  if (tbs.tag !== TAG.sequence) throw malformed(`${what}: another type than expected`)
  return tbs.element(what)
}

function extensionsIn(tbs: Der): ReadonlyMap<string, Extension> {
  const list = tbs.optional(context(3), 'extensions')
  return list ? readExtensions(list, 'extensions') : new Map()
}

/** `from`: what stands around the one SEQUENCE of extensions, of a certificate, a CRL or an OCSP response. */
export function readExtensions(from: Der, what: string): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>()
  const all = from.enter(TAG.sequence, what)
  from.finish(what)
  if (all.isDone) throw malformed(`${what}: an empty list`)
  while (!all.isDone) {
    const one = all.enter(TAG.sequence, what)
    const oid = one.oid(what)
    const critical = one.tag === TAG.boolean ? one.boolean(what) : false
    const value = one.octets(what)
    one.finish(what)
    if (found.has(oid)) throw malformed(`${what}: ${oid} twice`)
    if (found.size === MOST_EXTENSIONS) throw malformed(`${what}: too many`)
    found.set(oid, { critical, value })
  }
  return found
}
