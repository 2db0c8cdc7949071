// Name constraints (RFC 5280 section 4.2.1.10): which names an issuer may have certified; every comparison is counted.
import { Denial, malformed } from '../denial.ts'
import { type Certificate, EXTENSION } from '../format/certificate.ts'
import { type Der, TAG } from '../format/der.ts'
import { contentOf } from '../format/extensions.ts'
import { type GeneralName, readGeneralName, subjectAltNamesOf } from '../format/general-name.ts'
import { isDnsName, wildcardBase } from './host.ts'
import { parseName, startsWith } from './name.ts'

/** A constraint, or a name to hold against it, ready to compare. */
type Subtree =
  | { readonly kind: 'dns'; readonly host: string }
  | { readonly kind: 'uri'; readonly host: string; readonly isBelow: boolean }
  | { readonly kind: 'email'; readonly local: string | undefined; readonly host: string; readonly isBelow: boolean } // biome-ignore format: a row
  | { readonly kind: 'ip'; readonly address: Uint8Array; readonly mask: Uint8Array }
  | { readonly kind: 'directory'; readonly rdns: readonly string[] }
  | { readonly kind: 'other'; readonly tag: number }

export interface NameConstraints {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

/** A name of a certificate. `isReadable` false: not in the form that its kind has, and within no subtree. */
type Name =
  | { readonly kind: 'dns'; readonly host: string; readonly isWildcard: boolean; readonly isReadable: boolean } // biome-ignore format: a row
  | { readonly kind: 'uri'; readonly host: string; readonly isReadable: boolean }
  | { readonly kind: 'email'; readonly local: string; readonly host: string; readonly isReadable: boolean } // biome-ignore format: a row
  | { readonly kind: 'ip'; readonly bytes: Uint8Array; readonly isReadable: boolean }
  | { readonly kind: 'directory'; readonly rdns: readonly string[]; readonly isReadable: true }
  | { readonly kind: 'other'; readonly tag: number; readonly isReadable: false }

const WHAT = 'nameConstraints'
const MOST_SUBTREES = 1024

/** Undefined: the extension is absent. Throws for constraints of a form that section 4.2.1.10 does not have. */
export function nameConstraintsOf(certificate: Certificate): NameConstraints | undefined {
  const extension = certificate.extensions.get(EXTENSION.nameConstraints)
  if (!extension) return undefined
  const inside = contentOf(extension.value, WHAT)
  if (inside.isDone) throw malformed(`${WHAT}: neither permitted nor excluded subtrees`)
  const permitted = subtreesIn(inside.optional(0xa0, WHAT))
  const excluded = subtreesIn(inside.optional(0xa1, WHAT))
  inside.finish(WHAT)
  return { permitted, excluded }
}

function subtreesIn(from: Der | undefined): readonly Subtree[] {
  if (!from) return []
  if (from.isDone) throw malformed(`${WHAT}: an empty list`)
  const subtrees: Subtree[] = []
  while (!from.isDone) {
    if (subtrees.length === MOST_SUBTREES)
      throw new Denial('evidence.budget', `${WHAT}: too many subtrees`)
    const one = from.enter(TAG.sequence, WHAT)
    subtrees.push(subtreeOf(readGeneralName(one, WHAT)))
    // minimum and maximum have one value only, which DER leaves out
    one.finish(WHAT)
  }
  return subtrees
}

function subtreeOf(name: GeneralName): Subtree {
  switch (name.kind) {
    case 'dns':
      return { kind: 'dns', host: hostOf(name.value) }
    case 'uri':
      return { kind: 'uri', ...below(name.value) }
    case 'email': {
      const [local, host, ...more] = name.value.split('@')
      if (host === undefined) return { kind: 'email', local: undefined, ...below(name.value) }
      if (local === '' || more.length > 0) throw malformed(`${WHAT}: no mailbox`)
      return { kind: 'email', local, host: hostOf(host), isBelow: false }
    }
    case 'ip':
      return { kind: 'ip', ...rangeOf(name.bytes) }
    case 'directory':
      return { kind: 'directory', rdns: parseName(name.der, WHAT).rdns }
    case 'other':
      return name
  }
}

/** The empty one stands for all hosts. */
function hostOf(text: string): string {
  if (text !== '' && !isDnsName(text)) throw malformed(`${WHAT}: no host name`)
  return text.toLowerCase()
}

function below(text: string): { host: string; isBelow: boolean } {
  const isBelow = text.startsWith('.')
  return { host: hostOf(isBelow ? text.slice(1) : text), isBelow }
}

function rangeOf(bytes: Uint8Array): { address: Uint8Array; mask: Uint8Array } {
  if (bytes.length !== 8 && bytes.length !== 32) throw malformed(`${WHAT}: no range of addresses`)
  const half = bytes.length / 2
  const mask = bytes.subarray(half)
  const bits = Array.from(mask, (byte) => byte.toString(2).padStart(8, '0')).join('')
  if (bits.includes('01')) throw malformed(`${WHAT}: a mask with holes`)
  return { address: bytes.subarray(0, half), mask }
}

/** Every name of a certificate that constraints are about: its subject, its SAN, and e-mail addresses in the subject of one without. */
export function constrainedNamesOf(certificate: Certificate): readonly Name[] {
  const names = subjectAltNamesOf(certificate).map(nameOf)
  const subject = parseName(certificate.subject, 'subject')
  if (!names.some(({ kind }) => kind === 'email'))
    for (const value of subject.emails) names.push(nameOf({ kind: 'email', value }))
  if (subject.rdns.length > 0)
    names.push({ kind: 'directory', rdns: subject.rdns, isReadable: true })
  return names
}

function nameOf(name: GeneralName): Name {
  switch (name.kind) {
    case 'dns': {
      const base = wildcardBase(name.value)
      const host = base ?? name.value.toLowerCase()
      return { kind: 'dns', host, isWildcard: base !== undefined, isReadable: isDnsName(host) }
    }
    case 'uri': {
      const host = hostInUri(name.value)
      return { kind: 'uri', host: host ?? '', isReadable: host !== undefined }
    }
    case 'email': {
      const [local = '', host = '', ...more] = name.value.split('@')
      const isReadable = local !== '' && isDnsName(host) && more.length === 0
      return { kind: 'email', local, host: host.toLowerCase(), isReadable }
    }
    case 'ip':
      return { ...name, isReadable: name.bytes.length === 4 || name.bytes.length === 16 }
    case 'directory':
      return { kind: 'directory', rdns: parseName(name.der, 'name').rdns, isReadable: true }
    case 'other':
      return { ...name, isReadable: false }
  }
}

function hostInUri(text: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(text)?.[1]
  const host = authority?.replace(/^[^@]*@/, '').replace(/:\d*$/, '')
  return host !== undefined && isDnsName(host) ? host.toLowerCase() : undefined
}

/**
 * Why the constraints do not allow the names; undefined: they do. `spend` is told the comparisons before they are made, and
 * throws when they are too many.
 */
export function violated(
  { permitted, excluded }: NameConstraints,
  names: readonly Name[],
  spend: (comparisons: number) => void,
): string | undefined {
  spend(names.length * (permitted.length + excluded.length))
  for (const name of names) {
    const forbidding = excluded.filter((subtree) => isOfKind(subtree, name))
    const allowing = permitted.filter((subtree) => isOfKind(subtree, name))
    if (forbidding.length + allowing.length === 0) continue
    if (!name.isReadable) return `a name of kind ${name.kind} that cannot be compared`
    if (forbidding.some((subtree) => within(subtree, name, 'some')))
      return `a name of kind ${name.kind} is excluded`
    if (allowing.length > 0 && !allowing.some((subtree) => within(subtree, name, 'all')))
      return `a name of kind ${name.kind} is not permitted`
  }
  return undefined
}

function isOfKind(subtree: Subtree, name: Name): boolean {
  if (subtree.kind === 'other') return name.kind === 'other' && name.tag === subtree.tag
  return subtree.kind === name.kind
}

/** `some`: whether a name that a wildcard stands for may lie in the subtree; `all`: whether every one does. */
function within(subtree: Subtree, name: Name, of: 'some' | 'all'): boolean {
  if (subtree.kind === 'dns' && name.kind === 'dns') {
    if (isHostWithin(name.host, subtree.host)) return true
    // `*.example.com` stands for bar.example.com, which may be what is excluded
    return of === 'some' && name.isWildcard && parentOf(subtree.host) === name.host
  }
  if (subtree.kind === 'uri' && name.kind === 'uri') return isHostOf(subtree, name.host)
  if (subtree.kind === 'email' && name.kind === 'email') {
    if (subtree.local !== undefined) return subtree.local === name.local && subtree.host === name.host // biome-ignore format: a row
    return isHostOf(subtree, name.host)
  }
  if (subtree.kind === 'ip' && name.kind === 'ip') return isInRange(subtree, name.bytes)
  return (
    subtree.kind === 'directory' && name.kind === 'directory' && startsWith(name.rdns, subtree.rdns)
  )
}

function isHostWithin(host: string, subtree: string): boolean {
  return subtree === '' || host === subtree || host.endsWith(`.${subtree}`)
}

/** Of e-mail and URI: one host, or with a leading dot all below it but not itself. */
function isHostOf(
  subtree: { readonly host: string; readonly isBelow: boolean },
  host: string,
): boolean {
  if (subtree.isBelow) return host.endsWith(`.${subtree.host}`)
  return subtree.host === '' || host === subtree.host
}

function parentOf(host: string): string {
  return host.slice(host.indexOf('.') + 1)
}

function isInRange(
  { address, mask }: { readonly address: Uint8Array; readonly mask: Uint8Array },
  bytes: Uint8Array,
): boolean {
  return (
    address.length === bytes.length &&
    bytes.every((byte, at) => ((byte ^ (address[at] as number)) & (mask[at] as number)) === 0)
  )
}
