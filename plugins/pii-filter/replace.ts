// What takes the place of something personal: a name, a mask or a keyed hash; it finds nothing itself.
import { createHmac } from 'node:crypto'

export type Action = 'redact' | 'mask' | 'hash' | 'block'
export type Substitute = (kind: string, found: string) => string

export function createSubstitutes(
  key: Uint8Array | string,
): Record<Exclude<Action, 'block'>, Substitute> {
  return {
    redact: (kind) => `[redacted ${kind}]`,
    mask: (kind, found) => (MASKS[kind] ?? maskAll)(found),
    // keyed, because there are few enough telephone numbers to hash them all
    hash: (kind, found) => {
      const digest = createHmac('sha256', key)
        .update(`${kind}\0${plain(kind, found)}`)
        .digest('hex')
      return `[${kind} ${digest.slice(0, 16)}]`
    },
  }
}

const MASKS: Readonly<Record<string, (found: string) => string>> = {
  email: (found) => `${[...found][0]}***${found.slice(found.lastIndexOf('@'))}`,
  credit_card: keepLast(4),
  iban: keepLast(4),
  phone: keepLast(2),
  ssn: keepLast(4),
}

function maskAll(found: string): string {
  return '*'.repeat(Math.min(found.length, 16))
}

// letters and digits become stars, what groups them stays
function keepLast(count: number): (found: string) => string {
  return (found) => {
    const cut = found.length - count
    return found.slice(0, cut).replace(/[\p{L}\p{N}]/gu, '*') + found.slice(cut)
  }
}

// two ways of writing one number are one number
function plain(kind: string, found: string): string {
  return kind === 'email' || kind === 'secret'
    ? found.toLowerCase()
    : found.replace(/[^\p{L}\p{N}]/gu, '').toUpperCase()
}
