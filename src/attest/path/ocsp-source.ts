// OCSP as a source of revocation (RFC 6960 section 3.2): the request, and what a genuine response of this time says of a certificate.
import { createHash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import { Certificate } from '../format/certificate.ts'
import { Der, equalBytes } from '../format/der.ts'
import { extKeyUsageOf } from '../format/extensions.ts'
import { authorityInfoAccessOf } from '../format/general-name.ts'
import {
  isAbout,
  OCSP_EXTENSION,
  type OcspResponse,
  ocspRequest,
  parseOcspResponse,
  publicKeyBits,
  type SingleResponse,
} from '../format/ocsp.ts'
import { isSigned, schemeOf } from '../format/signature.ts'
import { urlsIn } from './crl-source.ts'
import { isSameName } from './name.ts'
import { assertFit, PURPOSE } from './profile.ts'
import { refusal } from './refusal.ts'
import type { Answer, RevocationQuestion } from './revocation.ts'

const RESPONDER = '1.3.6.1.5.5.7.48.1'
const MOST_URLS = 4

const idOf = (certificate: Certificate): string => `ocsp:${certificate.sha256}`

/** Empty: the certificate names no responder, and nothing else could know one. */
export function ocspNeed(
  certificate: Certificate,
  issuer: Certificate,
  nonce: Uint8Array | undefined,
): readonly CollateralNeed[] {
  const responders = authorityInfoAccessOf(certificate).filter(({ method }) => method === RESPONDER)
  const urls = urlsIn(responders.map(({ location }) => location)).slice(0, MOST_URLS)
  if (urls.length === 0) return []
  const need: CollateralNeed = {
    id: idOf(certificate),
    kind: 'ocsp',
    urls,
    body: ocspRequest(certificate, issuer, nonce),
    contentType: 'application/ocsp-request',
    required: false,
  }
  return [need]
}

/** `source` undefined: there is none for this certificate. Undefined: no answer. Throws `revoked`, or why the response says nothing. */
export function askOcsp(
  source: 'ocsp' | 'ocsp-staple' | undefined,
  question: RevocationQuestion,
  certificate: Certificate,
  issuer: Certificate,
): Answer | undefined {
  const { collateral, family, policy, now, staple } = question
  const fetched = source === 'ocsp' ? collateral.get(idOf(certificate)) : undefined
  const bytes = source === 'ocsp-staple' ? staple : fetched?.bytes
  if (!source || !bytes) return undefined
  if (fetched && now - fetched.receivedAt > policy.max_age)
    throw refusal(family, 'stale', 'OCSP: received too long ago')
  const response = responseIn(bytes)
  if (!response) return undefined
  assertGenuine(response, issuer, question)
  if (source === 'ocsp') assertNonce(response, question)
  const answers = response.responses.filter((one) => isAbout(one, certificate, issuer))
  const [first] = answers
  if (!first) throw refusal(family, 'invalid', 'OCSP: about another certificate')
  // from an answer that is not of now as well, as with lists
  if (answers.some(({ status }) => status === 'revoked')) throw refusal(family, 'revoked', 'OCSP')
  for (const one of answers) assertCurrent(one, response, question)
  if (answers.some(({ status }) => status === 'unknown'))
    throw refusal(family, 'unknown', 'OCSP: the responder does not know the certificate')
  const { thisUpdate, nextUpdate } = first
  return { source, thisUpdate, nextUpdate, document: response.der }
}

/** Undefined for a responder that says it has no answer now, which is as if it had not been reached. */
function responseIn(bytes: Uint8Array): OcspResponse | undefined {
  try {
    return parseOcspResponse(bytes)
  } catch (error) {
    if (error instanceof Denial && error.reason === 'evidence.collateral_missing') return undefined
    throw error
  }
}

function assertGenuine(
  response: OcspResponse,
  issuer: Certificate,
  question: RevocationQuestion,
): void {
  const deny = (detail: string) => refusal(question.family, 'invalid', `OCSP: ${detail}`)
  const all = [response.extensions, ...response.responses.map(({ extensions }) => extensions)]
  for (const extensions of all)
    for (const [oid, { critical }] of extensions)
      if (critical && oid !== OCSP_EXTENSION.nonce) throw deny(`extension ${oid} is critical`)
  const signer = isResponder(response, issuer) ? issuer : delegateOf(response, issuer, question)
  const scheme = schemeOf(response.algorithm, 'OCSP')
  if (!isSigned(scheme, signer.publicKey, response.tbs, response.signature))
    throw deny('not signed by its responder')
}

function isResponder({ responder }: OcspResponse, certificate: Certificate): boolean {
  if ('name' in responder) return isSameName(responder.name, certificate.subject)
  const hash = createHash('sha1').update(publicKeyBits(certificate)).digest()
  return equalBytes(responder.keyHash, hash)
}

/** A certificate that the issuer made for answering in its place (section 4.2.2.2). */
function delegateOf(
  response: OcspResponse,
  issuer: Certificate,
  { family, now }: RevocationQuestion,
): Certificate {
  const deny = (detail: string) => refusal(family, 'invalid', `OCSP: ${detail}`)
  const delegate = response.certificates
    .map((der) => Certificate.parse(der))
    .find((certificate) => isResponder(response, certificate))
  if (!delegate) throw deny('signed by neither the issuer nor a responder that came along')
  const rules = {
    family: 'evidence',
    profile: 'plain',
    purpose: PURPOSE.ocsp,
    understood: [OCSP_EXTENSION.noCheck],
    authorityAsLeaf: false,
  } as const
  assertFit(delegate, 'leaf', rules, now)
  if (!extKeyUsageOf(delegate)?.includes(PURPOSE.ocsp)) throw deny('the responder may not answer')
  // nobody could be asked about the responder but itself (section 4.2.2.2.1)
  if (!delegate.extensions.has(OCSP_EXTENSION.noCheck))
    throw deny('the responder would have to be asked about itself')
  if (!isSameName(delegate.issuer, issuer.subject) || !delegate.isSignedBy(issuer.publicKey))
    throw deny('the responder is of another issuer')
  return delegate
}

/** A responder may leave the nonce out; another one is of another request. */
function assertNonce(response: OcspResponse, { nonce, family }: RevocationQuestion): void {
  const extension = response.extensions.get(OCSP_EXTENSION.nonce)
  if (!nonce || !extension) return
  const whole = new Der(extension.value)
  const echoed = whole.octets('OCSP nonce')
  whole.finish('OCSP nonce')
  if (!equalBytes(echoed, nonce)) throw refusal(family, 'invalid', 'OCSP: to another request')
}

function assertCurrent(
  { thisUpdate, nextUpdate }: SingleResponse,
  { producedAt }: OcspResponse,
  { family, now, policy }: RevocationQuestion,
): void {
  const latest = now + policy.clock_skew
  if (thisUpdate > latest || producedAt > latest)
    throw refusal(family, 'stale', 'OCSP: of the future')
  if (nextUpdate === undefined) {
    // it says that something newer is always to be had
    if (now - thisUpdate > policy.max_age) throw refusal(family, 'stale', 'OCSP: too old')
    return
  }
  if (nextUpdate < now) throw refusal(family, 'stale', 'OCSP: past its nextUpdate')
  if (nextUpdate < thisUpdate) throw refusal(family, 'invalid', 'OCSP: it ends before it begins')
}
