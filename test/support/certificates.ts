// Certificates made by test code: an authority and what it issues, valid around now, keys on P-256. Synthetic: they prove nothing to anybody else.
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import {
  commonName,
  dns as dnsName,
  extension,
  keyUsage,
  OID,
  uri as uriName,
} from './authority.ts'
import { der } from './der-writer.ts'

export interface Certificate {
  /** PEM. */
  readonly cert: string
  /** PEM, PKCS #8. */
  readonly key: string
  readonly der: Buffer
  /** Lower-case hex. */
  readonly spkiSha256: string
}

export interface Authority extends Certificate {
  readonly name: string
}

export interface Subject {
  readonly name?: string
  readonly dns?: readonly string[]
  readonly uri?: readonly string[]
  /** PKCS #8 PEM of a key from before. */
  readonly key?: string
  /** Bytes of padding in an extension nobody knows. */
  readonly padding?: number
}

const HOUR = 3_600_000

export function makeAuthority(name = 'Test Authority'): Authority {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [
    extension(OID.basicConstraints, der.sequence(der.boolean(true)), true),
    keyUsage(5, 6),
  ]
  return {
    name,
    ...make({ subject: name, issuer: name, key: privateKey, signer: privateKey, extensions }),
  }
}

/** For servers and clients alike. */
export function issue(authority: Authority, subject: Subject = {}): Certificate {
  const { name = 'leaf', dns = ['localhost'], uri = [], padding = 0 } = subject
  const key = subject.key
    ? createPrivateKey(subject.key)
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const names = [...dns.map(dnsName), ...uri.map(uriName)]
  const extensions = [
    extension(OID.basicConstraints, der.sequence(), true),
    ...(names.length > 0 ? [extension(OID.subjectAltName, der.sequence(...names))] : []),
    ...(padding > 0 ? [extension('1.3.6.1.4.1.99999.1', randomBytes(padding))] : []),
  ]
  const signer = createPrivateKey(authority.key)
  return make({ subject: name, issuer: authority.name, key, signer, extensions })
}

interface Made {
  readonly subject: string
  readonly issuer: string
  readonly key: KeyObject
  readonly signer: KeyObject
  readonly extensions: readonly Buffer[]
}

function make({ subject, issuer, key, signer, extensions }: Made): Certificate {
  const spki = publicDer(key)
  const algorithm = der.sequence(der.oid('1.2.840.10045.4.3.2'))
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(Buffer.concat([Buffer.from([1]), randomBytes(12)])),
    algorithm,
    commonName(issuer),
    der.sequence(der.time(Date.now() - HOUR), der.time(Date.now() + HOUR)),
    commonName(subject),
    spki,
    der.explicit(3, der.sequence(...extensions)),
  )
  const whole = der.sequence(tbs, algorithm, der.bits(sign('sha256', tbs, signer)))
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    der: whole,
    spkiSha256: createHash('sha256').update(spki).digest('hex'),
  }
}

// P-256 keys end in their 65-byte point; the head before it is always the same
const P256_HEAD = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')

function publicDer(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const point = [Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  return Buffer.concat([P256_HEAD, ...point])
}
