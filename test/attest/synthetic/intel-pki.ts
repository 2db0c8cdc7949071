// A made-up Intel: root, PCK platform CA, PCK certificate and TCB signer of one chip, with CRLs; synthetic, trusted by no release.
import { createECDH, createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'

export interface Authority {
  readonly name: string
  readonly key: KeyObject
  readonly der: Uint8Array
}

/** What the PCK certificate says of the chip; numbers as they stand in its extension. */
export interface Chip {
  readonly fmspc: string
  readonly pceId: string
  readonly ppid: string
  readonly svns: readonly number[]
  readonly pceSvn: number
}

export interface IntelPki {
  readonly root: Authority
  readonly ca: Authority
  readonly pck: Authority
  readonly signer: Authority
}

/** Serial numbers, by which CRLs know them. */
export const SERIAL = { root: 1, ca: 2, pck: 3, signer: 4 } as const

const DAY = 86_400_000

/** The same keys for the same seed; valid from a day before `now` to a year after. */
export function makeIntelPki(seed: string, chip: Chip, now: number): IntelPki {
  const rootName = 'Intel SGX Root CA'
  const rootKey = keyFrom(`${seed} root`)
  const root = {
    name: rootName,
    key: rootKey,
    der: certificate({ serial: SERIAL.root, issuer: rootName, by: rootKey, subject: rootName, key: rootKey, now, extensions: authority(1) }),
  } // biome-ignore format: a row
  const below = (
    issuer: Authority,
    name: string,
    serial: number,
    extensions: readonly Buffer[],
  ): Authority => {
    const key = keyFrom(`${seed} ${name}`)
    const { name: issuerName, key: by } = issuer
    return {
      name,
      key,
      der: certificate({ serial, issuer: issuerName, by, subject: name, key, now, extensions }),
    }
  }
  const ca = below(root, 'Intel SGX PCK Platform CA', SERIAL.ca, authority(0))
  const pck = below(ca, 'Intel SGX PCK Certificate', SERIAL.pck, [leaf(), sgxExtension(chip)])
  const signer = below(root, 'Intel SGX TCB Signing', SERIAL.signer, [leaf()])
  return { root, ca, pck, signer }
}

/** A CRL of this authority, valid for 30 days. */
export function makeCrl(issuer: Authority, serials: readonly number[], now: number): Uint8Array {
  const entries = serials.map((serial) => seq(integer(serial), time(now - DAY)))
  const tbs = seq(
    integer(1),
    ECDSA_SHA256,
    nameOf(issuer.name),
    time(now - DAY),
    time(now + 30 * DAY),
    ...(entries.length > 0 ? [seq(...entries)] : []),
    tlv(0xa0, seq(extension('2.5.29.20', false, integer(1)))),
  )
  return seq(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, issuer.key)))
}

export function pem(...certificates: readonly Authority[]): string {
  return certificates
    .map(({ der }) => {
      const lines = Buffer.from(der)
        .toString('base64')
        .match(/.{1,64}/g) as string[]
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
    })
    .join('')
}

/** A P-256 key that is the same for the same seed. */
export function keyFrom(seed: string): KeyObject {
  const d = createHash('sha256').update(seed).digest()
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(d)
  const point = ecdh.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((one) => one.toString('base64url'))
  const key = { kty: 'EC', crv: 'P-256', x, y, d: d.toString('base64url') }
  return createPrivateKey({ key, format: 'jwk' })
}

/** x and y of its point. */
export function pointOf(key: KeyObject): Buffer {
  const { x, y } = key.export({ format: 'jwk' })
  return Buffer.concat([
    Buffer.from(x as string, 'base64url'),
    Buffer.from(y as string, 'base64url'),
  ])
}

interface Parts {
  readonly serial: number
  readonly issuer: string
  readonly by: KeyObject
  readonly subject: string
  readonly key: KeyObject
  readonly now: number
  readonly extensions: readonly Buffer[]
}

function certificate({ serial, issuer, by, subject, key, now, extensions }: Parts): Buffer {
  const spki = seq(
    seq(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')),
    bits(Buffer.concat([Buffer.of(4), pointOf(key)])),
  )
  const validity = seq(time(now - DAY), time(now + 365 * DAY))
  const tbs = seq(
    tlv(0xa0, integer(2)),
    integer(serial),
    ECDSA_SHA256,
    nameOf(issuer),
    validity,
    nameOf(subject),
    spki,
    tlv(0xa3, seq(...extensions)),
  )
  return seq(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, by)))
}

const authority = (pathLength: number): Buffer[] => [
  extension('2.5.29.19', true, seq(tlv(0x01, Buffer.of(0xff)), integer(pathLength))),
  extension('2.5.29.15', true, tlv(0x03, Buffer.of(1, 0x06))),
]
const leaf = (): Buffer => extension('2.5.29.19', true, seq())

export const SGX_OID = '1.2.840.113741.1.13.1'

/** The extension of a PCK certificate of the platform CA, whole. */
export function sgxExtension(chip: Chip): Buffer {
  return extension(SGX_OID, false, sgxValue(chip))
}

export function sgxValue({ fmspc, pceId, ppid, svns, pceSvn }: Chip): Buffer {
  const entry = (arc: string, value: Buffer): Buffer => seq(oid(`${SGX_OID}.${arc}`), value)
  const octets = (hex: string): Buffer => tlv(0x04, Buffer.from(hex, 'hex'))
  return seq(
    entry('1', octets(ppid)),
    entry(
      '2',
      seq(
        ...svns.map((svn, i) => entry(`2.${i + 1}`, integer(svn))),
        entry('2.17', integer(pceSvn)),
        entry('2.18', octets(Buffer.from(svns).toString('hex'))),
      ),
    ),
    entry('3', octets(pceId)),
    entry('4', octets(fmspc)),
    entry('5', tlv(0x0a, Buffer.of(1))),
    entry(
      '7',
      seq(entry('7.1', tlv(0x01, Buffer.of(0xff))), entry('7.3', tlv(0x01, Buffer.of(0)))),
    ),
  )
}

function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const size = content.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.of(tag, ...length), content])
}

const seq = (...contents: readonly Uint8Array[]): Buffer => tlv(0x30, ...contents)
const bits = (content: Uint8Array): Buffer => tlv(0x03, Buffer.of(0), content)

function integer(value: number): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return tlv(0x02, (bytes[0] as number) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]))
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const arcs = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left & 0x7f) | 0x80)
    return digits
  })
  return tlv(0x06, Buffer.from(arcs))
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Buffer {
  return seq(oid(id), ...(isCritical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value))
}

const nameOf = (text: string): Buffer =>
  seq(tlv(0x31, seq(oid('2.5.4.3'), tlv(0x0c, Buffer.from(text)))))

const time = (at: number): Buffer =>
  tlv(
    0x17,
    Buffer.from(
      `${new Date(at)
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2, 14)}Z`,
    ),
  )

const ECDSA_SHA256 = seq(oid('1.2.840.10045.4.3.2'))
