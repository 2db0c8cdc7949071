// SignedData of CMS (RFC 5652 section 5) with one signer and signed attributes; whether its certificate is to be trusted is not asked here.
import { hash } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import type { Certificate } from './certificate.ts'
import { context, contextPrimitive, Der, equalBytes, TAG } from './der.ts'
import { keyIdentifierOf } from './extensions.ts'
import {
  type Algorithm,
  type Hash,
  hashOf,
  isSigned,
  readAlgorithm,
  type Scheme,
  schemeOf,
} from './signature.ts'

export interface SignedData {
  readonly content: Uint8Array
  /** In DER, in their order; they came along and vouch for nothing. */
  readonly certificates: readonly Uint8Array[]
  readonly signer: SignerInfo
}

export interface SignerInfo {
  /** Names the certificate: issuer and serial, or the key identifier. */
  readonly issuer: Uint8Array | undefined
  readonly serial: Uint8Array | undefined
  readonly keyIdentifier: Uint8Array | undefined
  readonly digest: Hash
  readonly scheme: Scheme
  /** What is signed: the attributes as the SET they are (section 5.4). */
  readonly signed: Uint8Array
  readonly messageDigest: Uint8Array
  readonly signature: Uint8Array
}

const OID = {
  signedData: '1.2.840.113549.1.7.2',
  data: '1.2.840.113549.1.7.1',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  rsaEncryption: '1.2.840.113549.1.1.1',
} as const
const NULL = Uint8Array.of(TAG.null, 0)
const MOST_CERTIFICATES = 8
/** A signature that holds is as long as the modulus of its key. */
const FEWEST_RSA_OCTETS = 256
const MOST_ATTRIBUTES = 32

/** Throws `evidence.malformed`, `evidence.weak_algorithm`, `evidence.budget`. Detached content is malformed. */
export function parseSignedData(der: Uint8Array, what: string): SignedData {
  const whole = new Der(der)
  const info = whole.enter(TAG.sequence, what)
  whole.finish(what)
  if (info.oid(what) !== OID.signedData) throw malformed(`${what}: no SignedData`)
  const explicit = info.enter(context(0), what)
  info.finish(what)
  const data = explicit.enter(TAG.sequence, what)
  explicit.finish(what)
  const version = data.small(`${what}: version`)
  const digests = data.enter(TAG.set, `${what}: digestAlgorithms`)
  const content = contentIn(data, what)
  const certificates = certificatesIn(data, what)
  data.optional(context(1), `${what}: crls`)
  const signers = data.enter(TAG.set, `${what}: signerInfos`)
  data.finish(what)
  const signer = signerIn(signers.enter(TAG.sequence, `${what}: signerInfo`), what)
  signers.finish(`${what}: one signer`)
  // nobody needs them; but whatever is not signed has one value, so that a document has one form
  if (version !== (signer.keyIdentifier ? 3 : 1)) throw malformed(`${what}: version`)
  if (digestIn(readAlgorithm(digests, what), what) !== signer.digest || !digests.isDone)
    throw malformed(`${what}: digestAlgorithms`)
  return { content, certificates, signer }
}

function contentIn(data: Der, what: string): Uint8Array {
  const inner = data.enter(TAG.sequence, `${what}: content`)
  if (inner.oid(`${what}: content`) !== OID.data) throw malformed(`${what}: contentType`)
  const explicit = inner.enter(context(0), `${what}: content`)
  inner.finish(`${what}: content`)
  const content = explicit.octets(`${what}: content`)
  explicit.finish(`${what}: content`)
  return content
}

function certificatesIn(data: Der, what: string): readonly Uint8Array[] {
  const list = data.optional(context(0), `${what}: certificates`)
  const found: Uint8Array[] = []
  while (list && !list.isDone) {
    if (found.length === MOST_CERTIFICATES)
      throw new Denial('evidence.budget', `${what}: certificates`)
    found.push(list.element(`${what}: certificates`))
  }
  return found
}

function signerIn(info: Der, what: string): SignerInfo {
  const at = `${what}: signerInfo`
  const version = info.small(at)
  const keyIdentifier = info.optional(contextPrimitive(0), at)?.rest()
  const named = keyIdentifier ? undefined : info.enter(TAG.sequence, at)
  const issuer = named?.element(at)
  const serial = named?.integer(at)
  named?.finish(at)
  if (version !== (keyIdentifier ? 3 : 1)) throw malformed(`${at}: version`)
  const digest = digestIn(readAlgorithm(info, at), what)
  const hasAttributes = info.tag === context(0)
  // first what is too weak, whatever else is the matter
  const attributes = hasAttributes ? info.element(at) : undefined
  const scheme = schemeIn(readAlgorithm(info, at), digest, what)
  const signature = info.octets(at)
  info.optional(context(1), at)
  info.finish(at)
  // without them content and attributes can be passed off as one another
  if (!attributes) throw malformed(`${what}: no signed attributes`)
  const signed = Buffer.from(attributes)
  signed[0] = TAG.set
  return { issuer, serial, keyIdentifier, digest, scheme, signed, messageDigest: messageDigestIn(signed, what), signature } // biome-ignore format: one line
}

function digestIn(algorithm: Algorithm, what: string): Hash {
  const digest = hashOf(algorithm.oid)
  if (!digest || digest === 'sha1') throw new Denial('evidence.weak_algorithm', `${what}: digest`)
  assertPlain(algorithm, what)
  return digest
}

/** NULL or nothing, both of which are in use (RFC 5754 section 2). */
function assertPlain({ parameters }: Algorithm, what: string): void {
  if (parameters && !equalBytes(parameters, NULL)) throw malformed(`${what}: parameters`)
}

/** An algorithm of signatures, or of keys with the hash named beside it (RFC 3370 section 3.2). */
function schemeIn(algorithm: Algorithm, digest: Hash, what: string): Scheme {
  if (algorithm.oid === OID.rsaEncryption) {
    assertPlain(algorithm, what)
    return { key: 'rsa', hash: digest }
  }
  const scheme = schemeOf(algorithm, what)
  if (scheme.hash !== digest) throw malformed(`${what}: two digests`)
  return scheme
}

/** The attributes must say of which type the content is and what its digest is, each once. */
function messageDigestIn(signed: Uint8Array, what: string): Uint8Array {
  const at = `${what}: signed attributes`
  const list = new Der(signed).enter(TAG.set, at)
  const values = new Map<string, Der>()
  while (!list.isDone) {
    if (values.size === MOST_ATTRIBUTES) throw new Denial('evidence.budget', at)
    const attribute = list.enter(TAG.sequence, at)
    const oid = attribute.oid(at)
    if (values.has(oid)) throw malformed(`${at}: one twice`)
    values.set(oid, attribute.enter(TAG.set, at))
    attribute.finish(at)
  }
  const type = values.get(OID.contentType)
  const digest = values.get(OID.messageDigest)
  if (!type || type.oid(at) !== OID.data) throw malformed(`${at}: contentType`)
  if (!digest) throw malformed(`${at}: messageDigest`)
  const octets = digest.octets(at)
  type.finish(`${at}: contentType`)
  digest.finish(`${at}: messageDigest`)
  return octets
}

/** Whether this is the certificate that the signer info names: the first of a list is not it because it is first. */
export function isNamedBy({ issuer, serial, keyIdentifier }: SignerInfo, by: Certificate): boolean {
  if (issuer && serial) return equalBytes(issuer, by.issuer) && equalBytes(serial, by.serial)
  const own = keyIdentifierOf(by, 'subject')
  return own !== undefined && keyIdentifier !== undefined && equalBytes(own, keyIdentifier)
}

/** Throws `evidence.signature`, `evidence.weak_algorithm`. */
export function assertCmsSigned(data: SignedData, by: Certificate, what: string): void {
  const { digest, messageDigest, scheme, signed, signature } = data.signer
  const key = by.publicKey
  const found = hash(digest, data.content, 'buffer')
  if (!equalBytes(found, messageDigest))
    throw new Denial('evidence.signature', `${what}: messageDigest`)
  if (!isSigned(scheme, key, signed, signature)) throw new Denial('evidence.signature', what)
  if (scheme.key === 'rsa' && signature.length < FEWEST_RSA_OCTETS)
    throw new Denial('evidence.weak_algorithm', `${what}: key`)
}
