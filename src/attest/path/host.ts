// Host names and addresses: what is one, and whether a name of a certificate stands for it (RFC 9525 section 6); no other kind of name.
import { isIP } from 'node:net'

const LONGEST_NAME = 253
const LONGEST_LABEL = 63
const [DOT, HYPHEN] = [0x2e, 0x2d]

/**
 * Preferred name syntax (RFC 1034 section 3.5, RFC 1123 section 2.1), no wildcard, no trailing dot, and no IP address: the last
 * label is not a number. One pass without a pattern, as a certificate may have hundreds of names.
 */
export function isDnsName(text: string): boolean {
  if (text.length > LONGEST_NAME) return false
  let start = 0
  let isNumber = true
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? DOT : text.charCodeAt(at)
    if (code === DOT) {
      const isLabel =
        at > start && at - start <= LONGEST_LABEL && text.charCodeAt(at - 1) !== HYPHEN
      if (!isLabel || text.charCodeAt(start) === HYPHEN) return false
      if (at === text.length) return !isNumber
      start = at + 1
      isNumber = true
    } else if (code < 0x30 || code > 0x39) {
      if (!isLetter(code) && code !== HYPHEN) return false
      isNumber = false
    }
  }
  return false
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a)
}

/** Behind the `*.` of a wildcard: two labels at least, as no one holds all names below `com`. Undefined: no wildcard. */
export function wildcardBase(pattern: string): string | undefined {
  if (!pattern.startsWith('*.')) return undefined
  const base = pattern.slice(2)
  return base.includes('.') && isDnsName(base) ? base.toLowerCase() : undefined
}

/** Whether a dNSName stands for a host: equal, or a wildcard in place of its whole left-most label. */
export function matchesDns(pattern: string, host: string): boolean {
  const [name, own] = [host.toLowerCase(), pattern.toLowerCase()]
  if (own === name) return isDnsName(name)
  if (!own.startsWith('*.')) return false
  const base = name.slice(name.indexOf('.') + 1)
  // a part of a name that is one is one itself
  return own.slice(2) === base && base !== name && base.includes('.') && isDnsName(name)
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

/** In its shortest form (RFC 5952), hexadecimal to its end; undefined for what is no address. */
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
