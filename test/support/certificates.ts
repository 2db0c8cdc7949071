// Certificates made by test code: an authority and what it issues, valid around now, keys on P-256. Synthetic: they prove nothing to anybody else.
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'

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
    extension('2.5.29.19', true, sequence(element(0x01, Buffer.from([0xff])))),
    extension('2.5.29.15', true, element(0x03, Buffer.from([1, 0x06]))),
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
  const names = [
    ...dns.map((each) => element(0x82, Buffer.from(each))),
    ...uri.map((each) => element(0x86, Buffer.from(each))),
  ]
  const extensions = [
    extension('2.5.29.19', true, sequence()),
    ...(names.length > 0 ? [extension('2.5.29.17', false, sequence(...names))] : []),
    ...(padding > 0 ? [extension('1.3.6.1.4.1.99999.1', false, randomBytes(padding))] : []),
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
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'))
  const tbs = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.concat([Buffer.from([1]), randomBytes(12)])),
    algorithm,
    nameOf(issuer),
    sequence(time(Date.now() - HOUR), time(Date.now() + HOUR)),
    nameOf(subject),
    spki,
    element(0xa3, sequence(...extensions)),
  )
  const signature = element(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', tbs, signer)]))
  const der = sequence(tbs, algorithm, signature)
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    der,
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

export function element(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), content])
}

export const sequence = (...parts: readonly Buffer[]): Buffer => element(0x30, Buffer.concat(parts))

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const digits = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80)
    bytes.push(...digits)
  }
  return element(0x06, Buffer.from(bytes))
}

const nameOf = (name: string): Buffer =>
  sequence(element(0x31, sequence(oid('2.5.4.3'), element(0x0c, Buffer.from(name)))))

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return element(0x17, Buffer.from(text.slice(2)))
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [element(0x01, Buffer.from([0xff]))] : []), element(0x04, value))
