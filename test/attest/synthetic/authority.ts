// An authority of our own that issues certificates in the wire form of the real ones. What it signs is synthetic: trusted by tests only.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { bits, explicit, integer, nothing, octets, oid, sequence, set, time, tlv, utf8, yes } from './asn1.ts' // biome-ignore format: one line

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

export const nameOf = (name: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), utf8(name))))

const algorithmOf = (key: KeyObject): Buffer =>
  key.asymmetricKeyType === 'rsa'
    ? sequence(oid('1.2.840.113549.1.1.11'), nothing)
    : sequence(oid('1.2.840.10045.4.3.2'))

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(isCritical ? [yes] : []), octets(value))

export function issue(wanted: Wanted): Issued {
  const { name, keys, issuer, serial = 7, isAuthority = false } = wanted
  const signing = issuer?.keys.privateKey ?? keys.privateKey
  const algorithm = algorithmOf(signing)
  const tbs = sequence(
    explicit(0, integer(2)),
    integer(serial),
    algorithm,
    nameOf(issuer?.name ?? name),
    sequence(time(wanted.notBefore ?? NOW - DAY), time(wanted.notAfter ?? NOW + DAY)),
    nameOf(name),
    keys.publicKey.export({ format: 'der', type: 'spki' }),
    explicit(3, sequence(...extensionsOf(wanted, isAuthority))),
  )
  const der = sequence(tbs, algorithm, bits(sign('sha256', tbs, signing)))
  return { der, keys, name, issuerName: issuer?.name ?? name, serial }
}

function extensionsOf(wanted: Wanted, isAuthority: boolean): Buffer[] {
  const { usage = isAuthority ? [1, 0x06] : [7, 0x80], uris = [], dns = [] } = wanted
  const names = [
    ...uris.map((uri) => tlv(0x86, Buffer.from(uri))),
    ...dns.map((one) => tlv(0x82, Buffer.from(one))),
  ]
  const found = [extension('2.5.29.19', true, isAuthority ? sequence(yes) : sequence())]
  if (usage)
    found.push(
      extension('2.5.29.15', wanted.usageIsCritical ?? true, tlv(0x03, Buffer.from(usage))),
    )
  if (names.length > 0) found.push(extension('2.5.29.17', false, sequence(...names)))
  if (wanted.purposes) found.push(extension('2.5.29.37', false, sequence(...wanted.purposes.map(oid)))) // biome-ignore format: one line
  if (wanted.issuerUrls) {
    const access = wanted.issuerUrls.map((url) =>
      sequence(oid('1.3.6.1.5.5.7.48.2'), tlv(0x86, Buffer.from(url))),
    )
    found.push(extension('1.3.6.1.5.5.7.1.1', false, sequence(...access)))
  }
  return found
}
