// The names in a client certificate: alternative names, SPIFFE id, common name; whether it is trusted, TLS has decided.
import { X509Certificate } from 'node:crypto'
import { invalid } from './refusal.ts'

export interface CertificateNames {
  readonly dns: readonly string[]
  readonly uri: readonly string[]
  readonly email: readonly string[]
  /** Only of a subject with exactly one, and only where there are no alternative names (RFC 6125 section 6.4.4). */
  readonly commonName: string | undefined
  /** Wall clock, milliseconds. */
  readonly from: number
  readonly to: number
}

// a certificate of a megabyte names nobody
const LARGEST = 65_536

/** Throws AUTH_INVALID for bytes that are none. */
export function readCertificate(der: Uint8Array): CertificateNames {
  if (der.byteLength > LARGEST) throw invalid('the client certificate is too large')
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(der)
  } catch {
    throw invalid('the client certificate cannot be read')
  }
  if (certificate.ca) throw invalid('the client certificate is that of an authority')
  const names = alternativeNames(certificate.subjectAltName ?? '')
  const of = (kind: string): string[] =>
    names.filter(([name]) => name === kind).map(([, value]) => value)
  const { CN } = certificate.toLegacyObject().subject
  return {
    dns: of('DNS').map((name) => name.toLowerCase()),
    uri: of('URI'),
    email: of('email'),
    commonName: certificate.subjectAltName === undefined && typeof CN === 'string' ? CN : undefined,
    from: certificate.validFromDate.getTime(),
    to: certificate.validToDate.getTime(),
  }
}

/**
 * Node's text of the extension: `DNS:a, URI:b`, a value with special characters as a JSON string. Nothing is guessed: what
 * is not of this form is no name.
 */
export function alternativeNames(text: string): (readonly [kind: string, value: string])[] {
  const names: (readonly [string, string])[] = []
  const one = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y
  while (one.lastIndex < text.length) {
    const found = one.exec(text)
    if (found === null) throw invalid('the client certificate has names that cannot be read')
    const [, kind = '', value = ''] = found
    names.push([kind, value.startsWith('"') ? (JSON.parse(value) as string) : value])
  }
  return names
}

const SPIFFE = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/

/**
 * The SPIFFE id of an X.509-SVID: its one URI (X.509-SVID section 2), well formed (SPIFFE-ID section 2). Undefined where no URI is
 * one; throws AUTH_INVALID where one is and something is wrong with it.
 */
export function spiffeIdOf({
  uri,
}: Pick<CertificateNames, 'uri'>):
  | { readonly id: string; readonly trustDomain: string }
  | undefined {
  if (!uri.some((one) => /^spiffe:/i.test(one))) return undefined
  const [only = '', more] = uri
  const [, trustDomain, path = ''] = SPIFFE.exec(only) ?? []
  const isDotted = path.split('/').some((segment) => segment === '.' || segment === '..')
  if (more !== undefined || trustDomain === undefined || isDotted || only.length > 2048)
    throw invalid('the client certificate has no valid SPIFFE id, or more than one URI')
  return { id: only, trustDomain }
}
