// CMS and the BER it comes in: what is signed is what the attributes say, by the certificate that the signer names.

import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toDer } from '../../../src/attest/format/ber.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { assertCmsSigned, isNamedBy, parseSignedData } from '../../../src/attest/format/cms.ts'
import { der } from '../../support/der-writer.ts'
import { denialOf, reasonOf } from '../denials.ts'
import { ecKeys, issue, rsaKeys } from '../synthetic/authority.ts'
import { attributesOf, type CmsWish, SHA256, signedData } from '../synthetic/cms.ts'
import '../../support/property.ts'

const FIXTURES = new URL('../../fixtures/attestation/aws-iid/', import.meta.url)
const fixture = (name: string): Buffer => readFileSync(new URL(name, FIXTURES))
const SIGNER = issue({ name: 'signer', keys: rsaKeys(), serial: 11 })
const OTHER = issue({ name: 'signer', keys: rsaKeys(), serial: 12 })
const CONTENT = Buffer.from('{"a":1}')
const certificate = Certificate.parse(SIGNER.der)

function check(wish: Partial<CmsWish>, by = certificate): string {
  return denialOf(() => {
    const bytes = signedData({ content: CONTENT, signer: SIGNER, ...wish })
    const data = parseSignedData(toDer(bytes, 'cms'), 'cms')
    expect(Buffer.from(data.content)).toEqual(wish.content ?? CONTENT)
    assertCmsSigned(data, by, 'cms')
  })
}

describe('BER', () => {
  test('becomes DER, whatever way its lengths are written', () => {
    const written = der.sequence(der.octets(Buffer.from('abcd')), der.integer(1))
    const pieces = der.indefinite(0x24, der.octets(Buffer.from('ab')), der.indefinite(0x24, der.octets(Buffer.from('cd')))) // biome-ignore format: one line
    expect(toDer(der.indefinite(0x30, pieces, der.integer(1)), 'it')).toEqual(written)
    expect(toDer(Buffer.concat([Buffer.of(0x30, 0x82, 0, 9), written.subarray(2)]), 'it')).toEqual(
      written,
    )
  })

  test('that is DER stays as it is', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array(), (a, b) => {
        const written = der.sequence(
          der.octets(a),
          der.explicit(0, der.set(der.octets(b), der.element(0x0c, a))),
        )
        expect(toDer(written, 'it')).toEqual(written)
      }),
    ))

  test.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a length out of bounds', '300501'],
    ['a length of too many octets', '3089000000000000000001'],
    ['an end where nothing began', '0000'],
    ['no end', '3080020101'],
    ['half an end', '308002010100'],
    ['an end that reaches out of what it is in', '3004308002010100000000'],
    ['a value of indefinite length', '04800000'],
    ['a tag above 30', '1f0101'],
    ['more than belongs to it', '02010100'],
    ['a piece of another type', '2480020101' + '0000'],
    ['a bit string within pieces', '240303010a'],
  ])('is not %s', (_, hex) =>
    expect(reasonOf(() => toDer(Buffer.from(hex, 'hex'), 'it'))).toBe('evidence.malformed'),
  )

  test('is not deep, long or large without end', () => {
    expect(denialOf(() => toDer(Buffer.alloc(60_000, Buffer.of(0x30, 0x80)), 'it'))).toBe('evidence.budget: it: depth') // biome-ignore format: one line
    const many = der.indefinite(0x30, Buffer.alloc(10_000, Buffer.of(0x05, 0x00)))
    expect(denialOf(() => toDer(many, 'it'))).toBe('evidence.budget: it: elements')
    expect(reasonOf(() => toDer(Buffer.alloc(64 * 1024 + 1), 'it'))).toBe('evidence.too_large')
  })

  test('of AWS has the document inside, signed as RFC 5652 says, by an algorithm that is too weak', () => {
    const der = toDer(Buffer.from(fixture('jnewbigin-2018.pkcs7.b64').toString(), 'base64'), 'cms')
    const text = Buffer.from(der)
    const document = fixture('jnewbigin-2018.document.json')
    expect(text.includes(document)).toBe(true)
    expect(denialOf(() => parseSignedData(der, 'cms'))).toBe('evidence.weak_algorithm: cms: digest')
    // that it is genuine: attributes as a SET, over the digest of the document
    const at = text.indexOf(Buffer.from('a05d3018', 'hex'))
    const attributes = Buffer.from(text.subarray(at, at + 2 + 0x5d))
    attributes[0] = 0x31
    const signature = text.subarray(text.length - 46)
    const key = createPublicKey(fixture('aws-public-regions-dsa.pem'))
    expect(attributes.includes(createHash('sha1').update(document).digest())).toBe(true)
    expect(verify('sha1', attributes, key, signature)).toBe(true)
  })
})

describe('SignedData', () => {
  test.each([
    ['DER', {}],
    ['BER', { isBer: true }],
    ['with certificates', { certificates: [OTHER, SIGNER] }],
    ['with digests without parameters', { digest: der.sequence(der.oid('2.16.840.1.101.3.4.2.1')) }],
    ['with sha256WithRSAEncryption', { algorithm: der.sequence(der.oid('1.2.840.113549.1.1.11'), der.null()) }],
    ['with further attributes', { attributes: [...attributesOf(CONTENT), der.sequence(der.oid('1.2.3'), der.set())] }],
  ])('holds: %s', (_, wish) => expect(check(wish)).toBe('none')) // biome-ignore format: a table

  test('names its signer by issuer and serial, or by key identifier', () => {
    const named = (wish: Partial<CmsWish>, by: Buffer) => {
      const bytes = signedData({ content: CONTENT, signer: SIGNER, ...wish })
      return isNamedBy(parseSignedData(bytes, 'cms').signer, Certificate.parse(by))
    }
    expect(named({}, SIGNER.der)).toBe(true)
    expect(named({}, OTHER.der)).toBe(false)
    expect(named({ named: OTHER }, OTHER.der)).toBe(true)
    expect(named({ keyIdentifier: Buffer.from('abc') }, SIGNER.der)).toBe(false)
    const amazon = readFileSync(new URL('../gcp/confidential-space-root.pem', FIXTURES), 'utf8')
    const root = Buffer.from(amazon.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    const keyIdentifier = Buffer.from('17e7c1384e93875b27a4abaf21be92f3f9ad3cbe', 'hex')
    expect(named({ keyIdentifier }, root)).toBe(true)
  })

  const [contentType, messageDigest] = attributesOf(CONTENT) as [Buffer, Buffer]
  test.each([
    ['no attributes', { attributes: null }, 'evidence.malformed: cms: no signed attributes'],
    ['an empty set of attributes', { attributes: [] }, 'evidence.malformed: cms: signed attributes: contentType'],
    ['no digest', { attributes: [contentType] }, 'evidence.malformed: cms: signed attributes: messageDigest'],
    ['no content type', { attributes: [messageDigest] }, 'evidence.malformed: cms: signed attributes: contentType'],
    ['an attribute twice', { attributes: [contentType, messageDigest, messageDigest] }, 'evidence.malformed: cms: signed attributes: one twice'],
    ['a digest of other content', { attributes: attributesOf(Buffer.from('{}')) }, 'evidence.signature: cms: messageDigest'],
    ['another version', { version: 3 }, 'evidence.malformed: cms: version'],
    ['another version of the signer', { signerVersion: 3 }, 'evidence.malformed: cms: signerInfo: version'],
    ['no list of digests', { digests: [] }, 'evidence.malformed: cms: ends early'],
    ['a digest twice', { digests: [SHA256, SHA256] }, 'evidence.malformed: cms: digestAlgorithms'],
    ['another digest in the list', { digests: [der.sequence(der.oid('2.16.840.1.101.3.4.2.2'), der.null())] }, 'evidence.malformed: cms: digestAlgorithms'],
    ['parameters of a digest', { digest: der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), der.integer(1)) }, 'evidence.malformed: cms: parameters'],
    ['parameters of a key', { algorithm: der.sequence(der.oid('1.2.840.113549.1.1.1'), der.integer(1)) }, 'evidence.malformed: cms: parameters'],
    ['two signers', { signers: 2 }, 'evidence.malformed: cms: one signer: more than belongs to it'],
    ['no signer', { signers: 0 }, 'evidence.malformed: cms: signerInfo: ends early'],
    ['SHA-1', { digest: der.sequence(der.oid('1.3.14.3.2.26'), der.null()) }, 'evidence.weak_algorithm: cms: digest'],
    ['MD5', { digest: der.sequence(der.oid('1.2.840.113549.2.5'), der.null()) }, 'evidence.weak_algorithm: cms: digest'],
    ['two digests', { algorithm: der.sequence(der.oid('1.2.840.113549.1.1.12'), der.null()) }, 'evidence.malformed: cms: two digests'],
    ['a key of another kind', { algorithm: der.sequence(der.oid('1.2.840.10045.4.3.2')) }, 'evidence.signature: cms'],
    ['an algorithm that is not known', { algorithm: der.sequence(der.oid('1.2.840.10040.4.1')) }, 'evidence.weak_algorithm: cms: 1.2.840.10040.4.1 is not in use here'],
    ['nine certificates', { certificates: Array(9).fill(SIGNER) }, 'evidence.budget: cms: certificates'],
    ['33 attributes', { attributes: Array.from({ length: 33 }, (_, i) => der.sequence(der.oid(`1.2.${i}`), der.set())) }, 'evidence.budget: cms: signed attributes'],
  ])('does not hold with %s', (_, wish, why) => expect(check(wish as Partial<CmsWish>)).toBe(why)) // biome-ignore format: a table

  test('does not hold by another certificate, nor by a key of 1024 bits', () => {
    expect(check({}, Certificate.parse(OTHER.der))).toBe('evidence.signature: cms')
    const small = issue({ name: 'small', keys: rsaKeys(1024) })
    const why = 'evidence.weak_algorithm: cms: key'
    expect(check({ signer: small }, Certificate.parse(small.der))).toBe(why)
  })

  test('holds by a key on a curve', () => {
    const signer = issue({ name: 'curve', keys: ecKeys() })
    const algorithm = der.sequence(der.oid('1.2.840.10045.4.3.2'))
    expect(check({ signer, algorithm }, Certificate.parse(signer.der))).toBe('none')
  })

  test('cannot have its attributes passed off as content', () => {
    // whoever takes the attributes away and shows them as content has a signature over that content
    const content = der.set(...attributesOf(CONTENT))
    expect(check({ content, attributes: null })).toBe(
      'evidence.malformed: cms: no signed attributes',
    )
  })

  test.each([
    [
      'another content type',
      der.sequence(der.oid('1.2.840.113549.1.7.1'), der.explicit(0, der.octets(CONTENT))),
    ],
    ['nothing inside', der.sequence(der.oid('1.2.840.113549.1.7.2'))],
    ['a list', der.sequence()],
  ])('is not %s', (_, bytes) =>
    expect(reasonOf(() => parseSignedData(bytes, 'cms'))).toBe('evidence.malformed'),
  )

  test('with detached content is malformed', () => {
    const data = der.sequence(
      der.integer(1),
      der.set(),
      der.sequence(der.oid('1.2.840.113549.1.7.1')),
      der.set(),
    )
    const bytes = der.sequence(der.oid('1.2.840.113549.1.7.2'), der.explicit(0, data))
    expect(reasonOf(() => parseSignedData(bytes, 'cms'))).toBe('evidence.malformed')
  })
})
