// What an IP address is: public, private, loopback, or one that no request may ever reach; it opens no connection.
import { isIP } from 'node:net'

/** `never`: link-local, metadata services, multicast, unspecified, reserved - not even when a configuration lists it. */
export type Reachability = 'public' | 'private' | 'loopback' | 'never'

type Range = readonly [network: string, bits: number, kind: Reachability]

// IANA special-purpose registries; the first row that matches counts, so single hosts stand before their networks
const V4: readonly Range[] = [
  ['100.100.100.200', 32, 'never'], // Alibaba Cloud metadata
  ['168.63.129.16', 32, 'never'], // Azure host agent
  ['0.0.0.0', 8, 'never'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'private'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'never'], // link-local, and the metadata service of most clouds
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'never'],
  ['192.0.2.0', 24, 'never'],
  ['192.88.99.0', 24, 'never'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'never'],
  ['198.51.100.0', 24, 'never'],
  ['203.0.113.0', 24, 'never'],
  ['224.0.0.0', 3, 'never'], // multicast, reserved, broadcast
  ['0.0.0.0', 0, 'public'],
]

const V6: readonly Range[] = [
  ['::1', 128, 'loopback'],
  ['fd00:ec2::254', 128, 'never'], // EC2 metadata
  ['fd20:ce::254', 128, 'never'], // Google Cloud metadata
  ['fc00::', 7, 'private'],
  ['2001::', 23, 'never'], // Teredo and other protocol assignments
  ['2001:db8::', 32, 'never'],
  ['2002::', 16, 'never'], // 6to4 carries any IPv4 address
  ['3fff::', 20, 'never'],
  ['2000::', 3, 'public'],
  ['::', 0, 'never'],
]

// an IPv4 address in IPv6 clothes is judged as what it is
const EMBEDDING: readonly (readonly [network: string, bits: number])[] = [
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
]

/** `address` as the system or `URL.hostname` writes it, without brackets. Whatever is no address is `never`. */
export function reachability(address: string): Reachability {
  const family = isIP(address)
  if (family === 4) return find(V4, fromV4(address), 32)
  if (family !== 6 || address.includes('%')) return 'never'
  const value = fromV6(address)
  const embeds = EMBEDDING.some(([network, bits]) => within(value, fromV6(network), bits, 128))
  return embeds ? find(V4, value & 0xffff_ffffn, 32) : find(V6, value, 128)
}

/** Whether two spellings are the same address; a mapped IPv4 address equals the plain one. */
export function sameAddress(a: string, b: string): boolean {
  return isIP(a) !== 0 && isIP(b) !== 0 && canonical(a) === canonical(b)
}

function canonical(address: string): bigint {
  if (isIP(address) === 4) return (0xffffn << 32n) | fromV4(address)
  return fromV6(address.split('%')[0] ?? '')
}

function find(ranges: readonly Range[], value: bigint, width: number): Reachability {
  for (const [network, bits, kind] of ranges) {
    const base = width === 32 ? fromV4(network) : fromV6(network)
    if (within(value, base, bits, width)) return kind
  }
  return 'never'
}

function within(value: bigint, network: bigint, bits: number, width: number): boolean {
  const rest = BigInt(width - bits)
  return value >> rest === network >> rest
}

function fromV4(address: string): bigint {
  return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function fromV6(address: string): bigint {
  const dotted = /^(.*:)([0-9.]+)$/.exec(address)
  if (dotted?.[1] && dotted[2]?.includes('.')) {
    const low = fromV4(dotted[2])
    return fromV6(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`)
  }
  const [head = '', tail] = address.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const before = groups(head)
  const after = groups(tail ?? '')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const all = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after]
  return all.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}
