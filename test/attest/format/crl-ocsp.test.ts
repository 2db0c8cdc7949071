// Revocation lists and OCSP as formats: what is read of them, the request that is sent, and that a long list is looked through in time.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  crlNumberOf,
  isLowerNumber,
  isRevoked,
  issuingDistributionPointOf,
  parseCrl,
} from '../../../src/attest/format/crl.ts'
import { Der, hexOf } from '../../../src/attest/format/der.ts'
import { isAbout, ocspRequest, parseOcspResponse } from '../../../src/attest/format/ocsp.ts'
import { entryOf, extension, fixedKeys, makeCrl, makeLeaf, makeOcsp, makeRoot, NOW } from '../../support/authority.ts' // biome-ignore format: a row
import { der } from '../../support/der-writer.ts'

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../fixtures/attestation/x509-revocation/${name}`, import.meta.url))

describe('a revocation list', () => {
  it('of a public authority says whom it revokes, its number and where it is from', () => {
    const crl = parseCrl(fixture('e2m03.crl'))
    expect(new Date(crl.thisUpdate).toISOString()).toBe('2025-02-22T21:07:01.000Z')
    expect(new Date(crl.nextUpdate).toISOString()).toBe('2025-03-01T21:07:01.000Z')
    expect(crlNumberOf(crl)).toBe((1377).toString(16))
    expect(issuingDistributionPointOf(crl)).toEqual({
      names: [{ kind: 'uri', value: 'http://crl.e2m03.amazontrust.com/e2m03.crl' }],
      isRelative: false,
      only: undefined,
      isPartial: false,
      isIndirect: false,
    })
    const listed = ['05171c6ba0fd326f894e59f86cfc0890', '01f0e658b7857477e55ceced76e94a2f']
    expect(listed.map((hex) => isRevoked(crl, Buffer.from(hex, 'hex')))).toEqual([true, true])
    expect(isRevoked(crl, Buffer.from('01f0e658b7857477e55ceced76e94a2e', 'hex'))).toBe(false)
    expect(isRevoked(crl, Buffer.from('01f0e658', 'hex'))).toBe(false)
  })

  it('that is empty revokes nobody', () => {
    expect(isRevoked(parseCrl(makeCrl(makeRoot())), Buffer.from([1]))).toBe(false)
  })

  it('cut anywhere is none', () => {
    const whole = fixture('rootca3.crl')
    for (let length = 0; length < whole.length; length++)
      expect(() => parseCrl(whole.subarray(0, length))).toThrow('not of its format')
    expect(() => parseCrl(whole, 100)).toThrow('larger than its limit: CRL')
  })

  it('has numbers that are compared as numbers', () => {
    expect([isLowerNumber('9', '10'), isLowerNumber('10', '9'), isLowerNumber('a', 'b')]).toEqual([true, false, true]) // biome-ignore format: a row
    expect(isLowerNumber('7', '7')).toBe(false)
  })

  it('of a hundred thousand entries is looked through whole, whatever stands at its end', () => {
    const root = makeRoot()
    const one = makeLeaf(root, { serial: 2 ** 40 }).certificate
    const entry = (serial: number) =>
      der.sequence(der.integer(serial), der.time(NOW), der.sequence(extension('2.5.29.21', der.enumerated(1)))) // biome-ignore format: a row
    const many = Buffer.concat(Array.from({ length: 100_000 }, (_, i) => entry(i + 1)))
    const crl = parseCrl(makeCrl(root, { entries: [many, entryOf(one)] }))
    expect(isRevoked(crl, one.serial)).toBe(true)
    expect(isRevoked(crl, Buffer.from([0x7f, 0x7f, 0x7f, 0x7f]))).toBe(false)
    const torn = { ...crl, entries: crl.entries.subarray(0, crl.entries.length - 3) }
    expect(() => isRevoked(torn, Buffer.from([1]))).toThrow('CRL entry: a length out of bounds')
  })
})

describe('OCSP', () => {
  const root = makeRoot({ keys: fixedKeys(1), subject: 'R' })
  const leaf = makeLeaf(root, { keys: fixedKeys(2), serial: 0x1234 }).certificate

  it('asks by hashes of the name and the key of the issuer, and by serial number', () => {
    const request = ocspRequest(leaf, root.certificate)
    const list = new Der(request).enter(0x30, 'r').enter(0x30, 'tbs').enter(0x30, 'list')
    const id = list.enter(0x30, 'one').enter(0x30, 'id')
    expect(hexOf(id.element('algorithm'))).toBe('300906052b0e03021a0500')
    expect([id.octets('name').length, id.octets('key').length]).toEqual([20, 20])
    expect(hexOf(id.integer('serial'))).toBe('1234')
    id.finish('id')
  })

  it('asks with a nonce where one is given', () => {
    const nonce = Buffer.alloc(32, 7)
    const plain = ocspRequest(leaf, root.certificate)
    const request = ocspRequest(leaf, root.certificate, nonce)
    expect(Buffer.from(request).includes(nonce)).toBe(true)
    expect(request.length).toBeGreaterThan(plain.length + nonce.length)
    const tbs = new Der(request).enter(0x30, 'r').enter(0x30, 'tbs')
    tbs.enter(0x30, 'list')
    const one = tbs.enter(0xa2, 'extensions').enter(0x30, 'list').enter(0x30, 'extension')
    expect(one.oid('nonce')).toBe('1.3.6.1.5.5.7.48.1.2')
    expect(hexOf(new Der(one.octets('value')).octets('nonce'))).toBe(hexOf(nonce))
  })

  it('answers about the certificate whose name, key and serial number it repeats', () => {
    const [one] = parseOcspResponse(makeOcsp(leaf, root)).responses
    if (!one) throw new Error('no response')
    expect(one).toMatchObject({ status: 'good', hash: 'sha1', serial: leaf.serial })
    expect(isAbout(one, leaf, root.certificate)).toBe(true)
    expect(isAbout(one, leaf, makeRoot({ subject: 'R' }).certificate)).toBe(false)
    expect(isAbout({ ...one, hash: undefined }, leaf, root.certificate)).toBe(false)
  })

  it('cut anywhere is no response', () => {
    const whole = makeOcsp(leaf, root, { status: 'revoked' })
    for (let length = 0; length < whole.length; length++)
      expect(() => parseOcspResponse(whole.subarray(0, length))).toThrow('not of its format')
    expect(() => parseOcspResponse(Buffer.alloc(70_000))).toThrow('larger than its limit')
  })

  it('of a responder without an answer says which', () => {
    expect(() => parseOcspResponse(der.sequence(der.enumerated(6)))).toThrow('has no answer (6)')
  })
})
