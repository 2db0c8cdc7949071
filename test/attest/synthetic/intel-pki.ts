// A made-up Intel: root, PCK platform CA, PCK certificate and TCB signer of one chip, with CRLs; synthetic, trusted by no release.
import { createECDH, createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { der as write } from '../../support/der-writer.ts'

const { bits, boolean, explicit, integer, octets, oid, sequence } = write

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

/** What a genuine Intel never issues. */
export type OddPki = 'pck-is-authority' | 'signer-is-authority' | 'ca-signs-no-lists'

/** The same keys for the same seed; valid from a day before `now` to a year after. */
export function makeIntelPki(seed: string, chip: Chip, now: number, odd?: OddPki): IntelPki {
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
    extensions: readonly Uint8Array[],
  ): Authority => {
    const key = keyFrom(`${seed} ${name}`)
    const { name: issuerName, key: by } = issuer
    return {
      name,
      key,
      der: certificate({ serial, issuer: issuerName, by, subject: name, key, now, extensions }),
    }
  }
  const ca = below(
    root,
    'Intel SGX PCK Platform CA',
    SERIAL.ca,
    authority(0, odd !== 'ca-signs-no-lists'),
  )
  const pck = below(ca, 'Intel SGX PCK Certificate', SERIAL.pck, [
    leaf(odd === 'pck-is-authority'),
    sgxExtension(chip),
  ])
  const signer = below(root, 'Intel SGX TCB Signing', SERIAL.signer, [
    leaf(odd === 'signer-is-authority'),
  ])
  return { root, ca, pck, signer }
}

/** A CRL of this authority, valid for 30 days; `odd`: in a way that must not be taken. */
export function makeCrl(
  issuer: Authority,
  serials: readonly number[],
  now: number,
  odd?: 'critical' | 'two-algorithms',
): Uint8Array {
  const entries = serials.map((serial) => sequence(integer(serial), write.time(now - DAY)))
  const number = extension('2.5.29.20', odd === 'critical', integer(1))
  const tbs = sequence(
    integer(1),
    odd === 'two-algorithms' ? ECDSA_SHA384 : ECDSA_SHA256,
    nameOf(issuer.name),
    write.time(now - DAY),
    write.time(now + 30 * DAY),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    explicit(0, sequence(number)),
  )
  return sequence(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, issuer.key)))
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
  readonly extensions: readonly Uint8Array[]
}

function certificate({ serial, issuer, by, subject, key, now, extensions }: Parts): Uint8Array {
  const spki = sequence(
    sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')),
    bits(Buffer.concat([Buffer.of(4), pointOf(key)])),
  )
  const validity = sequence(write.time(now - DAY), write.time(now + 365 * DAY))
  const tbs = sequence(
    explicit(0, integer(2)),
    integer(serial),
    ECDSA_SHA256,
    nameOf(issuer),
    validity,
    nameOf(subject),
    spki,
    explicit(3, sequence(...extensions)),
  )
  return sequence(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, by)))
}

const authority = (pathLength: number, signsLists = true): Uint8Array[] => [
  extension('2.5.29.19', true, sequence(boolean(true), integer(pathLength))),
  extension('2.5.29.15', true, signsLists ? bits(Buffer.of(0x06), 1) : bits(Buffer.of(0x04), 2)),
]
const leaf = (isAuthority: boolean): Uint8Array =>
  extension('2.5.29.19', true, sequence(...(isAuthority ? [boolean(true)] : [])))

export const SGX_OID = '1.2.840.113741.1.13.1'

/** The extension of a PCK certificate of the platform CA, whole. */
export function sgxExtension(chip: Chip): Uint8Array {
  return extension(SGX_OID, false, sgxValue(chip))
}

export function sgxValue({ fmspc, pceId, ppid, svns, pceSvn }: Chip): Uint8Array {
  const entry = (arc: string, value: Uint8Array): Uint8Array =>
    sequence(oid(`${SGX_OID}.${arc}`), value)
  const hex = (text: string): Uint8Array => octets(Buffer.from(text, 'hex'))
  return sequence(
    entry('1', hex(ppid)),
    entry(
      '2',
      sequence(
        ...svns.map((svn, i) => entry(`2.${i + 1}`, integer(svn))),
        entry('2.17', integer(pceSvn)),
        entry('2.18', octets(Buffer.from(svns))),
      ),
    ),
    entry('3', hex(pceId)),
    entry('4', hex(fmspc)),
    entry('5', write.enumerated(1)),
    entry('7', sequence(entry('7.1', boolean(true)), entry('7.3', boolean(false)))),
  )
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(value))
}

const nameOf = (text: string): Uint8Array =>
  sequence(write.set(sequence(oid('2.5.4.3'), write.text(0x0c, text))))

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const ECDSA_SHA384 = sequence(oid('1.2.840.10045.4.3.3'))
