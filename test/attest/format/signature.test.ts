// Signature algorithms: which are in use, which are refused and why, and that a signature holds for its key and data only.
import { constants, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { Der } from '../../../src/attest/format/der.ts'
import {
  hashOf,
  isSigned,
  keyOf,
  readAlgorithm,
  type Scheme,
  schemeOf,
} from '../../../src/attest/format/signature.ts'
import { der } from '../../support/der-writer.ts'

const alg = (oid: string, ...parameters: readonly Buffer[]): Buffer =>
  der.sequence(der.oid(oid), ...parameters)
const schemeIn = (bytes: Buffer): Scheme => schemeOf(readAlgorithm(new Der(bytes), 'x'), 'x')
const SHA256 = '2.16.840.1.101.3.4.2.1'
const SHA384 = '2.16.840.1.101.3.4.2.2'
const SHA1 = '1.3.14.3.2.26'
const pss = (hash: string, mask: string, salt: number, ...more: readonly Buffer[]): Buffer =>
  alg(
    '1.2.840.113549.1.1.10',
    der.sequence(
      der.explicit(0, alg(hash)),
      der.explicit(1, alg('1.2.840.113549.1.1.8', alg(mask))),
      der.explicit(2, der.integer(salt)),
      ...more,
    ),
  )

describe('an algorithm', () => {
  it.each<[string, Buffer, object]>([
    ['RSA with SHA-256', alg('1.2.840.113549.1.1.11', der.null()), { key: 'rsa', hash: 'sha256' }],
    ['ECDSA with SHA-384', alg('1.2.840.10045.4.3.3'), { key: 'ec', hash: 'sha384' }],
    ['Ed25519', alg('1.3.101.112'), { key: 'ed25519', hash: undefined }],
    ['RSA-PSS with SHA-384', pss(SHA384, SHA384, 48), { key: 'rsa', hash: 'sha384', salt: 48 }],
  ])('%s is in use', (_, bytes, scheme) => {
    expect(schemeIn(bytes)).toMatchObject(scheme)
  })

  it.each<[string, Buffer, string]>([
    ['RSA with SHA-1', alg('1.2.840.113549.1.1.5', der.null()), 'evidence.weak_algorithm: x: rsa with sha1'],
    ['DSA with SHA-256', alg('2.16.840.1.101.3.4.3.2'), 'evidence.weak_algorithm: x: dsa with sha256'],
    ['RSA-PSS without parameters, which means SHA-1', alg('1.2.840.113549.1.1.10', der.sequence()), 'evidence.weak_algorithm: x: rsa with sha1'],
    ['RSA-PSS with two hashes', pss(SHA256, SHA384, 32), 'evidence.weak_algorithm: x: RSA-PSS with unusual parameters'],
    ['RSA-PSS with another trailer', pss(SHA256, SHA256, 32, der.explicit(3, der.integer(2))), 'evidence.weak_algorithm: x: RSA-PSS with unusual parameters'],
    ['RSA-PSS with a long salt', pss(SHA256, SHA256, 65), 'evidence.weak_algorithm: x: RSA-PSS with unusual parameters'],
    ['RSA-PSS with an unknown hash', pss('1.2.3', SHA256, 32), 'evidence.weak_algorithm: x: hash 1.2.3'],
    ['one that nobody knows', alg('1.2.3'), 'evidence.weak_algorithm: x: 1.2.3 is not in use here'],
    ['a name of the language', alg('2.1.1'), 'evidence.weak_algorithm: x: 2.1.1 is not in use here'],
    ['RSA without its NULL', alg('1.2.840.113549.1.1.11'), 'evidence.malformed: x: parameters that the algorithm does not have'],
    ['ECDSA with a NULL', alg('1.2.840.10045.4.3.2', der.null()), 'evidence.malformed: x: parameters that the algorithm does not have'],
  ])('%s is refused', (_, bytes, said) => {
    const refused = (() => {
      try {
        return schemeIn(bytes)
      } catch (error) {
        return error
      }
    })()
    expect(refused).toBeInstanceOf(Denial)
    const { reason, detail } = refused as Denial
    expect(`${reason}: ${detail}`).toBe(said)
  }) // biome-ignore format: a table

  it('of a hash is known by its identifier', () => {
    expect([hashOf(SHA1), hashOf(SHA256), hashOf('1.2.3')]).toEqual(['sha1', 'sha256', undefined])
  })
})

describe('a signature', () => {
  const data = Buffer.from('signed')
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ed = generateKeyPairSync('ed25519')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ECDSA = { key: 'ec', hash: 'sha256' } as const

  it('holds for its key and its data', () => {
    const signature = sign('sha256', data, ec.privateKey)
    expect(isSigned(ECDSA, ec.publicKey, data, signature)).toBe(true)
    expect(isSigned(ECDSA, ec.publicKey, Buffer.from('other'), signature)).toBe(false)
    expect(isSigned(ECDSA, rsa.publicKey, data, signature)).toBe(false)
    expect(isSigned(ECDSA, ec.publicKey, data, Buffer.from('no'))).toBe(false)
    const plain = sign('sha256', data, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
    expect(isSigned(ECDSA, ec.publicKey, data, plain, 'ieee-p1363')).toBe(true)
    expect(isSigned(ECDSA, ec.publicKey, data, plain)).toBe(false)
  })

  it('of Ed25519, RSA and RSA-PSS with the salt that is named holds', () => {
    const plain = { key: 'ed25519', hash: undefined } as const
    expect(isSigned(plain, ed.publicKey, data, sign(null, data, ed.privateKey))).toBe(true)
    const pkcs = { key: 'rsa', hash: 'sha256' } as const
    expect(isSigned(pkcs, rsa.publicKey, data, sign('sha256', data, rsa.privateKey))).toBe(true)
    const padding = constants.RSA_PKCS1_PSS_PADDING
    const salted = sign('sha256', data, { key: rsa.privateKey, padding, saltLength: 32 })
    expect(isSigned({ ...pkcs, salt: 32 }, rsa.publicKey, data, salted)).toBe(true)
    expect(isSigned({ ...pkcs, salt: 20 }, rsa.publicKey, data, salted)).toBe(false)
    expect(isSigned(pkcs, rsa.publicKey, data, salted)).toBe(false)
  })

  it('needs a key', () => {
    expect(() => keyOf(Buffer.from('no'), 'x')).toThrow('x: no public key')
    expect(keyOf(ec.publicKey.export({ format: 'der', type: 'spki' }), 'x').equals(ec.publicKey)).toBe(true) // biome-ignore format: a row
  })
})
