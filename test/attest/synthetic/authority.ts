// An authority of our own that issues certificates in the wire form of the real ones. What it signs is synthetic: trusted by tests only.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { commonName, dns, extension, OID, purposes, uri } from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'

export interface Keys {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const rsaKeys = (bits = 2048): Keys => generateKeyPairSync('rsa', { modulusLength: bits })
export const ecKeys = (curve = 'P-256'): Keys => generateKeyPairSync('ec', { namedCurve: curve })

export interface Issued {
  readonly der: Buffer
  readonly keys: Keys
  readonly name: string
  readonly issuerName: string
  readonly serial: number
}

export interface Wanted {
  readonly name: string
  readonly keys: Keys
  /** Left out: it signs itself. */
  readonly issuer?: Issued
  readonly serial?: number
  readonly notBefore?: number
  readonly notAfter?: number
  readonly isAuthority?: boolean
  /** Octets of the bit string; left out: what fits. Null: no keyUsage. */
  readonly usage?: readonly [unused: number, bits: number] | null
  readonly usageIsCritical?: boolean
  readonly purposes?: readonly string[]
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly issuerUrls?: readonly string[]
}

/** Around the time at which the synthetic documents are made. */
export const NOW = Date.UTC(2026, 10, 28, 12)
const DAY = 24 * 3600 * 1000
const CA_ISSUERS = '1.3.6.1.5.5.7.48.2'

const algorithmOf = (key: KeyObject): Buffer =>
  key.asymmetricKeyType === 'rsa'
    ? der.sequence(der.oid('1.2.840.113549.1.1.11'), der.null())
    : der.sequence(der.oid('1.2.840.10045.4.3.2'))

export function issue(wanted: Wanted): Issued {
  const { name, keys, issuer, serial = 7, isAuthority = false } = wanted
  const signing = issuer?.keys.privateKey ?? keys.privateKey
  const algorithm = algorithmOf(signing)
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(serial),
    algorithm,
    commonName(issuer?.name ?? name),
    der.sequence(der.time(wanted.notBefore ?? NOW - DAY), der.time(wanted.notAfter ?? NOW + DAY)),
    commonName(name),
    keys.publicKey.export({ format: 'der', type: 'spki' }),
    der.explicit(3, der.sequence(...extensionsOf(wanted, isAuthority))),
  )
  const signed = der.sequence(tbs, algorithm, der.bits(sign('sha256', tbs, signing)))
  return { der: signed, keys, name, issuerName: issuer?.name ?? name, serial }
}

function extensionsOf(wanted: Wanted, isAuthority: boolean): Buffer[] {
  const { usage = isAuthority ? [1, 0x06] : [7, 0x80], usageIsCritical = true } = wanted
  const names = [...(wanted.uris ?? []).map(uri), ...(wanted.dns ?? []).map(dns)]
  const constraints = isAuthority ? der.sequence(der.boolean(true)) : der.sequence()
  const found = [extension(OID.basicConstraints, constraints, true)]
  if (usage) {
    const bits = der.element(0x03, Buffer.from(usage))
    found.push(extension(OID.keyUsage, bits, usageIsCritical))
  }
  if (names.length > 0) found.push(extension(OID.subjectAltName, der.sequence(...names)))
  if (wanted.purposes) found.push(purposes(...wanted.purposes))
  if (wanted.issuerUrls) {
    const access = wanted.issuerUrls.map((url) => der.sequence(der.oid(CA_ISSUERS), uri(url)))
    found.push(extension(OID.authorityInfoAccess, der.sequence(...access)))
  }
  return found
}
