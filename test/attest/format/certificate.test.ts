// Certificates and their extensions as values: what a well-made one says, and what makes one malformed. Synthetic, but for one real leaf.
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Certificate, EXTENSION } from '../../../src/attest/format/certificate.ts'
import { hexOf } from '../../../src/attest/format/der.ts'
import {
  basicConstraintsOf,
  extKeyUsageOf,
  KEY_USAGE,
  keyIdentifierOf,
  keyUsageOf,
} from '../../../src/attest/format/extensions.ts'
import {
  authorityInfoAccessOf,
  distributionPointsOf,
  subjectAltNamesOf,
} from '../../../src/attest/format/general-name.ts'
import { parseName } from '../../../src/attest/path/name.ts'
import { commonName, DAY, extension, makeLeaf, makeRoot, NOW, OID } from '../../support/authority.ts' // biome-ignore format: a row
import { der } from '../../support/der-writer.ts'

const real = readFileSync(
  new URL(
    '../../fixtures/attestation/x509-revocation/valid.rootca3.demo.amazontrust.com.cer',
    import.meta.url,
  ),
)

describe('a real certificate', () => {
  const parsed = Certificate.parse(real)
  const node = new X509Certificate(real)

  it('says what Node reads of it', () => {
    expect(parsed.version).toBe(3)
    expect(parsed.serialHex.toUpperCase().replace(/^0+/, '')).toBe(node.serialNumber.replace(/^0+/, '')) // biome-ignore format: a row
    expect([parsed.notBefore, parsed.notAfter]).toEqual([node.validFromDate.getTime(), node.validToDate.getTime()]) // biome-ignore format: a row
    expect(parsed.sha256).toBe(node.fingerprint256.replaceAll(':', '').toLowerCase())
    expect(parsed.publicKey.equals(node.publicKey)).toBe(true)
    const spki = node.publicKey.export({ format: 'der', type: 'spki' })
    expect(parsed.spkiSha256).toBe(createHash('sha256').update(spki).digest('hex'))
    expect(parseName(parsed.issuer, 'issuer').text).toBe('C=US, O=Amazon, CN=Amazon ECDSA 256 M03')
  })

  it('has the extensions that stand in it', () => {
    expect(basicConstraintsOf(parsed)).toEqual({ isAuthority: false, pathLength: undefined })
    expect(keyUsageOf(parsed)?.[KEY_USAGE.digitalSignature]).toBe(true)
    expect(extKeyUsageOf(parsed)).toEqual([OID.serverAuth, OID.clientAuth])
    expect(subjectAltNamesOf(parsed)).toEqual([
      { kind: 'dns', value: 'valid.rootca3.demo.amazontrust.com' },
      { kind: 'dns', value: 'good.sca3a.amazontrust.com' },
    ])
    expect(distributionPointsOf(parsed)).toEqual([
      {
        names: [{ kind: 'uri', value: 'http://crl.e2m03.amazontrust.com/e2m03.crl' }],
        isPartial: false,
        isIndirect: false,
      },
    ])
    expect(authorityInfoAccessOf(parsed).map(({ method }) => method)).toEqual(['1.3.6.1.5.5.7.48.1', '1.3.6.1.5.5.7.48.2']) // biome-ignore format: a row
    expect(hexOf(keyIdentifierOf(parsed, 'authority') ?? Buffer.alloc(0))).toBe('cb23c3f302736fbac1a4adf871c6102816dfecbf') // biome-ignore format: a row
  })

  it('is signed by its issuer and by nobody else', () => {
    const file = new URL('../../fixtures/attestation/x509-revocation/e2m03.cer', import.meta.url)
    const issuer = Certificate.parse(readFileSync(file))
    expect(parsed.isSignedBy(issuer.publicKey)).toBe(true)
    expect(parsed.isSignedBy(parsed.publicKey)).toBe(false)
    expect([parsed.isSelfIssued, parsed.isConsistent]).toEqual([false, true])
  })

  it('cut anywhere, or with a byte behind it, is none', () => {
    for (let length = 0; length < real.length; length += 7)
      expect(() => Certificate.parse(real.subarray(0, length))).toThrow('not of its format')
    expect(() => Certificate.parse(Buffer.concat([real, Buffer.from([0])]))).toThrow('more than belongs to it') // biome-ignore format: a row
    expect(() => Certificate.parse(Buffer.alloc(70_000))).toThrow('larger than its limit')
  })
})

describe('a certificate', () => {
  const root = makeRoot()

  it('is valid from the first to the last moment', () => {
    const { certificate } = root
    const at = [NOW - DAY - 1, NOW - DAY, NOW + 365 * DAY, NOW + 365 * DAY + 1]
    expect(at.map((time) => certificate.isValidAt(time))).toEqual([false, true, true, false])
    expect([certificate.isSelfIssued, certificate.isSignedBy(certificate.publicKey)]).toEqual([true, true]) // biome-ignore format: a row
  })

  it('without an extension says that it has none', () => {
    const none = Object.fromEntries(Object.values(OID).map((oid) => [oid, undefined]))
    const { certificate } = makeLeaf(root, { extensions: { ...none, '1.2.3': extension('1.2.3', der.null()) } }) // biome-ignore format: a row
    expect([...certificate.extensions.keys()]).toEqual(['1.2.3'])
    const read = [basicConstraintsOf, keyUsageOf, extKeyUsageOf].map((reader) => reader(certificate)) // biome-ignore format: a row
    expect(read).toEqual([undefined, undefined, undefined])
    expect([subjectAltNamesOf(certificate), distributionPointsOf(certificate), authorityInfoAccessOf(certificate)]).toEqual([[], [], []]) // biome-ignore format: a row
    expect(keyIdentifierOf(certificate, 'subject')).toBeUndefined()
    expect(keyIdentifierOf(certificate, 'authority')).toBeUndefined()
  })

  it.each<[string, string, Buffer, (one: Certificate) => unknown, string]>([
    ['basic constraints', EXTENSION.basicConstraints, der.sequence(der.null()), basicConstraintsOf, 'basicConstraints: more than belongs to it'],
    ['a key usage', EXTENSION.keyUsage, der.null(), keyUsageOf, 'keyUsage: another type than expected'],
    ['an extended key usage', EXTENSION.extKeyUsage, der.sequence(), extKeyUsageOf, 'extKeyUsage: an empty list'],
    ['subject alternative names', EXTENSION.subjectAltName, der.sequence(), subjectAltNamesOf, 'subjectAltName: an empty list'],
    ['a host name beyond ASCII', EXTENSION.subjectAltName, der.sequence(der.element(0x82, Buffer.from('é'))), subjectAltNamesOf, 'subjectAltName: no IA5String'],
    ['a host name with a zero byte', EXTENSION.subjectAltName, der.sequence(der.element(0x82, Buffer.from('a\0.example'))), subjectAltNamesOf, 'subjectAltName: no IA5String'],
    ['a name of no kind', EXTENSION.subjectAltName, der.sequence(der.null()), subjectAltNamesOf, 'subjectAltName: no general name'],
    ['distribution points', EXTENSION.crlDistributionPoints, der.sequence(), distributionPointsOf, 'cRLDistributionPoints: an empty list'],
    ['an access description', EXTENSION.authorityInfoAccess, der.sequence(), authorityInfoAccessOf, 'authorityInfoAccess: an empty list'],
    ['a key identifier', EXTENSION.subjectKeyIdentifier, der.null(), (one) => keyIdentifierOf(one, 'subject'), 'subjectKeyIdentifier: another type'],
  ])('with %s of another form is refused when that is read', (_, oid, value, read, why) => {
    const { certificate } = makeLeaf(root, { extensions: { [oid]: extension(oid, value) } })
    expect(() => read(certificate)).toThrow(why)
  }) // biome-ignore format: a table

  const twice = extension('1.2.3', der.null())
  it.each<[string, Buffer, string]>([
    ['an extension twice', Buffer.concat([twice, twice]), 'extensions: 1.2.3 twice'],
    ['more extensions than anybody has', Buffer.concat(Array.from({ length: 70 }, (_, i) => extension(`1.2.${i}`, der.null()))), 'extensions: too many'],
    ['an extension that is none', der.null(), 'extensions: another type than expected'],
  ])('with %s is none', (_, extensions, why) => {
    expect(() => makeLeaf(root, { extensions: { x: extensions } })).toThrow(why)
  }) // biome-ignore format: a table
})

describe('a name', () => {
  it('shows no control characters and is cut where it is long', () => {
    expect(parseName(commonName('a\u202eb\u0000'), 'name').text).toBe('CN=a?b?')
    expect(parseName(commonName('x'.repeat(400)), 'name').text.length).toBe(256)
  })
})
