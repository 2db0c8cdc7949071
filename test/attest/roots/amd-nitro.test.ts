// Pinned roots: a changed byte is a changed trust anchor, and must be meant.
import { describe, expect, it } from 'vitest'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { AMD_INTERMEDIATES } from '../../../src/attest/roots/amd.ts'
import { VENDOR_ROOTS } from '../../../src/attest/roots/roots.ts'

const digests = (family: string) =>
  (VENDOR_ROOTS[family] ?? []).map(({ id, der }) => [id, Certificate.parse(der).sha256])

describe('the pinned roots', () => {
  it('of AMD are the ARKs of Milan, Genoa and Turin', () => {
    expect(digests('amd')).toEqual([
      ['amd-ark-milan', '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd'],
      ['amd-ark-genoa', '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1'],
      ['amd-ark-turin', '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a'],
    ])
  })

  it('of Nitro is G1', () => {
    expect(digests('nitro')).toEqual([
      ['aws-nitro-g1', '641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b'],
    ])
  })

  it('are signed by themselves, and none is of a test', () => {
    for (const { der, synthetic } of [...(VENDOR_ROOTS.amd ?? []), ...(VENDOR_ROOTS.nitro ?? [])]) {
      const root = Certificate.parse(der)
      expect(root.isSignedBy(root.publicKey)).toBe(true)
      expect(synthetic).toBeUndefined()
    }
  })
})

it('the intermediates of AMD are signed by a pinned root', () => {
  const roots = (VENDOR_ROOTS.amd ?? []).map(({ der }) => Certificate.parse(der))
  expect(AMD_INTERMEDIATES).toHaveLength(4)
  for (const der of AMD_INTERMEDIATES) {
    const below = Certificate.parse(der)
    expect(roots.filter((root) => below.isSignedBy(root.publicKey))).toHaveLength(1)
  }
})
