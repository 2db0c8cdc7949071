// What the mutations are made of: a wrong tool would prove nothing about a verifier.
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  DER_FORM,
  flipBit,
  flips,
  ORDER,
  placeOf,
  replaceAt,
  sideBySide,
  twin,
  wrongLengths,
  wrongNonces,
  wrongSignatures,
} from './mutate.ts'

const CURVES = [
  ['P-256', 'sha256', 32],
  ['P-384', 'sha384', 48],
] as const
const data = Buffer.from('signed')

describe.each(CURVES)('a signature over %s', (curve, hash, width) => {
  const { privateKey, publicKey: key } = generateKeyPairSync('ec', { namedCurve: curve })
  describe.each([
    ['ieee-p1363', sideBySide(width)],
    ['der', DER_FORM],
  ] as const)('in the form %s', (dsaEncoding, form) => {
    const good = sign(hash, data, { key: privateKey, dsaEncoding })
    const holds = (bytes: Uint8Array) => verify(hash, data, { key, dsaEncoding }, bytes)

    it('is read and written as it was', () => {
      expect(Buffer.from(form.write(form.read(good)))).toEqual(good)
    })

    it('has a twin that holds and is another', () => {
      const other = twin(form, ORDER[curve], good)
      expect(holds(other)).toBe(true)
      expect(Buffer.from(other).equals(good)).toBe(false)
    })

    it('does not hold in any of its wrong forms', () => {
      const wrong = wrongSignatures(form, ORDER[curve], good)
      expect(wrong).toHaveLength(8)
      expect(wrong.filter(({ bytes }) => holds(bytes))).toEqual([])
    })
  })
})

it('little endian is the same numbers the other way round', () => {
  const bytes = Uint8Array.of(1, 0, 0, 2, 0, 0)
  expect(sideBySide(3, 'little').read(bytes)).toEqual({ r: 1n, s: 2n })
  expect(sideBySide(3, 'little').write({ r: 1n, s: 2n })).toEqual(bytes)
})

it('a flip changes one bit, and flips stay within their part', () => {
  expect(flipBit(Uint8Array.of(0, 0), 9)).toEqual(Uint8Array.of(0, 2))
  expect(() => flipBit(new Uint8Array(1), 8)).toThrow('there is no bit 8')
  const made = flips(new Uint8Array(10), 'the middle', 2, 8)
  expect(made.map(({ name }) => name)).toEqual([
    'a bit of the middle at 0 of 6',
    'a bit of the middle at 3 of 6',
    'a bit of the middle at 5 of 6',
  ])
  for (const { bytes } of made) expect(bytes.slice(2, 8).some((byte) => byte !== 0)).toBe(true)
})

it('lengths and nonces are near to what they were and never the same', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  for (const wrong of [...wrongLengths(bytes), ...wrongNonces(bytes)])
    expect([...wrong.bytes]).not.toEqual([1, 2, 3])
})

it('a part is found where it stands once, and put there', () => {
  const bytes = Uint8Array.of(1, 2, 3, 2)
  expect(placeOf(bytes, Uint8Array.of(2, 3))).toBe(1)
  expect(() => placeOf(bytes, Uint8Array.of(2))).toThrow('not there once')
  expect(replaceAt(bytes, 1, Uint8Array.of(7, 8))).toEqual(Uint8Array.of(1, 7, 8, 2))
})
