// The digest of a key as it stands in the certificate: the same as that of what OpenSSL makes of the key, for every kind of key.
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { expect, it } from 'vitest'
import { Certificate } from '../../src/attest/format/certificate.ts'
import { spkiSha256 } from '../../src/upstream/tls/spki.ts'
import { issue, makeAuthority } from '../support/certificates.ts'

const digestOf = ({ publicKey }: X509Certificate) =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')

it('is that of the key, for every root that node knows, RSA and EC', () => {
  const certificates = rootCertificates.map((pem) => new X509Certificate(pem))
  expect(new Set(certificates.map(({ publicKey }) => publicKey.asymmetricKeyType))).toEqual(
    new Set(['rsa', 'ec']),
  )
  for (const certificate of certificates)
    expect(spkiSha256(certificate.raw)).toBe(digestOf(certificate))
})

it('is that by which attestation names the key', () => {
  const { der } = issue(makeAuthority(), { dns: ['one.test'], uri: ['spiffe://one.test/a'] })
  const roots = rootCertificates.map((pem) => new X509Certificate(pem).raw)
  for (const each of [der, ...roots])
    expect(spkiSha256(each)).toBe(Certificate.parse(each).spkiSha256)
})

it('is the same for two certificates of one key', () => {
  const authority = makeAuthority()
  const one = issue(authority)
  const two = issue(authority, { key: one.key, name: 'renewed' })
  expect(two.der).not.toEqual(one.der)
  expect(spkiSha256(two.der)).toBe(spkiSha256(one.der))
})

it('is what openssl prints of a certificate', () => {
  const pem = readFileSync(new URL('../fixtures/tls/server.cert.pem', import.meta.url))
  // openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
  expect(spkiSha256(new X509Certificate(pem).raw)).toBe(
    'fde91a2ac0d8778b34c74184cdb738f25be8ccd47767c7420aa4a7849902ae6b',
  )
})
