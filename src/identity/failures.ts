// Failed attempts per address and per key, in tables of bounded size, and how long each waits; what an attempt is, it does not know.
import { isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../base/clock.ts'

/** Milliseconds, and counts. */
export const FAILURE_LIMITS = {
  /** Failures that cost nothing yet: people mistype. */
  free: 10,
  /** The first wait; it doubles with each failure after that. */
  first: 1_000,
  longest: 300_000,
  /** After this long without a failure nothing is held against anybody. */
  forget: 900_000,
  /** Between two dear attempts that one waiting address is let have all the same. */
  ration: 100,
  /** Addresses, and keys, of which failures are known. */
  most: 10_000,
} as const

/**
 * The back-off never stands between a credential and its owner. A key is always compared: that costs a microsecond, and its
 * 256 random bits are not found by trying. A token that was verified lately is not verified again, and the signature of one that
 * was not is looked at ten times a second also where an address waits. So whoever shares an address with an attacker, or whose
 * key an attacker tries, gets in; what the attacker gets is AUTH_LIMITED, an answer that costs nothing, and failures that come
 * during a wait do not prolong it.
 */
export interface Failures {
  /** Milliseconds that the address or the key waits; 0: it does not. */
  wait(address: string | undefined, keyId?: string): number
  /** Counts one, unless it came during a wait. */
  count(address: string | undefined, keyId?: string): void
  /** Whether a waiting address may have something dear done now. */
  ration(address: string | undefined): boolean
}

interface Entry {
  failures: number
  failedAt: number
  until: number
  rationedAt: number
}

export function createFailures(clock: Pick<Clock, 'now'>): Failures {
  const addresses = new LRUCache<string, Entry>({ max: FAILURE_LIMITS.most })
  const keys = new LRUCache<string, Entry>({ max: FAILURE_LIMITS.most })
  const find = (table: typeof addresses, name: string | undefined): Entry | undefined => {
    const entry = name === undefined ? undefined : table.get(name)
    if (entry === undefined || clock.now() - entry.failedAt < FAILURE_LIMITS.forget) return entry
    table.delete(name as string)
    return undefined
  }
  const left = (entry: Entry | undefined): number =>
    entry === undefined ? 0 : Math.max(0, entry.until - clock.now())
  const fail = (table: typeof addresses, name: string | undefined): void => {
    if (name === undefined) return
    const now = clock.now()
    const failures = (find(table, name)?.failures ?? 0) + 1
    const until = now + backOff(failures)
    table.set(name, { failures, failedAt: now, until, rationedAt: Number.NEGATIVE_INFINITY })
  }

  return {
    wait: (address, keyId) =>
      Math.max(left(find(addresses, networkOf(address))), left(find(keys, keyId))),
    count(address, keyId) {
      const network = networkOf(address)
      if (left(find(addresses, network)) === 0) fail(addresses, network)
      if (left(find(keys, keyId)) === 0) fail(keys, keyId)
    },
    ration(address) {
      const entry = find(addresses, networkOf(address))
      if (entry === undefined) return true
      if (clock.now() - entry.rationedAt < FAILURE_LIMITS.ration) return false
      entry.rationedAt = clock.now()
      return true
    },
  }
}

function backOff(failures: number): number {
  const { free, first, longest } = FAILURE_LIMITS
  return failures <= free ? 0 : Math.min(longest, first * 2 ** (failures - free - 1))
}

/** What one subscriber has: an IPv4 address, or 64 bits of an IPv6 one. */
export function networkOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = (plain.split('%')[0] ?? '').toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
