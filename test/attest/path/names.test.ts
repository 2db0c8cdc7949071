// Host names, addresses and distinguished names as something to compare.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressBytes, addressText, isDnsName } from '../../../src/attest/path/host.ts'
import { isEmptyName, isSameName, parseName, startsWith } from '../../../src/attest/path/name.ts'
import { expectedHost } from '../../../src/attest/path/named.ts'
import { commonName } from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'

describe('a host name', () => {
  it.each(['localhost', 'a.example', 'A-1.Example.COM', 'xn--n3h.com', '1.example', 'a--b.c', `${'a'.repeat(63)}.example`])('%s is one', (text) => {
    expect(isDnsName(text)).toBe(true)
  }) // biome-ignore format: a row

  it.each(['', '.', 'a.', '.a', 'a..b', '-a.example', 'a-.example', 'under_score.example', '*.example', 'é.example', 'a b', '192.0.2.1', '1', 'a.1', '::1', `${'a'.repeat(64)}.example`, `${'abc.'.repeat(64)}example`, 'a\0.example'])('%j is none', (text) => {
    expect(isDnsName(text)).toBe(false)
  }) // biome-ignore format: a row
})

describe('an address', () => {
  it.each([
    ['192.0.2.1', 'c0000201', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '20010db8000000000000000000000001', '2001:db8::1'],
    ['::', '00000000000000000000000000000000', '::'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201', '::ffff:c000:201'],
  ])('%s is its bytes, and is written in its shortest form', (text, hex, written) => {
    const bytes = addressBytes(text)
    expect(Buffer.from(bytes ?? []).toString('hex')).toBe(hex)
    expect(addressText(bytes ?? new Uint8Array())).toBe(written)
  })

  it.each(['192.0.2', '192.0.2.256', '0x7f.1', '2001:db8::%1', '[::1]', 'localhost'])('%s is none', (text) => {
    expect(addressBytes(text)).toBeUndefined()
  }) // biome-ignore format: a row

  it('is read as it was written', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    fc.assert(
      fc.property(bytes, (address) => {
        expect([...(addressBytes(addressText(address) ?? '') ?? [])]).toEqual([...address])
      }),
    )
    expect(addressText(new Uint8Array(5))).toBeUndefined()
  })

  it('in a URL may stand in brackets', () => {
    expect(expectedHost('[::1]')).toEqual({ kind: 'ip', value: '::1' })
    expect(expectedHost('192.0.2.1')).toEqual({ kind: 'ip', value: '192.0.2.1' })
    expect(expectedHost('files.example')).toEqual({ kind: 'dns', value: 'files.example' })
  })
})

describe('a distinguished name', () => {
  const one = (oid: string, tag: number, text: string) => der.sequence(der.oid(oid), der.text(tag, text)) // biome-ignore format: a row
  const nameOf = (...sets: readonly Buffer[]) => der.sequence(...sets)
  const O = '2.5.4.10'
  const CN = '2.5.4.3'

  it('is the same without regard to case, spaces and the type of string', () => {
    const plain = nameOf(der.set(one(O, 0x13, 'Example Corp')), der.set(one(CN, 0x13, 'Root')))
    const other = nameOf(der.set(one(O, 0x0c, ' EXAMPLE   corp ')), der.set(one(CN, 0x0c, 'ROOT')))
    expect(isSameName(plain, other)).toBe(true)
    expect(isSameName(plain, plain)).toBe(true)
  })

  it('is another one in another order, with more parts or of another attribute', () => {
    const [o, cn] = [der.set(one(O, 0x13, 'a')), der.set(one(CN, 0x13, 'b'))]
    expect(isSameName(nameOf(o, cn), nameOf(cn, o))).toBe(false)
    expect(isSameName(nameOf(o), nameOf(o, cn))).toBe(false)
    expect(isSameName(nameOf(o), nameOf(der.set(one(CN, 0x13, 'a'))))).toBe(false)
  })

  it('with several attributes in one part is the same in either order', () => {
    const [a, b] = [one(O, 0x13, 'a'), one(CN, 0x13, 'b')]
    expect(isSameName(nameOf(der.set(a, b)), nameOf(der.set(b, a)))).toBe(true)
    expect(isSameName(nameOf(der.set(a, b)), nameOf(der.set(a), der.set(b)))).toBe(false)
  })

  it('of other types than text is compared byte for byte', () => {
    const bits = (byte: number) => nameOf(der.set(der.sequence(der.oid(CN), der.bits(Buffer.from([byte]))))) // biome-ignore format: a row
    expect(isSameName(bits(1), bits(1))).toBe(true)
    expect(isSameName(bits(1), bits(2))).toBe(false)
    expect(parseName(bits(1), 'name').text).toBe('CN=?')
  })

  it('is below another one that it begins with', () => {
    const parts = (...texts: readonly string[]) =>
      parseName(nameOf(...texts.map((text) => der.set(one(O, 0x13, text)))), 'name').rdns
    expect(startsWith(parts('a', 'b'), parts('a'))).toBe(true)
    expect(startsWith(parts('a', 'b'), parts())).toBe(true)
    expect(startsWith(parts('a'), parts('a', 'b'))).toBe(false)
    expect(startsWith(parts('b', 'a'), parts('a'))).toBe(false)
  })

  it('may be empty', () => {
    expect([isEmptyName(nameOf()), isEmptyName(commonName('a'))]).toEqual([true, false])
  })

  it.each<[string, Buffer]>([
    ['no UTF-8', nameOf(der.set(der.sequence(der.oid(CN), der.element(0x0c, Buffer.from([0xff])))))],
    ['an empty set', nameOf(der.set())],
    ['another type than expected', der.set()],
    ['more than belongs to it', nameOf(der.set(der.sequence(der.oid(CN), der.null(), der.null())))],
    ['too many attributes', nameOf(...Array.from({ length: 65 }, () => der.set(one(O, 0x13, 'a'))))],
  ])('with %s is refused', (why, bytes) => {
    expect(() => parseName(bytes, 'name')).toThrow(why)
  }) // biome-ignore format: a table
})
