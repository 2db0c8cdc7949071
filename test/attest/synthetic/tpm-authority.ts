// A made-up authority that certifies keys of TPMs, and certificates that it should not have issued. Synthetic, trusted by no release.
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { keyFrom, NOW } from './tpm.ts'

export const AK_PURPOSE = '2.23.133.8.3'
export const EK_PURPOSE = '2.23.133.8.1'
export const SERVER_PURPOSE = '1.3.6.1.5.5.7.3.1'

export interface CertificateOptions {
  readonly subject?: string
  readonly purpose?: string
  readonly isAuthority?: boolean
  readonly criticalOid?: string
  readonly notBefore?: number
  readonly notAfter?: number
}

export interface Authority {
  readonly der: Buffer
  issue(key: KeyObject, options?: CertificateOptions): Buffer
}

const DAY = 86_400_000

/** `seed`: another key under the same name. */
export function makeAuthority(
  name: string,
  above?: { readonly name: string },
  seed = name,
): Authority {
  const key = keyFrom(seed)
  const [issuer, by] = above ? [above.name, keyFrom(above.name)] : [name, key]
  const der = certificate({ issuer, by, key, options: { subject: name, isAuthority: true } })
  return {
    der,
    issue: (of, options = {}) => certificate({ issuer: name, by: key, key: of, options }),
  }
}

interface Parts {
  readonly issuer: string
  readonly by: KeyObject
  readonly key: KeyObject
  readonly options: CertificateOptions
}

function certificate({ issuer, by, key, options }: Parts): Buffer {
  const { subject = 'a TPM', notBefore = NOW - DAY, notAfter = NOW + DAY } = options
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const validity = seq(time(notBefore), time(notAfter))
  const head = [tlv(0xa0, integer(2)), integer(1), ECDSA_SHA256, nameOf(issuer), validity]
  const extensions = tlv(0xa3, seq(...extensionsOf(options)))
  const tbs = seq(...head, nameOf(subject), spki, extensions)
  return seq(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, by)))
}

function extensionsOf({ purpose, isAuthority = false, criticalOid }: CertificateOptions): Buffer[] {
  const constraints = isAuthority ? [tlv(0x01, Buffer.of(0xff))] : []
  return [
    extension('2.5.29.19', true, seq(...constraints)),
    ...(purpose === undefined ? [] : [extension('2.5.29.37', false, seq(oid(purpose)))]),
    ...(criticalOid === undefined ? [] : [extension(criticalOid, true, seq())]),
  ]
}

function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const size = content.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.of(tag, ...length), content])
}

const seq = (...contents: readonly Uint8Array[]): Buffer => tlv(0x30, ...contents)
const bits = (content: Uint8Array): Buffer => tlv(0x03, Buffer.of(0), content)
const integer = (value: number): Buffer => tlv(0x02, Buffer.of(value))

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const arcs = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f]
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
    return digits
  })
  return tlv(0x06, Buffer.from(arcs))
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Buffer {
  return seq(oid(id), ...(isCritical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value))
}

const nameOf = (text: string): Buffer =>
  seq(tlv(0x31, seq(oid('2.5.4.3'), tlv(0x0c, Buffer.from(text)))))

function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')
  return tlv(0x17, Buffer.from(`${digits.slice(2, 14)}Z`))
}

const ECDSA_SHA256 = seq(oid('1.2.840.10045.4.3.2'))
