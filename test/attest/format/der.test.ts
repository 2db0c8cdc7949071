// The reader of DER: what was written is read, each other spelling of it is refused, and a refusal is a Denial whatever the bytes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { Der, equalBytes, hexOf, TAG } from '../../../src/attest/format/der.ts'
import { der } from '../../support/der-writer.ts'

const of = (hex: string): Der => new Der(Buffer.from(hex, 'hex'))
const what = 'thing'

describe('an element', () => {
  it('is entered by its tag, and nothing may follow what is finished', () => {
    const list = of('3006020105020107')
    const inside = list.enter(TAG.sequence, what)
    list.finish(what)
    expect([inside.small(what), inside.small(what), inside.isDone, inside.tag]).toEqual([5, 7, true, -1]) // biome-ignore format: a row
    expect(() => of('0201050201').finish(what)).toThrow('thing: more than belongs to it')
    expect(() => of('0500').enter(TAG.sequence, what)).toThrow('thing: another type than expected')
  })

  it('is optional only by its tag, and whole with tag and length', () => {
    const two = of('a003020105')
    expect(two.optional(0xa1, what)).toBeUndefined()
    expect(hexOf(of('a003020105').element(what))).toBe('a003020105')
    expect(two.optional(0xa0, what)?.small(what)).toBe(5)
    expect(hexOf(of('0500ff').rest())).toBe('0500ff')
  })

  it('has the length that it says, in the fewest bytes', () => {
    for (const size of [0, 127, 128, 255, 256, 70_000]) {
      const content = of(der.octets(Buffer.alloc(size, 1)).toString('hex')).octets(what)
      expect(content.length).toBe(size)
    }
  })

  it.each([
    ['3001', 'a length out of bounds'],
    ['30', 'ends early'],
    ['1f8101', 'a tag above 30'],
    ['3080050000', 'indefinite length'],
    ['30810105', 'a length longer than needed'],
    ['3082000105', 'a length longer than needed'],
    ['308500000000010500', 'a length out of bounds'],
    ['3084', 'a length out of bounds'],
    ['3084ffffffff', 'a length out of bounds'],
  ])('%s is none: %s', (hex, why) => {
    expect(() => of(hex).next(what)).toThrow(`thing: ${why}`)
  })
})

describe('values', () => {
  it.each([
    ['boolean', '010102', 'no boolean'],
    ['boolean', '01020000', 'no boolean'],
    ['integer', '0200', 'an empty integer'],
    ['integer', '02020001', 'an integer longer than needed'],
    ['integer', '0202ff80', 'an integer longer than needed'],
    ['small', '020180', 'a number out of bounds'],
    ['small', '02050100000000', 'a number out of bounds'],
    ['oid', '0600', 'no identifier'],
    ['oid', '06028001', 'an identifier longer than needed'],
    ['oid', '06022a81', 'an identifier ends early'],
    ['oid', '060b2affffffffffffffffff7f', 'an identifier out of bounds'],
    ['bitOctets', '03020101', 'bits left over'],
    ['bitOctets', '0300', 'bits left over'],
    ['namedBits', '0300', 'no bit string'],
    ['namedBits', '030108', 'no bit string'],
    ['namedBits', '030101', 'no bit string'],
    ['namedBits', '03020080', 'trailing zero bits'],
    ['namedBits', '03020700', 'trailing zero bits'],
    ['namedBits', '03020781', 'unused bits are set'],
    ['namedBits', '030a00010101010101010101', 'too many bits'],
    ['time', '020101', 'no time'],
    ['time', '170a3236303130313030305a', 'no time in UTC to the second'],
  ] as const)('%s of %s is none: %s', (reader, hex, why) => {
    expect(() => of(hex)[reader](what)).toThrow(`thing: ${why}`)
  })

  it('named bits stand at their index', () => {
    const bits = of('030205a0').namedBits(what)
    expect(bits.flatMap((bit, at) => (bit ? [at] : []))).toEqual([0, 2])
    expect(of('030100').namedBits(what)).toEqual([])
  })

  it('booleans are ff or 00', () => {
    expect([of('0101ff').boolean(what), of('010100').boolean(what)]).toEqual([true, false])
  })

  it.each([
    ['060355040a', '2.5.4.10'],
    ['06092a864886f70d010101', '1.2.840.113549.1.1.1'],
    ['06028837', '2.999'],
    ['060100', '0.0'],
  ])('%s is the identifier %s', (hex, dotted) => {
    expect(of(hex).oid(what)).toBe(dotted)
    expect(hexOf(der.oid('2.5.4.10'))).toBe('060355040a')
  })

  it.each([
    ['490101000000Z', 0x17, '2049-01-01T00:00:00.000Z'],
    ['500101000000Z', 0x17, '1950-01-01T00:00:00.000Z'],
    ['20240229235959Z', 0x18, '2024-02-29T23:59:59.000Z'],
    ['00010101000000Z', 0x18, '0001-01-01T00:00:00.000Z'],
  ])('%s is a time', (text, tag, iso) => {
    expect(new Date(new Der(der.text(tag, text)).time(what)).toISOString()).toBe(iso)
  })

  it.each([
    ['230229000000Z', 0x17],
    ['231301000000Z', 0x17],
    ['231200000000Z', 0x17],
    ['230101240000Z', 0x17],
    ['230101006000Z', 0x17],
    ['230101000060Z', 0x17],
    ['2301010000Z', 0x17],
    ['230101000000+0100', 0x17],
    ['20230101000000.5Z', 0x18],
    ['20230101000000', 0x18],
  ])('%s is no time', (text, tag) => {
    expect(() => new Der(der.text(tag, text)).time(what)).toThrow(/no date|no time in UTC/)
  })

  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.uint8Array({ maxLength: 300 }), (number, bytes) => {
        const written = new Der(der.sequence(der.integer(number), der.octets(bytes)))
        const inside = written.enter(TAG.sequence, what)
        expect(inside.small(what)).toBe(number)
        expect(equalBytes(inside.octets(what), bytes)).toBe(true)
        inside.finish(what)
      }),
    )
  })

  it('times are read as they were written', () => {
    const times = fc.integer({ min: Date.UTC(1950, 0) / 1000, max: Date.UTC(9999, 11, 31) / 1000 })
    fc.assert(
      fc.property(times, (seconds) => {
        expect(new Der(der.time(seconds * 1000)).time(what)).toBe(seconds * 1000)
      }),
    )
  })
})

it('whatever the bytes, there is a value or a Denial, and nothing outside the window is read', () => {
  const readers = ['boolean', 'integer', 'small', 'oid', 'octets', 'bitOctets', 'namedBits', 'time', 'element', 'next'] as const // biome-ignore format: a row
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...readers), (bytes, reader) => {
      const window = new Der(Buffer.concat([bytes, Buffer.alloc(300)]), 0, bytes.length)
      try {
        window[reader](what)
        expect(window.at).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        expect(error).toBeInstanceOf(Denial)
      }
    }),
  )
})
