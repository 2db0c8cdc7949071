// A distinguished name as something to compare (RFC 5280 section 7.1): attribute by attribute, without regard to case and spaces.
import { Denial, malformed } from '../denial.ts'
import { Der, equalBytes, hexOf, latin1, TAG } from '../format/der.ts'

export interface DistinguishedName {
  /** One key per RDN: equal keys are equal RDNs. */
  readonly rdns: readonly string[]
  /** Fit to show, such as `O=Example, CN=Root`, most general first; no control characters, cut where it is long. */
  readonly text: string
  readonly commonNames: readonly string[]
  readonly emails: readonly string[]
}

const COMMON_NAME = '2.5.4.3'
const EMAIL = '1.2.840.113549.1.9.1'
const SHORT: Readonly<Record<string, string>> = {
  [COMMON_NAME]: 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
}
const LONGEST_TEXT = 256
const MOST_ATTRIBUTES = 64

/** `der`: a Name with tag and length. */
export function parseName(der: Uint8Array, what: string): DistinguishedName {
  const whole = new Der(der)
  const sequence = whole.enter(TAG.sequence, what)
  whole.finish(what)
  const rdns: string[] = []
  const commonNames: string[] = []
  const emails: string[] = []
  const shown: string[] = []
  let count = 0
  while (!sequence.isDone) {
    const set = sequence.enter(TAG.set, what)
    if (set.isDone) throw malformed(`${what}: an empty set`)
    const keys: string[] = []
    while (!set.isDone) {
      if (++count > MOST_ATTRIBUTES)
        throw new Denial('evidence.budget', `${what}: too many attributes`)
      const attribute = set.enter(TAG.sequence, what)
      const type = attribute.oid(what)
      const text = textIn(attribute, what)
      attribute.finish(what)
      keys.push(`${type}=${text.key}`)
      shown.push(`${SHORT[type] ?? type}=${text.plain ?? '?'}`)
      if (type === COMMON_NAME && text.plain !== undefined) commonNames.push(text.plain)
      if (type === EMAIL && text.plain !== undefined) emails.push(text.plain)
    }
    // a separator that no prepared text holds, so that two attributes are not taken for one
    rdns.push(keys.sort().join('\n'))
  }
  const text = shown.join(', ').replace(/\p{C}/gu, '?').slice(0, LONGEST_TEXT)
  return { rdns, text, commonNames, emails }
}

/** An empty SEQUENCE. */
export function isEmptyName(der: Uint8Array): boolean {
  return der.length === 2
}

/** Two names with tag and length; those that differ in bytes are compared as section 7.1 says. */
export function isSameName(a: Uint8Array, b: Uint8Array): boolean {
  if (equalBytes(a, b)) return true
  const [one, other] = [parseName(a, 'name').rdns, parseName(b, 'name').rdns]
  return one.length === other.length && startsWith(one, other)
}

/** Whether a name lies in the subtree of another one. */
export function startsWith(rdns: readonly string[], prefix: readonly string[]): boolean {
  return prefix.length <= rdns.length && prefix.every((key, at) => key === rdns[at])
}

interface Text {
  readonly key: string
  /** As written; undefined for what is no text. */
  readonly plain: string | undefined
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textIn(attribute: Der, what: string): Text {
  const tag = attribute.tag
  const bytes = attribute.next(what).rest()
  const plain = decoded(tag, bytes, what)
  if (plain === undefined) return { key: `#${tag}:${hexOf(bytes)}`, plain }
  return { key: plain.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' '), plain }
}

function decoded(tag: number, bytes: Uint8Array, what: string): string | undefined {
  switch (tag) {
    case TAG.utf8:
      try {
        return UTF8.decode(bytes)
      } catch {
        throw malformed(`${what}: no UTF-8`)
      }
    case TAG.printable:
    case TAG.ia5:
    case TAG.teletex:
      return latin1(bytes)
    default:
      return undefined
  }
}
