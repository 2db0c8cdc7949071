// API keys as texts: what one looks like, that it is told from others, and that no other text is one.
import { createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashKey, isKey, keyIdOf, mintKey, type StoredKey } from '../../src/identity/api-key.ts'
import { expiryOf } from '../../src/identity/declared.ts'

const bytes = (seed: number) => () =>
  Uint8Array.from({ length: 32 }, (_, at) => (at * 7 + seed) & 255)
const stored = (hash: string): StoredKey => ({
  id: 'ci-1',
  hash,
  principal: 'ci',
  kind: 'service',
  roles: [],
  tenant: undefined,
  scopes: undefined,
  expires: undefined,
  revoked: false,
})

describe('an API key', () => {
  it('has a prefix for scanners, its id, 256 random bits and a checksum', () => {
    const { key, hash } = mintKey('ci-1', bytes(1))
    expect(key).toBe('pcl_ci-1_0FAE0br7FNXNSiMwMIFF0C1t0KyYFUbUOkYEl9j0BPm105Dlp')
    expect(hash).toBe(`sha256:${createHash('sha256').update(key).digest('hex')}`)
    expect(keyIdOf(key)).toBe('ci-1')
  })

  it('has as many characters whatever the random bits are', () => {
    const lengths = [new Uint8Array(32), new Uint8Array(32).fill(255), randomBytes(32)].map(
      (random) => mintKey('ci-1', () => random).key.length,
    )
    expect(lengths).toEqual([58, 58, 58])
  })

  it('is told from every other, and from the key of nobody', () => {
    const { key, hash } = mintKey('ci-1')
    const other = mintKey('ci-1')
    expect(isKey(key, stored(hash))).toBe(true)
    expect(isKey(other.key, stored(hash))).toBe(false)
    expect(isKey(key, undefined)).toBe(false)
    expect(isKey(key, stored('sha256:short'))).toBe(false)
    expect(hashKey(key)).toBe(hash)
  })

  it('with one character changed, added or missing is none, without a look at any key', () => {
    const { key } = mintKey('ci-1', bytes(2))
    const place = fc.integer({ min: 0, max: key.length - 1 })
    const character = fc.constantFrom(...'0aZ_-. é\n')
    fc.assert(
      fc.property(place, character, (at, put) => {
        const changed = key.slice(0, at) + put + key.slice(at + 1)
        if (changed !== key) expect(keyIdOf(changed)).toBeUndefined()
        expect(keyIdOf(key.slice(0, at) + put + key.slice(at))).toBeUndefined()
        expect(keyIdOf(key.slice(0, at) + key.slice(at + 1))).toBeUndefined()
      }),
    )
  })

  it('is made only for an id that can be found in it', () => {
    for (const id of ['', 'a', 'Ab1', 'a_b', 'a'.repeat(33), 'a b'])
      expect(() => mintKey(id)).toThrow('an id of a key is 3 to 32 of a-z, 0-9 and -')
  })
})

it('a key ends at the begin of a day or at a time, in UTC, on days that there are', () => {
  expect(expiryOf('2027-01-31')).toBe(Date.UTC(2027, 0, 31))
  expect(expiryOf('2027-01-31T12:30Z')).toBe(Date.UTC(2027, 0, 31, 12, 30))
  for (const text of ['2027-02-31', '2027-13-01', 'soon', ''])
    expect(expiryOf(text)).toBeUndefined()
})
