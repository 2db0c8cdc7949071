// OCSP (RFC 6960): the request for one certificate, and a response as values; whether a response is to be believed is decided elsewhere.
import { createHash } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { type Certificate, type Extension, readExtensions } from './certificate.ts'
import { context, contextPrimitive, Der, equalBytes, TAG } from './der.ts'
import { type Algorithm, hashOf, readAlgorithm } from './signature.ts'

export const OCSP_EXTENSION = {
  nonce: '1.3.6.1.5.5.7.48.1.2',
  noCheck: '1.3.6.1.5.5.7.48.1.5',
} as const
const BASIC = '1.3.6.1.5.5.7.48.1.1'
const LARGEST = 64 * 1024
const MOST_RESPONSES = 64
const MOST_CERTIFICATES = 8

export interface SingleResponse {
  readonly hash: 'sha1' | 'sha256' | 'sha384' | 'sha512' | undefined
  readonly issuerNameHash: Uint8Array
  readonly issuerKeyHash: Uint8Array
  readonly serial: Uint8Array
  readonly status: 'good' | 'revoked' | 'unknown'
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number
  readonly nextUpdate: number | undefined
  readonly extensions: ReadonlyMap<string, Extension>
}

export interface OcspResponse {
  readonly der: Uint8Array
  /** The part that is signed, with tag and length. */
  readonly tbs: Uint8Array
  readonly algorithm: Algorithm
  readonly signature: Uint8Array
  /** Who signed: a Name with tag and length, or the SHA-1 of a public key. */
  readonly responder: { readonly name: Uint8Array } | { readonly keyHash: Uint8Array }
  readonly producedAt: number
  readonly responses: readonly SingleResponse[]
  readonly extensions: ReadonlyMap<string, Extension>
  /** DER of what came along, not parsed: most of it is not needed. */
  readonly certificates: readonly Uint8Array[]
}

/**
 * Throws `evidence.malformed`, `evidence.too_large`, or `evidence.collateral_missing` for a response that says only that the
 * responder has no answer.
 */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  if (der.length > LARGEST) throw new Denial('evidence.too_large', 'OCSP response')
  const basic = basicIn(der)
  const whole = new Der(basic)
  const outer = whole.enter(TAG.sequence, 'OCSP')
  whole.finish('OCSP')
  const tbs = outer.element('OCSP')
  const algorithm = readAlgorithm(outer, 'OCSP')
  const signature = outer.bitOctets('OCSP signature')
  const certificates = certificatesIn(outer.optional(context(0), 'OCSP certificates'))
  outer.finish('OCSP')
  const inside = new Der(tbs).enter(TAG.sequence, 'tbsResponseData')
  // version 1 is the default, which DER leaves out, and there is no other
  if (inside.tag === context(0)) throw malformed('OCSP: not of version 1')
  const responder = responderIn(inside)
  const producedAt = timeIn(inside, 'producedAt')
  const responses = responsesIn(inside.enter(TAG.sequence, 'OCSP responses'))
  const extensions = extensionsIn(inside, 'OCSP extensions')
  inside.finish('tbsResponseData')
  return { der, tbs, algorithm, signature, responder, producedAt, responses, extensions, certificates } // biome-ignore format: a row
}

function basicIn(der: Uint8Array): Uint8Array {
  const whole = new Der(der)
  const inside = whole.enter(TAG.sequence, 'OCSP response')
  whole.finish('OCSP response')
  const status = inside.small('OCSP status', TAG.enumerated)
  if (status !== 0) {
    inside.finish('OCSP response')
    throw new Denial('evidence.collateral_missing', `the OCSP responder has no answer (${status})`)
  }
  const wrapped = inside.enter(context(0), 'OCSP response')
  inside.finish('OCSP response')
  const bytes = wrapped.enter(TAG.sequence, 'OCSP response')
  wrapped.finish('OCSP response')
  if (bytes.oid('OCSP type') !== BASIC) throw malformed('OCSP: not of the basic type')
  const basic = bytes.octets('OCSP response')
  bytes.finish('OCSP response')
  return basic
}

function certificatesIn(wrapped: Der | undefined): readonly Uint8Array[] {
  if (!wrapped) return []
  const list = wrapped.enter(TAG.sequence, 'OCSP certificates')
  wrapped.finish('OCSP certificates')
  const found: Uint8Array[] = []
  while (!list.isDone) {
    if (found.length === MOST_CERTIFICATES)
      throw new Denial('evidence.budget', 'certificates of an OCSP response')
    found.push(list.element('OCSP certificates'))
  }
  return found
}

function responderIn(from: Der): OcspResponse['responder'] {
  const what = 'OCSP responder'
  const isName = from.tag === context(1)
  const content = from.optional(isName ? context(1) : context(2), what)
  if (!content) throw malformed(`${what}: another type than expected`)
  if (isName && content.tag !== TAG.sequence) throw malformed(`${what}: another type than expected`)
  const responder = isName ? { name: content.element(what) } : { keyHash: content.octets(what) }
  content.finish(what)
  return responder
}

/** OCSP has GeneralizedTime only. */
function timeIn(from: Der, what: string): number {
  if (from.tag !== TAG.generalizedTime) throw malformed(`${what}: no time`)
  return from.time(what)
}

function extensionsIn(from: Der, what: string): ReadonlyMap<string, Extension> {
  const wrapped = from.optional(context(1), what)
  return wrapped ? readExtensions(wrapped, what) : new Map()
}

function responsesIn(list: Der): readonly SingleResponse[] {
  const found: SingleResponse[] = []
  while (!list.isDone) {
    if (found.length === MOST_RESPONSES)
      throw new Denial('evidence.budget', 'certificates in an OCSP response')
    found.push(responseIn(list.enter(TAG.sequence, 'OCSP single response')))
  }
  return found
}

function responseIn(from: Der): SingleResponse {
  const what = 'OCSP single response'
  const id = from.enter(TAG.sequence, what)
  const hash = hashOf(readAlgorithm(id, what).oid)
  const issuerNameHash = id.octets(what)
  const issuerKeyHash = id.octets(what)
  const serial = id.integer(what)
  id.finish(what)
  const status = statusIn(from)
  const thisUpdate = timeIn(from, 'thisUpdate')
  const next = from.optional(context(0), 'nextUpdate')
  const nextUpdate = next && timeIn(next, 'nextUpdate')
  next?.finish('nextUpdate')
  const extensions = extensionsIn(from, what)
  from.finish(what)
  return { hash, issuerNameHash, issuerKeyHash, serial, status, thisUpdate, nextUpdate, extensions } // biome-ignore format: a row
}

function statusIn(from: Der): SingleResponse['status'] {
  const what = 'OCSP certificate status'
  const tag = from.tag
  const content = from.next(what)
  if (tag === context(1)) {
    timeIn(content, 'revocationTime')
    const reason = content.optional(context(0), what)
    reason?.small(what, TAG.enumerated)
    reason?.finish(what)
    content.finish(what)
    return 'revoked'
  }
  content.finish(what)
  if (tag === contextPrimitive(0)) return 'good'
  if (tag === contextPrimitive(2)) return 'unknown'
  throw malformed(`${what}: another type than expected`)
}

/** Whether an answer is about this certificate of this issuer. */
export function isAbout(
  { hash, issuerNameHash, issuerKeyHash, serial }: SingleResponse,
  certificate: Certificate,
  issuer: Certificate,
): boolean {
  if (!hash || !equalBytes(serial, certificate.serial)) return false
  const of = (bytes: Uint8Array) => createHash(hash).update(bytes).digest()
  return (
    equalBytes(issuerNameHash, of(certificate.issuer)) &&
    equalBytes(issuerKeyHash, of(publicKeyBits(issuer)))
  )
}

/** The BIT STRING of a public key, without tag, length and the number of unused bits. */
export function publicKeyBits(certificate: Certificate): Uint8Array {
  const what = 'subjectPublicKeyInfo'
  const inside = new Der(certificate.spki).enter(TAG.sequence, what)
  inside.element(what)
  return inside.bitOctets(what)
}

const SHA1 = Uint8Array.of(0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00)
const NONCE = Uint8Array.of(0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02)

/**
 * A request about one certificate. The certificate is named by SHA-1, the hash that every responder knows (RFC 5019 section
 * 2.1.1); nothing depends on it being collision free. A nonce (RFC 8954: 1 to 32 bytes) rules out answers that were made before.
 */
export function ocspRequest(
  certificate: Certificate,
  issuer: Certificate,
  nonce?: Uint8Array,
): Uint8Array {
  const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest()
  const id = der(
    TAG.sequence,
    SHA1,
    der(TAG.octetString, sha1(certificate.issuer)),
    der(TAG.octetString, sha1(publicKeyBits(issuer))),
    der(TAG.integer, certificate.serial),
  )
  const list = der(TAG.sequence, der(TAG.sequence, id))
  if (!nonce) return der(TAG.sequence, der(TAG.sequence, list))
  const value = der(TAG.octetString, der(TAG.octetString, nonce))
  const extensions = der(TAG.sequence, der(TAG.sequence, NONCE, value))
  return der(TAG.sequence, der(TAG.sequence, list, der(context(2), extensions)))
}

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const header = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff] // biome-ignore format: a row
  return Buffer.concat([Uint8Array.from(header), ...parts])
}
