// COSE_Sign1 with ES384: what is signed is what was received, and nothing beside it counts.
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { isSign1Signed, readSign1 } from '../../../src/attest/format/cose.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ES384 = Buffer.from('a1013822', 'hex')
const payload = Buffer.from('a0', 'hex')
const bstr = (content: Uint8Array) =>
  content.length < 24
    ? Buffer.from([0x40 | content.length, ...content])
    : Buffer.from([0x58, content.length, ...content])
const structure = (header: Uint8Array) =>
  Buffer.concat([Buffer.from('846a5369676e617475726531', 'hex'), bstr(header), bstr(Buffer.alloc(0)), bstr(payload)]) // biome-ignore format: one line
const signatureOf = (header: Uint8Array) =>
  sign('sha384', structure(header), { key: privateKey, dsaEncoding: 'ieee-p1363' })
const message = (header: Uint8Array, unprotected = 'a0', signature = signatureOf(header)) =>
  Buffer.concat([Buffer.of(0x84), bstr(header), Buffer.from(unprotected, 'hex'), bstr(payload), bstr(signature)]) // biome-ignore format: one line

const refusal = (bytes: Uint8Array) => {
  try {
    readSign1(bytes, 'document')
  } catch (error) {
    if (error instanceof Denial) return `${error.reason} ${error.detail}`
    throw error
  }
  return undefined
}

describe('a message', () => {
  it('is read, with or without its tag, and its signature holds', () => {
    for (const tag of ['', 'd2']) {
      const read = readSign1(Buffer.concat([Buffer.from(tag, 'hex'), message(ES384)]), 'document')
      expect(Buffer.from(read.payload)).toEqual(payload)
      expect(Buffer.from(read.signed)).toEqual(structure(ES384))
      expect(isSign1Signed(read, publicKey)).toBe(true)
    }
  })

  it('is signed with the header as it was received, of whatever form', () => {
    const indefinite = Buffer.from('bf013822ff', 'hex')
    expect(isSign1Signed(readSign1(message(indefinite), 'document'), publicKey)).toBe(true)
    const other = message(indefinite, 'a0', signatureOf(ES384))
    expect(isSign1Signed(readSign1(other, 'document'), publicKey)).toBe(false)
  })

  it('holds under no other key, and under no key of another kind', () => {
    const read = readSign1(message(ES384), 'document')
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    expect(isSign1Signed(read, other.publicKey)).toBe(false)
    expect(isSign1Signed(read, rsa.publicKey)).toBe(false)
  })
})

describe('an algorithm that is not ES384 in the protected header is refused', () => {
  const weak = 'evidence.weak_algorithm document: not ES384 in the protected header'
  it.each([
    ['ES256', 'a10126', 'a0'],
    ['ES512', 'a1013823', 'a0'],
    ['none', 'a0', 'a0'],
    ['only beside it', 'a0', 'a1013822'],
    ['only beside an empty header', '', 'a1013822'],
    ['as a text', 'a101654553333834', 'a0'],
    ['beside it', 'a10126', 'a1013822'],
  ])('%s', (_, header, unprotected) => {
    expect(refusal(message(Buffer.from(header, 'hex'), unprotected))).toBe(weak)
  })
})

describe('what is no COSE_Sign1 is refused', () => {
  const plain = message(ES384)
  it.each([
    ['another tag', Buffer.concat([Buffer.of(0xd1), plain]), 'not the four parts of COSE_Sign1'],
    ['a map', Buffer.from('a0', 'hex'), 'not the four parts of COSE_Sign1'],
    ['three parts', Buffer.from('8340a040', 'hex'), 'not the four parts of COSE_Sign1'],
    ['no bytes', Buffer.from('84f6a04040', 'hex'), 'a part of COSE_Sign1 is of another type'],
    ['no map', Buffer.from('8440804040', 'hex'), 'a part of COSE_Sign1 is of another type'],
    ['detached', Buffer.from('8440a0f640', 'hex'), 'a part of COSE_Sign1 is of another type'],
    ['no signature', Buffer.from('8440a040f6', 'hex'), 'a part of COSE_Sign1 is of another type'],
    ['a header that is no map', message(Buffer.of(0x80)), 'the protected header is no map'],
    [
      'a critical header',
      message(Buffer.from('a20138220281182a', 'hex')),
      'a critical header that is not known here',
    ],
    ['a header twice', message(ES384, 'a1013822'), 'a header both protected and not'],
    ['a short signature', message(ES384, 'a0', Buffer.alloc(95)), 'length of the signature'],
    ['an empty one', message(ES384, 'a0', Buffer.alloc(0)), 'length of the signature'],
    ['more', Buffer.concat([plain, Buffer.of(0)]), 'bytes after its end'],
  ])('%s', (_, bytes, detail) => {
    expect(refusal(bytes)).toBe(`evidence.malformed document: ${detail}`)
  })
})
