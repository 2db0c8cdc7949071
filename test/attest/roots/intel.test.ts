// The pinned root of Intel: a changed byte is a changed trust anchor, and must be meant.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { latin1 } from '../../../src/attest/format/der.ts'
import { readPem } from '../../../src/attest/format/pem.ts'
import { INTEL_ROOTS } from '../../../src/attest/roots/intel.ts'
import { VENDOR_ROOTS } from '../../../src/attest/roots/roots.ts'

it('the pinned root of Intel is the SGX Root CA, signed by itself, and of no test', () => {
  expect(VENDOR_ROOTS.intel).toBe(INTEL_ROOTS)
  const [{ id, der, synthetic } = { id: '', der: new Uint8Array() }, ...others] = INTEL_ROOTS
  const root = Certificate.parse(der)
  expect([id, synthetic, others.length, root.sha256]).toEqual([
    'intel-sgx-root-ca',
    undefined,
    0,
    '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3',
  ])
  expect(latin1(root.subject)).toContain('Intel SGX Root CA')
  expect(root.isSignedBy(root.publicKey)).toBe(true)
  expect(new Date(root.notAfter).toISOString()).toBe('2049-12-31T23:59:59.000Z')
  const file = `${import.meta.dirname}/../../fixtures/attestation/tdx/intel-sgx-root-ca.pem`
  expect(readPem(readFileSync(file, 'latin1'))[0]?.bytes).toEqual(Buffer.from(der))
})
