// A certificate authority of tests: certificates, revocation lists and OCSP responses, each part of which can be made wrong. All synthetic.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { Certificate } from '../../src/attest/format/certificate.ts'
import { publicKeyBits } from '../../src/attest/format/ocsp.ts'
import { der } from './der-writer.ts'

export const OID = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
  crlNumber: '2.5.29.20',
  issuingDistributionPoint: '2.5.29.28',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const

const ECDSA_SHA256 = der.sequence(der.oid('1.2.840.10045.4.3.2'))
const ED25519 = der.sequence(der.oid('1.3.101.112'))
export const DAY = 86_400_000
/** When everything of the test authority is made; it is valid for a year around it. */
export const NOW = Date.UTC(2026, 5, 1)

export interface Issued {
  readonly certificate: Certificate
  readonly key: KeyObject
}

export type Extensions = Readonly<Record<string, Buffer | undefined>>

export interface Wanted {
  readonly subject?: string
  readonly serial?: number
  readonly notBefore?: number
  readonly notAfter?: number
  /** By OID, in place of or besides the usual ones; undefined: without it. */
  readonly extensions?: Extensions
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
}

export const extension = (oid: string, value: Uint8Array, critical = false): Buffer =>
  der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octets(value))

export const commonName = (text: string): Buffer =>
  der.sequence(der.set(der.sequence(der.oid('2.5.4.3'), der.text(0x0c, text))))

export const names = (...all: readonly Buffer[]): Buffer => der.sequence(...all)
export const dns = (text: string): Buffer => der.element(0x82, Buffer.from(text))
export const uri = (text: string): Buffer => der.element(0x86, Buffer.from(text))
export const keyUsage = (...bits: readonly number[]): Buffer => {
  const byte = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0)
  return extension(OID.keyUsage, der.bits(Buffer.from([byte]), byte === 0 ? 0 : 31 - Math.clz32(byte & -byte)), true) // biome-ignore format: a row
}
export const purposes = (...oids: readonly string[]): Buffer =>
  extension(OID.extKeyUsage, der.sequence(...oids.map((oid) => der.oid(oid))))

export const makeKeys = (): { publicKey: KeyObject; privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** The same key every time, of a kind that signs the same every time: Ed25519 of 32 equal bytes. */
export function fixedKeys(byte: number): { publicKey: KeyObject; privateKey: KeyObject } {
  const seed = Buffer.alloc(32, byte)
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  const key = Buffer.concat([head, seed])
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  return { publicKey: createPublicKey(privateKey), privateKey }
}

const isEdwards = (key: KeyObject): boolean => key.asymmetricKeyType === 'ed25519'
const algorithmOf = (key: KeyObject): Buffer => (isEdwards(key) ? ED25519 : ECDSA_SHA256)
const signatureOf = (bytes: Buffer, key: KeyObject): Buffer =>
  der.bits(sign(isEdwards(key) ? null : 'sha256', bytes, key))

const keyId = (spki: Uint8Array): Buffer => createHash('sha1').update(spki).digest()
const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' })
const signed = (tbs: Buffer, key: KeyObject): Buffer =>
  der.sequence(tbs, algorithmOf(key), signatureOf(tbs, key))

let serials = 1000

/** A root when there is no issuer; `usual` are the extensions it has unless told otherwise. */
function make(issuer: Issued | undefined, usual: Extensions, wanted: Wanted): Issued {
  const { subject = 'leaf', serial = ++serials, keys = makeKeys() } = wanted
  const { notBefore = NOW - DAY, notAfter = NOW + 365 * DAY } = wanted
  const spki = spkiOf(keys.publicKey)
  const issuerKey = issuer ? keyId(issuer.certificate.spki) : undefined
  const all: Extensions = {
    [OID.subjectKeyIdentifier]: extension(OID.subjectKeyIdentifier, der.octets(keyId(spki))),
    [OID.authorityKeyIdentifier]:
      issuerKey && extension(OID.authorityKeyIdentifier, der.sequence(der.implicit(0, issuerKey))),
    ...usual,
    ...wanted.extensions,
  }
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(serial),
    algorithmOf(issuer ? issuer.key : keys.privateKey),
    issuer ? Buffer.from(issuer.certificate.subject) : commonName(subject),
    der.sequence(der.time(notBefore), der.time(notAfter)),
    commonName(subject),
    spki,
    der.explicit(3, der.sequence(...Object.values(all).filter((one) => one !== undefined))),
  )
  const bytes = signed(tbs, issuer ? issuer.key : keys.privateKey)
  return { certificate: Certificate.parse(bytes), key: keys.privateKey }
}

const AUTHORITY: Extensions = {
  [OID.basicConstraints]: extension(OID.basicConstraints, der.sequence(der.boolean(true)), true),
  [OID.keyUsage]: keyUsage(5, 6),
}

export const makeRoot = (wanted: Wanted = {}): Issued =>
  make(undefined, AUTHORITY, { subject: 'Synthetic Root', ...wanted })

export const makeIntermediate = (issuer: Issued, wanted: Wanted = {}): Issued =>
  make(issuer, AUTHORITY, { subject: 'Synthetic Intermediate', ...wanted })

/** For TLS of `server.example.com`. */
export const makeLeaf = (issuer: Issued, wanted: Wanted = {}): Issued =>
  make(
    issuer,
    {
      [OID.keyUsage]: keyUsage(0),
      [OID.extKeyUsage]: purposes(OID.serverAuth, OID.clientAuth),
      [OID.subjectAltName]: extension(OID.subjectAltName, names(dns('server.example.com'))),
    },
    wanted,
  )

export const crlAt = (...urls: readonly string[]): Buffer =>
  extension(
    OID.crlDistributionPoints,
    der.sequence(der.sequence(der.explicit(0, der.explicit(0, ...urls.map(uri))))),
  )

export const ocspAt = (url: string): Buffer =>
  extension(
    OID.authorityInfoAccess,
    der.sequence(der.sequence(der.oid('1.3.6.1.5.5.7.48.1'), uri(url))),
  )

export interface WantedCrl {
  readonly revoked?: readonly Certificate[]
  /** Entries as they are. */
  readonly entries?: readonly Buffer[]
  readonly number?: number
  readonly thisUpdate?: number
  /** `false`: without. */
  readonly nextUpdate?: number | false
  readonly issuer?: Uint8Array
  readonly version?: number
  readonly extensions?: Extensions
}

export function makeCrl(issuer: Issued, wanted: WantedCrl = {}): Buffer {
  const { revoked = [], entries = [], number = 7, version = 1 } = wanted
  const { thisUpdate = NOW - DAY, nextUpdate = NOW + 7 * DAY } = wanted
  const list = [...revoked.map((each) => entryOf(each)), ...entries]
  const all: Extensions = {
    [OID.authorityKeyIdentifier]: extension(
      OID.authorityKeyIdentifier,
      der.sequence(der.implicit(0, keyId(issuer.certificate.spki))),
    ),
    [OID.crlNumber]: extension(OID.crlNumber, der.integer(number)),
    ...wanted.extensions,
  }
  const tbs = der.sequence(
    der.integer(version),
    algorithmOf(issuer.key),
    Buffer.from(wanted.issuer ?? issuer.certificate.subject),
    der.time(thisUpdate),
    ...(nextUpdate === false ? [] : [der.time(nextUpdate)]),
    ...(list.length > 0 ? [der.sequence(...list)] : []),
    der.explicit(0, der.sequence(...Object.values(all).filter((one) => one !== undefined))),
  )
  return signed(tbs, issuer.key)
}

/** With reasonCode keyCompromise, as most entries have one. */
export function entryOf(certificate: Certificate, ...more: readonly Buffer[]): Buffer {
  const reason = extension('2.5.29.21', der.enumerated(1))
  const extensions = more.length > 0 ? more : [reason]
  return der.sequence(
    der.integer(certificate.serial),
    der.time(NOW - DAY),
    der.sequence(...extensions),
  )
}

export interface WantedOcsp {
  readonly status?: 'good' | 'revoked' | 'unknown'
  readonly hash?: 'sha1' | 'sha256'
  readonly thisUpdate?: number
  readonly nextUpdate?: number | false
  readonly producedAt?: number
  /** Who signs; the issuer unless said. */
  readonly signer?: Issued
  /** The responder by its key instead of its name. */
  readonly byKey?: boolean
  /** What comes along. */
  readonly certificates?: readonly Certificate[]
  readonly serial?: Uint8Array
  readonly nonce?: Uint8Array
  readonly singleExtensions?: readonly Buffer[]
}

const HASH_OID = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1' }

export function makeOcsp(of: Certificate, issuer: Issued, wanted: WantedOcsp = {}): Buffer {
  const { signer = issuer, producedAt = NOW - DAY, certificates = [], nonce } = wanted
  const responder = wanted.byKey
    ? der.explicit(2, der.octets(keyHash('sha1', signer.certificate)))
    : der.explicit(1, Buffer.from(signer.certificate.subject))
  const extensions = nonce
    ? [der.explicit(1, der.sequence(extension('1.3.6.1.5.5.7.48.1.2', der.octets(nonce))))]
    : []
  const tbs = der.sequence(
    responder,
    der.generalizedTime(producedAt),
    der.sequence(singleResponse(of, issuer, wanted)),
    ...extensions,
  )
  const basic = der.sequence(
    tbs,
    algorithmOf(signer.key),
    signatureOf(tbs, signer.key),
    ...(certificates.length > 0
      ? [der.explicit(0, der.sequence(...certificates.map((each) => Buffer.from(each.der))))]
      : []),
  )
  return der.sequence(
    der.enumerated(0),
    der.explicit(0, der.sequence(der.oid('1.3.6.1.5.5.7.48.1.1'), der.octets(basic))),
  )
}

function singleResponse(of: Certificate, issuer: Issued, wanted: WantedOcsp): Buffer {
  const { status = 'good', hash = 'sha1', serial = of.serial, singleExtensions = [] } = wanted
  const { thisUpdate = NOW - DAY, nextUpdate = NOW + DAY } = wanted
  const id = der.sequence(
    der.sequence(der.oid(HASH_OID[hash]), der.null()),
    der.octets(createHash(hash).update(of.issuer).digest()),
    der.octets(keyHash(hash, issuer.certificate)),
    der.integer(serial),
  )
  const said = {
    good: der.implicit(0),
    revoked: der.explicit(1, der.generalizedTime(NOW - DAY), der.explicit(0, der.enumerated(1))),
    unknown: der.implicit(2),
  }[status]
  return der.sequence(
    id,
    said,
    der.generalizedTime(thisUpdate),
    ...(nextUpdate === false ? [] : [der.explicit(0, der.generalizedTime(nextUpdate))]),
    ...(singleExtensions.length > 0 ? [der.explicit(1, der.sequence(...singleExtensions))] : []),
  )
}

function keyHash(hash: string, certificate: Certificate): Buffer {
  return createHash(hash).update(publicKeyBits(certificate)).digest()
}

/** For answering OCSP in the place of its issuer. */
export const makeResponder = (issuer: Issued, wanted: Wanted = {}): Issued =>
  make(
    issuer,
    {
      [OID.keyUsage]: keyUsage(0),
      [OID.extKeyUsage]: purposes(OID.ocspSigning),
      [OID.ocspNoCheck]: extension(OID.ocspNoCheck, der.null()),
    },
    { subject: 'Synthetic Responder', ...wanted },
  )
