// Makes certificates under keys of a test, in the forms that vendors use; nothing genuine comes out of here.
import { constants, type KeyObject, sign } from 'node:crypto'
import {
  type Bytes,
  bits,
  boolean,
  explicit,
  integer,
  octets,
  oid,
  sequence,
  set,
  time,
  utf8,
} from './der.ts'

export interface Making {
  /** Common name. */
  readonly subject: string
  readonly publicKey: KeyObject
  readonly issuer: { readonly name: string; readonly key: KeyObject }
  readonly notBefore: number
  readonly notAfter: number
  readonly serial?: number
  /** A certificate authority; with a path length, or without. */
  readonly authority?: { readonly pathLength?: number }
  /** First byte of KeyUsage, such as 0x06 for certificates and lists; undefined: no KeyUsage. */
  readonly usage?: number
  /** More extensions: type, and the value that the OCTET STRING holds. */
  readonly extensions?: readonly (readonly [type: string, value: Bytes])[]
}

const SHA384 = '2.16.840.1.101.3.4.2.2'
const NULL = Uint8Array.of(5, 0)

/** DER. Signed by ECDSA with SHA-384 or by RSA-PSS with SHA-384, as the key of the issuer is. */
export function makeCertificate(making: Making): Bytes {
  const { issuer, publicKey, subject, notBefore, notAfter, serial = 1 } = making
  const isEc = issuer.key.asymmetricKeyType === 'ec'
  const algorithm = isEc ? sequence(oid('1.2.840.10045.4.3.3')) : PSS
  const tbs = sequence(
    explicit(0, integer(2)),
    integer(serial),
    algorithm,
    name(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensionsOf(making))),
  )
  return sequence(tbs, algorithm, bits(signed(tbs, issuer.key)))
}

/** As an issuer signs certificates and lists. */
export function signed(data: Bytes, key: KeyObject): Bytes {
  if (key.asymmetricKeyType === 'ec') return sign('sha384', data, key)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return sign('sha384', data, { key, padding, saltLength: 48 })
}

const hash = sequence(oid(SHA384), NULL)
export const PSS = sequence(
  oid('1.2.840.113549.1.1.10'),
  sequence(
    explicit(0, hash),
    explicit(1, sequence(oid('1.2.840.113549.1.1.8'), hash)),
    explicit(2, integer(48)),
  ),
)

export function name(commonName: string): Bytes {
  return sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))))
}

function extensionsOf({ authority, usage, extensions = [] }: Making): Bytes[] {
  const critical = (type: string, value: Bytes) => sequence(oid(type), boolean(true), octets(value))
  const constraints = authority
    ? sequence(
        boolean(true),
        ...(authority.pathLength === undefined ? [] : [integer(authority.pathLength)]),
      )
    : sequence()
  return [
    critical('2.5.29.19', constraints),
    ...(usage === undefined
      ? []
      : [critical('2.5.29.15', bits(Uint8Array.of(usage), unused(usage)))]),
    ...extensions.map(([type, value]) => sequence(oid(type), octets(value))),
  ]
}

function unused(usage: number): number {
  return 31 - Math.clz32(usage & -usage)
}
