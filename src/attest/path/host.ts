// Host names and addresses: what is one, and whether a name of a certificate stands for it (RFC 9525 section 6); no other kind of name.
import { isIP } from 'node:net'

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i

/** Preferred name syntax (RFC 1034 section 3.5, RFC 1123 section 2.1), no wildcard, no trailing dot, no IP address. */
export function isDnsName(text: string): boolean {
  return text.length <= 253 && isIP(text) === 0 && text.split('.').every((one) => LABEL.test(one))
}

/** Behind the `*.` of a wildcard: two labels at least, as no one holds all names below `com`. Undefined: no wildcard. */
export function wildcardBase(pattern: string): string | undefined {
  if (!pattern.startsWith('*.')) return undefined
  const base = pattern.slice(2)
  return base.includes('.') && isDnsName(base) ? base.toLowerCase() : undefined
}

/** Whether a dNSName stands for a host: equal, or a wildcard in place of its whole left-most label. */
export function matchesDns(pattern: string, host: string): boolean {
  const name = host.toLowerCase()
  if (!isDnsName(name)) return false
  if (isDnsName(pattern)) return pattern.toLowerCase() === name
  const base = wildcardBase(pattern)
  const dot = name.indexOf('.')
  return base !== undefined && dot > 0 && name.slice(dot + 1) === base
}

/** Network byte order; undefined for what is no address. */
export function addressBytes(text: string): Uint8Array | undefined {
  switch (isIP(text)) {
    case 4:
      return Uint8Array.from(text.split('.'), Number)
    case 6:
      return text.includes('%') ? undefined : v6Bytes(text)
    default:
      return undefined
  }
}

/** As RFC 5952 writes it; undefined for what is no address. */
export function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) return undefined
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] as number) << 8) | (bytes[2 * at + 1] as number)).toString(16),
  )
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function v6Bytes(text: string): Uint8Array {
  // the URL parser writes every form of an address as hexadecimal groups
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const [first, last] = [groups(head), groups(tail ?? '')]
  const all = [...first, ...Array(8 - first.length - last.length).fill(0), ...last] as number[]
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}
