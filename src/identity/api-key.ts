// What an API key looks like, how one is made and told from others; where keys are kept is elsewhere.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * `pcl_<id>_<secret><checksum>`. The prefix is for scanners of leaked secrets; the secret is 256 random bits in 43 characters of
 * base 62; the checksum is CRC-32 of all before it in 6, so that a mistyped key is told without a look at any other.
 */
const FORMAT = /^pcl_([a-z0-9][a-z0-9-]{2,31})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
export const KEY_PREFIX = 'pcl_'
const SECRET_BYTES = 32
const SECRET_LENGTH = 43
const CHECKSUM_LENGTH = 6

/** A key as it is kept. The secret is not in it. */
export interface StoredKey {
  readonly id: string
  /** `sha256:` and hexadecimal digits. One round is enough: 256 random bits are not guessed, however fast the hash is. */
  readonly hash: string
  readonly principal: string
  readonly kind: 'user' | 'service'
  readonly roles: readonly string[]
  readonly tenant: string | undefined
  /** Rights, with * a glob; undefined: all that the roles give. */
  readonly scopes: readonly string[] | undefined
  /** Milliseconds since the epoch. */
  readonly expires: number | undefined
  readonly revoked: boolean
}

/** Where keys are found. The registry adds the dynamic ones. */
export interface KeyDirectory {
  find(id: string): StoredKey | undefined
}

export interface NewKey {
  /** Shown to its owner once, and kept by nobody. */
  readonly key: string
  readonly hash: string
}

/** A new key of this id. `random` gives as many bytes as it is asked for, of a generator fit for keys. */
export function mintKey(id: string, random: (bytes: number) => Uint8Array = randomBytes): NewKey {
  const number = BigInt(`0x${Buffer.from(random(SECRET_BYTES)).toString('hex')}`)
  const stem = `${KEY_PREFIX}${id}_${base62(number, SECRET_LENGTH)}`
  const key = stem + checksum(stem)
  if (!FORMAT.test(key)) throw new RangeError('an id of a key is 3 to 32 of a-z, 0-9 and -')
  return { key, hash: hashKey(key) }
}

/** The id of a key that is well formed, or undefined. Says nothing about whether there is such a key. */
export function keyIdOf(key: string): string | undefined {
  const id = FORMAT.exec(key)?.[1]
  const stem = key.slice(0, -CHECKSUM_LENGTH)
  return id !== undefined && key.endsWith(checksum(stem)) ? id : undefined
}

export function hashKey(key: string): string {
  return `sha256:${hash('sha256', key, 'hex')}`
}

// compared with where there is no key of the id, so that this takes as long
const NO_HASH = `sha256:${'0'.repeat(64)}`

/** Whether it is this very key. Takes the same time for each answer, and also without a stored key. */
export function isKey(key: string, stored: StoredKey | undefined): boolean {
  const expected = Buffer.from(stored?.hash ?? NO_HASH, 'latin1')
  const given = Buffer.from(hashKey(key), 'latin1')
  return (
    expected.length === given.length && timingSafeEqual(expected, given) && stored !== undefined
  )
}

function checksum(stem: string): string {
  return base62(BigInt(crc32(stem)), CHECKSUM_LENGTH)
}

function base62(number: bigint, length: number): string {
  let text = ''
  for (let rest = number; rest > 0n; rest /= 62n) text = DIGITS.charAt(Number(rest % 62n)) + text
  return text.padStart(length, '0')
}
