// Quotes of a made-up TPM, its key in hand, for what a genuine one does not sign or write: every field can be another. Synthetic.
import { createECDH, createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { EvidenceItem, Verification } from '../../../src/attest/evidence/evidence.ts'

export type Bank = 'sha1' | 'sha256' | 'sha384' | 'sha512'
/** Bank to register to value in hex. */
export type Values = Readonly<Partial<Record<Bank, Readonly<Record<string, string>>>>>

const ALGORITHM: Readonly<Record<Bank, number>> = {
  sha1: 0x0004,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
}
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign. */
export const AK_ATTRIBUTES = 0x0005_0072
export const NONCE = Buffer.from('a nonce of thirty-two characters')
export const NOW = Date.UTC(2026, 10, 28)
export const ZERO = '00'.repeat(32)

export const VALUES: Values = {
  sha256: { 0: '11'.repeat(32), 4: '44'.repeat(32), 7: '77'.repeat(32) },
}

export interface QuoteOptions {
  readonly magic?: number
  readonly type?: number
  readonly extraData?: Uint8Array
  readonly safe?: number
  readonly resetCount?: number
  readonly values?: Values
  /** Other registers than there are values of. */
  readonly selected?: Readonly<Partial<Record<Bank, readonly number[]>>>
  readonly pcrDigest?: Uint8Array
  /** What follows the structure. */
  readonly tail?: Uint8Array
  readonly hash?: Bank
  readonly signatureScheme?: number
  readonly key?: KeyObject
  readonly attributes?: number
  /** Of the public area; 0x0010: none. */
  readonly keyScheme?: number
  readonly area?: Uint8Array
}

export const u8 = (...values: readonly number[]): Buffer => Buffer.from(values)
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
export const sized = (bytes: Uint8Array): Buffer => Buffer.concat([u16(bytes.length), bytes])

/** A P-256 key that is the same for the same seed. */
export function keyFrom(seed: string): KeyObject {
  const ecdh = createECDH('prime256v1')
  const d = createHash('sha256').update(seed).digest()
  ecdh.setPrivateKey(d)
  const point = ecdh.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((one) => one.toString('base64url'))
  const key = { kty: 'EC', crv: 'P-256', x, y, d: d.toString('base64url') }
  return createPrivateKey({ key, format: 'jwk' })
}

export const AK = keyFrom('synthetic attestation key')

export function pointOf(key: KeyObject): readonly [Buffer, Buffer] {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  return [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
}

/** TPMT_PUBLIC. */
export function areaOf({
  key = AK,
  attributes = AK_ATTRIBUTES,
  keyScheme = 0x0018,
}: QuoteOptions = {}): Buffer {
  const scheme = keyScheme === 0x0010 ? u16(0x0010) : Buffer.concat([u16(keyScheme), u16(0x000b)])
  const [x, y] = pointOf(key)
  const head = [u16(0x0023), u16(0x000b), u32(attributes), sized(u8()), u16(0x0010)]
  return Buffer.concat([...head, scheme, u16(0x0003), u16(0x0010), sized(x), sized(y)])
}

export function attestOf(options: QuoteOptions = {}): Buffer {
  const { magic = 0xff544347, type = 0x8018, extraData = NONCE, values = VALUES } = options
  const { safe = 1, resetCount = 7, hash = 'sha256', tail = u8() } = options
  const selected = options.selected ?? selectionOf(values)
  const name = Buffer.concat([u16(0x000b), Buffer.alloc(32, 9)])
  const clock = Buffer.concat([u32(0), u32(12345), u32(resetCount), u32(2), u8(safe)])
  const firmware = Buffer.concat([u32(0x20191023), u32(0x00163636)])
  const digest = options.pcrDigest ?? digestOf(values, selected, hash)
  return Buffer.concat([
    ...[u32(magic), u16(type), sized(name), sized(extraData), clock, firmware],
    ...[bitmapsOf(selected), sized(digest), tail],
  ])
}

function selectionOf(values: Values): Readonly<Partial<Record<Bank, readonly number[]>>> {
  return Object.fromEntries(
    Object.entries(values).map(([bank, registers]) => [bank, Object.keys(registers).map(Number)]),
  )
}

function bitmapsOf(selected: Readonly<Partial<Record<Bank, readonly number[]>>>): Buffer {
  const banks = Object.entries(selected).map(([bank, registers]) => {
    const bits = [0, 0, 0]
    for (const register of registers)
      bits[register >> 3] = (bits[register >> 3] ?? 0) | (1 << (register & 7))
    return Buffer.concat([u16(ALGORITHM[bank as Bank]), u8(3, ...bits)])
  })
  return Buffer.concat([u32(banks.length), ...banks])
}

function digestOf(
  values: Values,
  selected: Readonly<Partial<Record<Bank, readonly number[]>>>,
  by: Bank,
): Buffer {
  const hash = createHash(by)
  for (const [bank, registers] of Object.entries(selected))
    for (const register of registers)
      hash.update(Buffer.from(values[bank as Bank]?.[register] ?? '', 'hex'))
  return hash.digest()
}

/** TPMT_SIGNATURE by ECDSA. */
export function signatureOf(attest: Uint8Array, options: QuoteOptions = {}): Buffer {
  const { key = AK, hash = 'sha256', signatureScheme = 0x0018 } = options
  const raw = sign(hash, attest, { key, dsaEncoding: 'ieee-p1363' })
  const numbers = [sized(raw.subarray(0, 32)), sized(raw.subarray(32))]
  return Buffer.concat([u16(signatureScheme), u16(ALGORITHM[hash]), ...numbers])
}

export interface QuoteForm {
  readonly [member: string]: unknown
}

/** The JSON form. */
export function formOf(options: QuoteOptions = {}): QuoteForm {
  const attest = attestOf(options)
  return {
    v: 1,
    quote: attest.toString('base64url'),
    signature: signatureOf(attest, options).toString('base64url'),
    pcrs: options.values ?? VALUES,
    ak_public: Buffer.from(options.area ?? areaOf(options)).toString('base64url'),
  }
}

export function itemOf(
  form: unknown,
  endorsements: EvidenceItem['endorsements'] = {},
): EvidenceItem {
  return { type: 'tpm', bytes: Buffer.from(JSON.stringify(form)), endorsements }
}

export function verification(changes: Partial<Verification> = {}): Verification {
  const expected = { kind: 'exact', bytes: NONCE } as const
  return { now: NOW, skew: 0, expected, roots: {}, collateral: new Map(), ...changes }
}
