// CBOR as attestation documents use it: the vectors of RFC 8949 appendix A within that part, and refusals outside of it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { CborTag, type CborValue, readCbor } from '../../../src/attest/format/cbor.ts'

const read = (hex: string) => readCbor(Buffer.from(hex, 'hex'), 'document')
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const refusal = (run: () => unknown): [string, string | undefined] | undefined => {
  try {
    run()
  } catch (error) {
    if (error instanceof Denial) return [error.reason, error.detail]
    throw error
  }
  return undefined
}

const APPENDIX_A: readonly (readonly [string, CborValue])[] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1000000],
  ['1b000000e8d4a51000', 1000000000000],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['f7', undefined],
  ['c11a514b67b0', new CborTag(1, 1363896240)],
  ['c074323031332d30332d32315432303a30343a30305a', new CborTag(0, '2013-03-21T20:04:00Z')],
  ['d74401020304', new CborTag(23, bytes('01020304'))],
  ['d818456449455446', new CborTag(24, bytes('6449455446'))],
  [
    'd82076687474703a2f2f7777772e6578616d706c652e636f6d',
    new CborTag(32, 'http://www.example.com'),
  ],
  ['40', bytes('')],
  ['4401020304', bytes('01020304')],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '𐅑'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  [
    '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
    Array.from({ length: 25 }, (_, i) => i + 1),
  ],
  ['a0', new Map()],
  ['a201020304', new Map([[1, 2], [3, 4]])],
  ['a26161016162820203', new Map<string, CborValue>([['a', 1], ['b', [2, 3]]])],
  ['826161a161626163', ['a', new Map([['b', 'c']])]],
  [
    'a56161614161626142616361436164614461656145',
    new Map([['a', 'A'], ['b', 'B'], ['c', 'C'], ['d', 'D'], ['e', 'E']]),
  ],
  ['9fff', []],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['9f01820203820405ff', [1, [2, 3], [4, 5]]],
  ['83018202039f0405ff', [1, [2, 3], [4, 5]]],
  ['83019f0203ff820405', [1, [2, 3], [4, 5]]],
  [
    '9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff',
    Array.from({ length: 25 }, (_, i) => i + 1),
  ],
  ['bf61610161629f0203ffff', new Map<string, CborValue>([['a', 1], ['b', [2, 3]]])],
  ['826161bf61626163ff', ['a', new Map([['b', 'c']])]],
  ['bf6346756ef563416d7421ff', new Map<string, CborValue>([['Fun', true], ['Amt', -2]])],
] // biome-ignore format: a row is a vector

it.each(APPENDIX_A)('%s is read as RFC 8949 appendix A has it', (hex, value) => {
  expect(normal(read(hex))).toEqual(normal(value))
})

/** Buffers and arrays of bytes are compared by content. */
function normal(value: CborValue): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (value instanceof Map) return new Map([...value].map(([key, inner]) => [key, normal(inner)]))
  if (Array.isArray(value)) return value.map(normal)
  return value instanceof CborTag ? { tag: value.tag, value: normal(value.value) } : value
}

describe('what is CBOR and not in use here is refused', () => {
  it.each([
    ['1bffffffffffffffff', 'a number out of bounds'],
    ['3bffffffffffffffff', 'a number out of bounds'],
    ['f90000', 'a float or simple value that is not in use here'],
    ['fb3ff199999999999a', 'a float or simple value that is not in use here'],
    ['f0', 'a float or simple value that is not in use here'],
    ['f8ff', 'a float or simple value that is not in use here'],
    ['5f42010243030405ff', 'a length that is not in use here'],
    ['7f657374726561646d696e67ff', 'a length that is not in use here'],
    ['a1f501', 'a key that is neither text nor number'],
    ['a1410101', 'a key that is neither text nor number'],
  ])('%s', (hex, detail) => {
    expect(refusal(() => read(hex))).toEqual(['evidence.malformed', `document: ${detail}`])
  })
})

describe('what is no CBOR, or not in its one form, is refused', () => {
  it.each([
    ['', 'ends early'],
    ['18', 'ends early'],
    ['1b0000', 'ends early'],
    ['44010203', 'a length out of bounds'],
    ['9b000fffffffffffff', 'a length out of bounds'],
    ['ba00010000', 'a length out of bounds'],
    ['8201', 'a length out of bounds'],
    ['a101', 'ends early'],
    ['9f01', 'ends early'],
    ['bf01ff', 'a float or simple value that is not in use here'],
    ['ff', 'a float or simple value that is not in use here'],
    ['1c', 'a length that is not in use here'],
    ['1f', 'a length that is not in use here'],
    ['df00', 'a length that is not in use here'],
    ['62c328', 'a text that is not UTF-8'],
    ['63eda080', 'a text that is not UTF-8'],
    ['1817', 'a number longer than needed'],
    ['190018', 'a number longer than needed'],
    ['1a0000ffff', 'a number longer than needed'],
    ['1b00000000ffffffff', 'a number longer than needed'],
    ['580100', 'a number longer than needed'],
    ['0000', 'bytes after its end'],
    ['a20102' + '0103', 'a key twice'],
    ['bf' + '616101' + '616102' + 'ff', 'a key twice'],
  ])('%s', (hex, detail) => {
    expect(refusal(() => read(hex))).toEqual(['evidence.malformed', `document: ${detail}`])
  })
})

describe('bounds', () => {
  it('of depth: nine containers are too many', () => {
    expect(read(`${'81'.repeat(8)}00`)).toBeDefined()
    expect(refusal(() => read(`${'81'.repeat(9)}00`))?.[0]).toBe('evidence.too_large')
    expect(refusal(() => read(`${'c1'.repeat(9)}00`))?.[0]).toBe('evidence.too_large')
    expect(refusal(() => read('81'.repeat(16_000)))?.[0]).toBe('evidence.too_large')
  })

  it('of size: 16 KiB and no more', () => {
    const whole = (length: number) => Buffer.concat([Buffer.from([0x59, length >> 8, length & 255]), Buffer.alloc(length)]) // biome-ignore format: one line
    expect(readCbor(whole(16_381), 'document')).toHaveLength(16_381)
    expect(refusal(() => readCbor(whole(16_382), 'document'))).toEqual([
      'evidence.too_large',
      'document',
    ])
  })

  it('may be set', () => {
    expect(refusal(() => readCbor(bytes('8100'), 'x', { bytes: 9, depth: 0 }))?.[0]).toBe(
      'evidence.too_large',
    )
  })
})

it('a key is one of its kind: the text 1 is not the number 1', () => {
  expect([...(read('a2' + '0102' + '613103') as Map<number | string, CborValue>)]).toEqual([
    [1, 2],
    ['1', 3],
  ])
})

it('whatever the bytes, nothing but a denial is thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
      refusal(() => readCbor(input, 'document'))
    }),
  )
})
