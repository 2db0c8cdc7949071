// The binder: literal vectors computed with another SHA-512, and that no two bindings are one.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Binding, binderOf, encodeBinding } from '../../../src/attest/freshness/binder.ts'

const bytes = (from: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, n) => from + n)
const FILES: Binding = {
  nonce: bytes(0),
  spkiSha256: bytes(32),
  serverId: 'spiffe://prod.example/mcp/files',
  targetUrl: 'https://files.mcp.prod.example/mcp',
}
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex')

describe('a binder', () => {
  it('is over the domain, the nonce, the key and each text after its length', () => {
    expect(hex(encodeBinding({ ...FILES, serverId: 'a', targetUrl: 'b' }))).toBe(
      '706f727463756c6c69732d6174742d763100' +
        '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f' +
        '202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f' +
        '00000001610000000162',
    )
  })

  it('bound to the key alone is this', () => {
    expect(hex(binderOf(FILES))).toBe(
      '33381b81eee6d16612b8ebe19d877ebb188f5ae6c79ff3ba2a36e9a8cbd3f0d5' +
        'c294906223122fef240890ca618411abedd547fd9c7cd416fbbe4ad5a02811b5',
    )
  })

  it('bound to the connection, too, is this', () => {
    expect(hex(binderOf({ ...FILES, exporter: bytes(64) }))).toBe(
      '693518a702eee632e4fc4eea88ef00b8e5655a44a4533606e73768875f8a0542' +
        '55f8c88c82c835a51318423955b077efd0eda843603d063aa0be2870c1e9c97e',
    )
  })

  it('counts a text in bytes, not in characters, and takes an empty one', () => {
    expect(hex(binderOf({ ...FILES, serverId: 'dät', targetUrl: '' }))).toBe(
      '504d40f0134021d5625715e882c7b5129c5f5dbfe556849a34a1c75859673170' +
        'cfd60c4c3dc878af509f2c302a5a5944086a2f6a4ff8c69a45c7811960a82a08',
    )
  })

  it('is of nothing that has another length or half a character', () => {
    const wrong: Partial<Binding>[] = [
      { nonce: new Uint8Array(31) },
      { nonce: new Uint8Array(33) },
      { spkiSha256: new Uint8Array(20) },
      { exporter: new Uint8Array(0) },
      { exporter: new Uint8Array(64) },
      { serverId: '\ud800' },
      { targetUrl: 'https://a.example/\udc00' },
    ]
    for (const each of wrong)
      expect(() => binderOf({ ...FILES, ...each })).toThrow(/^the .* of a binder /)
  })

  it('of two different bindings is never encoded alike', () => {
    const key = fc.constantFrom(bytes(0), bytes(1))
    // few characters, and those of a length prefix among them, so that boundaries are what differs
    const text = fc.string({ unit: fc.constantFrom('\0', '\u0001', 'a', 'ä'), maxLength: 6 })
    const binding: fc.Arbitrary<Binding> = fc.record(
      {
        nonce: key,
        spkiSha256: key,
        serverId: text,
        targetUrl: fc.oneof(text, fc.constant('\0'.repeat(32))),
        exporter: key,
      },
      { requiredKeys: ['nonce', 'spkiSha256', 'serverId', 'targetUrl'] },
    )
    const told = ({ nonce, spkiSha256, serverId, targetUrl, exporter }: Binding) =>
      JSON.stringify([hex(nonce), hex(spkiSha256), serverId, targetUrl, exporter && hex(exporter)])
    fc.assert(
      fc.property(binding, binding, (left, right) => {
        const alike = hex(encodeBinding(left)) === hex(encodeBinding(right))
        expect(alike).toBe(told(left) === told(right))
      }),
      { numRuns: 2000, seed: 6 },
    )
  })

  it('of one text that is cut at two places is two', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(), fc.nat(), (text, one, other) => {
        const [a, b] = [one % (text.length + 1), other % (text.length + 1)]
        const cut = (at: number) =>
          hex(encodeBinding({ ...FILES, serverId: text.slice(0, at), targetUrl: text.slice(at) }))
        expect(cut(a) === cut(b)).toBe(a === b)
      }),
      { numRuns: 500, seed: 6 },
    )
  })

  it('is another for each thing that it is over', () => {
    const all = [
      FILES,
      { ...FILES, nonce: bytes(1) },
      { ...FILES, spkiSha256: bytes(1) },
      { ...FILES, serverId: 'spiffe://prod.example/mcp/file' },
      { ...FILES, targetUrl: 'https://files.mcp.prod.example/mcp/' },
      { ...FILES, serverId: FILES.targetUrl, targetUrl: FILES.serverId },
      { ...FILES, exporter: bytes(0) },
      { ...FILES, exporter: bytes(1) },
    ]
    expect(new Set(all.map((each) => hex(binderOf(each)))).size).toBe(all.length)
  })
})
