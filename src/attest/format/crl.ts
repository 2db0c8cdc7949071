// A certificate revocation list, version 2 (RFC 5280 section 5), as values; entries stay bytes, as a list may have a million of them.
import { Denial, malformed } from '../denial.ts'
import { type Extension, readExtensions } from './certificate.ts'
import { context, Der, equalBytes, hexOf, TAG } from './der.ts'
import { type GeneralName, readDistributionPointName } from './general-name.ts'
import { type Algorithm, readAlgorithm } from './signature.ts'

export interface Crl {
  readonly der: Uint8Array
  /** The part that is signed, with tag and length. */
  readonly tbs: Uint8Array
  readonly algorithm: Algorithm
  readonly innerAlgorithm: Algorithm
  /** Name, with tag and length. */
  readonly issuer: Uint8Array
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** Its entries, one after the other. */
  readonly entries: Uint8Array
  readonly extensions: ReadonlyMap<string, Extension>
  readonly signature: Uint8Array
}

export const CRL_EXTENSION = {
  authorityKeyIdentifier: '2.5.29.35',
  number: '2.5.29.20',
  delta: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  freshest: '2.5.29.46',
} as const

/** The largest lists of public authorities are of some ten megabytes. */
const LARGEST_CRL = 32 * 1024 * 1024

/** Throws `evidence.malformed` or `evidence.too_large`; a list without nextUpdate or of version 1 is malformed here. */
export function parseCrl(der: Uint8Array, largest: number = LARGEST_CRL): Crl {
  if (der.length > largest) throw new Denial('evidence.too_large', 'CRL')
  const whole = new Der(der)
  const outer = whole.enter(TAG.sequence, 'CRL')
  whole.finish('CRL')
  const tbs = outer.element('CRL')
  const algorithm = readAlgorithm(outer, 'CRL')
  const signature = outer.bitOctets('CRL signature')
  outer.finish('CRL')
  const inside = new Der(tbs).enter(TAG.sequence, 'tbsCertList')
  const version = inside.tag === TAG.integer ? inside.small('CRL version') : 0
  if (version !== 1) throw malformed('CRL: not of version 2')
  const innerAlgorithm = readAlgorithm(inside, 'CRL')
  if (inside.tag !== TAG.sequence) throw malformed('CRL issuer: another type than expected')
  const issuer = inside.element('CRL issuer')
  const thisUpdate = inside.time('thisUpdate')
  const next: number = inside.tag
  if (next !== TAG.utcTime && next !== TAG.generalizedTime) throw malformed('CRL: no nextUpdate')
  const nextUpdate = inside.time('nextUpdate')
  const entries = inside.optional(TAG.sequence, 'revokedCertificates')?.rest() ?? new Uint8Array()
  const wrapped = inside.optional(context(0), 'CRL extensions')
  inside.finish('tbsCertList')
  const extensions = wrapped ? readExtensions(wrapped, 'CRL extensions') : new Map()
  return { der, tbs, algorithm, innerAlgorithm, issuer, thisUpdate, nextUpdate, entries, extensions, signature } // biome-ignore format: a row
}

/** Hex without leading zeros; undefined: the list has none. Compare by `isLowerNumber`. */
export function crlNumberOf(crl: Crl): string | undefined {
  const extension = crl.extensions.get(CRL_EXTENSION.number)
  if (!extension) return undefined
  const whole = new Der(extension.value)
  const number = whole.integer('CRL number')
  whole.finish('CRL number')
  if ((number[0] as number) >= 0x80 || number.length > 21)
    throw malformed('CRL number: out of bounds')
  return hexOf(number).replace(/^0+(?=.)/, '')
}

export function isLowerNumber(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length
}

/** Which certificates a list is about (section 5.2.5). */
export interface IssuingDistributionPoint {
  readonly names: readonly GeneralName[] | undefined
  /** A name that is there but relative to the issuer. */
  readonly isRelative: boolean
  readonly only: 'users' | 'authorities' | 'attributes' | undefined
  readonly isPartial: boolean
  readonly isIndirect: boolean
}

export function issuingDistributionPointOf(crl: Crl): IssuingDistributionPoint | undefined {
  const extension = crl.extensions.get(CRL_EXTENSION.issuingDistributionPoint)
  if (!extension) return undefined
  const what = 'issuingDistributionPoint'
  const whole = new Der(extension.value)
  const inside = whole.enter(TAG.sequence, what)
  whole.finish(what)
  const point = inside.optional(context(0), what)
  const names = point && readDistributionPointName(point, what)
  const flag = (tag: number): boolean => {
    const content = inside.optional(tag, what)
    if (!content) return false
    const [value] = content.rest()
    // FALSE is the default, which DER leaves out
    if (content.rest().length !== 1 || value !== 0xff) throw malformed(`${what}: no flag`)
    return true
  }
  const [users, authorities] = [flag(0x81), flag(0x82)]
  const isPartial = inside.optional(0x83, what) !== undefined
  const [isIndirect, attributes] = [flag(0x84), flag(0x85)]
  inside.finish(what)
  if (Number(users) + Number(authorities) + Number(attributes) > 1)
    throw malformed(`${what}: about nothing`)
  const only = users ? 'users' : authorities ? 'authorities' : attributes ? 'attributes' : undefined
  return { names, isRelative: point !== undefined && names === undefined, only, isPartial, isIndirect } // biome-ignore format: a row
}

// reasonCode (2.5.29.21), not critical, with one byte: what nearly every entry with extensions has
const REASON_ONLY = Uint8Array.of(0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01) // biome-ignore format: a row
const NOT_CRITICAL: ReadonlySet<string> = new Set(['2.5.29.21', '2.5.29.24'])

/**
 * Whether a serial number (content of the INTEGER) is on the list. Every entry is looked at, as one that cannot be understood
 * makes the whole list one that cannot. No object is made for an entry of the usual form.
 */
export function isRevoked(crl: Crl, serial: Uint8Array): boolean {
  const { entries } = crl
  let isFound = false
  for (let at = 0; at < entries.length; ) {
    const start = bodyOf(entries, at, entries.length, TAG.sequence)
    const end = start + lengthAt(entries, at)
    const number = bodyOf(entries, start, end, TAG.integer)
    const size = lengthAt(entries, start)
    if (size === 0) throw malformed('CRL entry: an empty integer')
    if (size === serial.length && isAt(entries, number, serial)) isFound = true
    const time = number + size
    const tag = entries[time] === TAG.utcTime ? TAG.utcTime : TAG.generalizedTime
    const rest = bodyOf(entries, time, end, tag) + lengthAt(entries, time)
    if (rest < end) assertEntry(entries, rest, end)
    at = end
  }
  return isFound
}

/** Where the content of the element begins; checks its tag and that it ends within. */
function bodyOf(bytes: Uint8Array, at: number, end: number, tag: number): number {
  if (at + 2 > end || bytes[at] !== tag) throw malformed('CRL entry: another type than expected')
  const first = bytes[at + 1] as number
  const start = first < 0x80 ? at + 2 : at + 3 + (first === 0x82 ? 1 : 0)
  if (first >= 0x80 && first !== 0x81 && first !== 0x82) throw malformed('CRL entry: a long length')
  if (start > end || start + lengthAt(bytes, at) > end)
    throw malformed('CRL entry: a length out of bounds')
  return start
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1] as number
  if (first < 0x80) return first
  const second = bytes[at + 2] as number
  return first === 0x81 ? second : second * 256 + (bytes[at + 3] as number)
}

function isAt(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false
  return true
}

function assertEntry(bytes: Uint8Array, at: number, end: number): void {
  if (end - at === REASON_ONLY.length + 1 && isAt(bytes, at, REASON_ONLY)) return
  const extensions = readExtensions(new Der(bytes, at, end), 'CRL entry')
  for (const [oid, { critical }] of extensions)
    if (critical && !NOT_CRITICAL.has(oid))
      throw new Denial('evidence.unsupported', `CRL entry: extension ${oid} is critical`)
}

/** Both places that name the signature algorithm name the same. */
export function isConsistentCrl(crl: Crl): boolean {
  return equalBytes(crl.algorithm.der, crl.innerAlgorithm.der)
}
