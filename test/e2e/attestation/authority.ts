// Certificates and lists of a test authority that are valid now, as PEM for a real TLS server; synthetic.
import {
  crlAt,
  dns,
  extension,
  type Issued,
  makeCrl,
  makeLeaf,
  makeRoot,
  names,
  OID,
  uri,
} from '../../support/authority.ts'

const MINUTE = 60_000

export interface Pem {
  readonly cert: string
  readonly key: string
}

export interface LivePem extends Pem {
  readonly issued: Issued
}

export interface LiveAuthority {
  readonly root: Issued
  readonly pem: string
  /** `days` of validity; `spiffe`: a SPIFFE ID; `isNamed`: also localhost, as it is unless told otherwise. */
  leaf(options?: {
    readonly days?: number
    readonly spiffe?: string
    readonly from?: number
    readonly crl?: string
    readonly isNamed?: boolean
  }): LivePem
  crl(
    revoked: readonly Issued[],
    options?: { readonly number?: number; readonly minutes?: number },
  ): Buffer
}

export function liveAuthority(subject = 'Live Root'): LiveAuthority {
  const now = Date.now()
  const times = (days: number, from = now - 5 * MINUTE) => ({
    notBefore: from,
    notAfter: from + days * 86_400_000,
  })
  const root = makeRoot({ subject, ...times(400) })
  return {
    root,
    pem: pemOf(root.certificate.der),
    leaf({ days = 30, spiffe, from, crl, isNamed = true } = {}) {
      const san = names(
        ...(isNamed ? [dns('localhost')] : []),
        ...(spiffe === undefined ? [] : [uri(spiffe)]),
      )
      const extensions = {
        [OID.subjectAltName]: extension(OID.subjectAltName, san),
        ...(crl === undefined ? {} : { [OID.crlDistributionPoints]: crlAt(crl) }),
      }
      const leaf = makeLeaf(root, { subject: 'server', ...times(days, from), extensions })
      const key = leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString()
      return { issued: leaf, cert: pemOf(leaf.certificate.der), key }
    },
    crl: (revoked, { number = 1, minutes = 60 } = {}) =>
      makeCrl(root, {
        revoked: revoked.map(({ certificate }) => certificate),
        number,
        thisUpdate: Date.now() - MINUTE,
        nextUpdate: Date.now() + minutes * MINUTE,
      }),
  }
}

export function pemOf(der: Uint8Array): string {
  // an empty line, as one after a last line that is full, makes it unreadable to OpenSSL
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** A SPIFFE bundle of these authorities. */
export function bundleOf(
  authorities: readonly LiveAuthority[],
  members: { readonly sequence?: number; readonly hint?: number } = {},
): string {
  const { sequence, hint } = members
  return JSON.stringify({
    keys: authorities.map(({ root: { certificate } }) => ({
      ...certificate.publicKey.export({ format: 'jwk' }),
      use: 'x509-svid',
      x5c: [Buffer.from(certificate.der).toString('base64')],
    })),
    ...(sequence === undefined ? {} : { spiffe_sequence: sequence }),
    ...(hint === undefined ? {} : { spiffe_refresh_hint: hint }),
  })
}
