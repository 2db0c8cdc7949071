// Pinned roots of tokens and instance documents: a changed byte is a changed trust anchor, and must be meant.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { readPem } from '../../../src/attest/format/pem.ts'
import { AZURE_ROOTS } from '../../../src/attest/roots/azure.ts'
import { GOOGLE_ROOTS } from '../../../src/attest/roots/google.ts'

const FIXTURE = new URL(
  '../../fixtures/attestation/gcp/confidential-space-root.pem',
  import.meta.url,
)
const ALL = [...GOOGLE_ROOTS, ...AZURE_ROOTS]

test('the root of Confidential Space is the one of the fixture, until 2034', () => {
  const [root] = GOOGLE_ROOTS
  expect(root && Buffer.from(root.der)).toEqual(readPem(readFileSync(FIXTURE, 'utf8'))[0]?.bytes)
  expect(Certificate.parse(root?.der as Uint8Array).notAfter).toBe(
    Date.UTC(2034, 0, 16, 22, 10, 49),
  )
})

test('each has its digest', () =>
  expect(ALL.map(({ id, der }) => [id, Certificate.parse(der).sha256])).toEqual([
    [
      'google-confidential-space',
      '148b293821bb0c6a317f413c8ba475814091cb22d49b9e3c94198db8e8f86c39',
    ],
    ['digicert-global-g2', 'cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f'],
    ['microsoft-rsa-2017', 'c741f70f4b2a8d88bf2e71c14122ef53ef10eba0cfa5e64cfa20f418853073e0'],
  ]))

test('each is signed by itself, and none is of a test', () => {
  for (const { der, synthetic } of ALL) {
    const root = Certificate.parse(der)
    expect(root.isSignedBy(root.publicKey)).toBe(true)
    expect(synthetic).toBeUndefined()
  }
})
