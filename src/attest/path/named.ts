// Whether a leaf has a name that is asked for: its subject alternative names only, as its common name never counts (RFC 9525).

import type { Certificate } from '../format/certificate.ts'
import { equalBytes } from '../format/der.ts'
import type { GeneralName } from '../format/general-name.ts'
import { addressBytes, addressText, isDnsName, matchesDns } from './host.ts'
import { parseName } from './name.ts'
import type { Rules } from './profile.ts'
import { refusal } from './refusal.ts'

export interface ExpectedName {
  readonly kind: 'dns' | 'ip' | 'email'
  readonly value: string
}

/** A host as it stands in a URL or a policy: an address or a DNS name. */
export function expectedHost(host: string): ExpectedName {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host
  return addressBytes(bare) ? { kind: 'ip', value: bare } : { kind: 'dns', value: bare }
}

/** With its subject alternative names, read once. */
export interface NamedLeaf {
  readonly leaf: Certificate
  readonly names: readonly GeneralName[]
}

/** Throws a name mismatch. */
export function assertNamed(
  { leaf, names }: NamedLeaf,
  expected: readonly ExpectedName[],
  rules: Pick<Rules, 'family' | 'profile'>,
): void {
  if (!expected.some((one) => names.some((name) => stands(name, one))))
    throw refusal(rules.family, 'name')
  const { commonNames } = parseName(leaf.subject, 'subject')
  if (rules.profile === 'strict' && commonNames.some((text) => isAnotherHost(text, names)))
    throw refusal(rules.family, 'chain', 'its common name is a host that its names are not')
}

function stands(name: GeneralName, { kind, value }: ExpectedName): boolean {
  if (name.kind !== kind) return false
  if (name.kind === 'ip') {
    const address = addressBytes(value)
    return address !== undefined && equalBytes(name.bytes, address)
  }
  if (name.kind === 'dns') return matchesDns(name.value, value)
  return name.kind === 'email' && isSameMailbox(name.value, value)
}

function isSameMailbox(a: string, b: string): boolean {
  const [one, other] = [a.split('@'), b.split('@')]
  if (one.length !== 2 || other.length !== 2) return false
  const [host = ''] = one.slice(1)
  return one[0] === other[0] && isDnsName(host) && host.toLowerCase() === other[1]?.toLowerCase()
}

const NUMBER = /^(?:0x[0-9a-f]+|[0-9a-f:]*:[0-9a-f:.]*|\d[\d.]*)$/i

/**
 * Whether a common name is a host for whoever still reads it, and another one than the names say: the Baseline Requirements
 * (7.1.4.3) want it to be one of them, character for character. The domain that a name is below may be the owner's name.
 */
function isAnotherHost(text: string, names: readonly GeneralName[]): boolean {
  if (NUMBER.test(text)) {
    const addresses = names.flatMap((name) => (name.kind === 'ip' ? [addressText(name.bytes)] : []))
    return addresses.length > 0 && !addresses.includes(text)
  }
  const hosts = names.flatMap((name) => (name.kind === 'dns' ? [name.value] : []))
  if (hosts.length === 0 || !text.includes('.') || /[\s/@:]/.test(text)) return false
  return !hosts.some((host) => host === text || host.endsWith(`.${text}`))
}
