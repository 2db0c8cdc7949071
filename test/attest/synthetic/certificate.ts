// Makes certificates under keys of a test, in the forms that vendors use; nothing genuine comes out of here.
import { constants, type KeyObject, sign } from 'node:crypto'
import { commonName, extension } from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'

export type Bytes = Uint8Array

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
  const algorithm = algorithmOf(issuer.key)
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(serial),
    algorithm,
    commonName(issuer.name),
    der.sequence(der.time(notBefore), der.time(notAfter)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensionsOf(making))),
  )
  return der.sequence(tbs, algorithm, der.bits(signed(tbs, issuer.key)))
}

/** As an issuer signs certificates and lists. */
function signed(data: Bytes, key: KeyObject): Bytes {
  if (key.asymmetricKeyType === 'ec') return sign('sha384', data, key)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return sign('sha384', data, { key, padding, saltLength: 48 })
}

const hash = der.sequence(der.oid(SHA384), NULL)
const PSS = der.sequence(
  der.oid('1.2.840.113549.1.1.10'),
  der.sequence(
    der.explicit(0, hash),
    der.explicit(1, der.sequence(der.oid('1.2.840.113549.1.1.8'), hash)),
    der.explicit(2, der.integer(48)),
  ),
)

function extensionsOf({ authority, usage, extensions = [] }: Making): Bytes[] {
  const constraints = authority
    ? der.sequence(
        der.boolean(true),
        ...(authority.pathLength === undefined ? [] : [der.integer(authority.pathLength)]),
      )
    : der.sequence()
  return [
    extension('2.5.29.19', constraints, true),
    ...(usage === undefined
      ? []
      : [extension('2.5.29.15', der.bits(Uint8Array.of(usage), unused(usage)), true)]),
    ...extensions.map(([type, value]) => extension(type, value)),
  ]
}

function unused(usage: number): number {
  return 31 - Math.clz32(usage & -usage)
}

export interface ListMaking {
  readonly issuer: { readonly name: string; readonly key: KeyObject }
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly number?: number
  /** Serial numbers. */
  readonly revoked?: readonly number[]
}

/** A revocation list, signed as a certificate of the issuer is. */
export function makeList(making: ListMaking): Bytes {
  const { issuer, thisUpdate, nextUpdate, number = 1, revoked = [] } = making
  const algorithm = algorithmOf(issuer.key)
  const entries = revoked.map((serial) => der.sequence(der.integer(serial), der.time(thisUpdate)))
  const tbs = der.sequence(
    der.integer(1),
    algorithm,
    commonName(issuer.name),
    der.time(thisUpdate),
    der.time(nextUpdate),
    ...(entries.length > 0 ? [der.sequence(...entries)] : []),
    der.explicit(0, der.sequence(extension('2.5.29.20', der.integer(number)))),
  )
  return der.sequence(tbs, algorithm, der.bits(signed(tbs, issuer.key)))
}

/** cRLDistributionPoints with one URL. */
export function crlPoint(url: string): readonly [string, Bytes] {
  const names = der.explicit(0, der.implicit(6, Buffer.from(url)))
  return ['2.5.29.31', der.sequence(der.sequence(der.explicit(0, names)))]
}

function algorithmOf(key: KeyObject): Bytes {
  return key.asymmetricKeyType === 'ec' ? der.sequence(der.oid('1.2.840.10045.4.3.3')) : PSS
}
