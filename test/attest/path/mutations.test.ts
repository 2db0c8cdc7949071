// Real certificates, lists and a synthetic OCSP response with one bit changed, cut or with another form of the same signature: none is accepted that should not be.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { Der } from '../../../src/attest/format/der.ts'
import { crlNeed } from '../../../src/attest/path/crl-source.ts'
import { PURPOSE } from '../../../src/attest/path/profile.ts'
import { checkRevocation, type RevocationPolicy } from '../../../src/attest/path/revocation.ts'
import { readChain, validatePath } from '../../../src/attest/path/validate.ts'
import { DAY, fixedKeys, makeLeaf, makeOcsp, makeRoot, NOW } from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../fixtures/attestation/x509-revocation/${name}`, import.meta.url))
const site = (name: string): Buffer => fixture(`${name}.rootca3.demo.amazontrust.com.cer`)
const AT = Date.parse('2025-02-24T00:00:00Z')
const anchors = [{ id: 'amazon', certificate: Certificate.parse(fixture('AmazonRootCA3.cer')) }]
const POLICY: RevocationPolicy = {
  mode: 'require',
  sources: ['ocsp-staple', 'crl'],
  max_age: DAY,
  clock_skew: 0,
}

const reasonOf = (run: () => unknown): string => {
  try {
    run()
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.reason
  }
}
const pathOf = (leaf: Buffer, issuer = fixture('e2m03.cer')) =>
  validatePath({
    chain: readChain([leaf, issuer], 'tls'),
    anchors,
    now: AT,
    family: 'tls',
    purpose: PURPOSE.server,
  })
const listed = (leaf: Buffer, list = fixture('e2m03.crl')) => {
  const { path } = pathOf(leaf)
  const [own, between] = path as [Certificate, Certificate]
  const collateral = new Map([
    [crlNeed(own).id, { bytes: list, receivedAt: AT }],
    [crlNeed(between).id, { bytes: fixture('rootca3.crl'), receivedAt: AT }],
  ])
  return checkRevocation({ path, policy: POLICY, now: AT, family: 'tls', collateral })
}
/** One bit of every byte, another one each time. */
const flips = (bytes: Buffer): Buffer[] =>
  Array.from(bytes, (byte, at) => {
    const changed = Buffer.from(bytes)
    changed[at] = byte ^ (1 << (at % 8))
    return changed
  })

/** s of an ECDSA signature on P-256 replaced by n - s, which verifies as well. */
function otherForm(certificate: Buffer): Buffer {
  const parsed = Certificate.parse(certificate)
  const pair = new Der(parsed.signature).enter(0x30, 'signature')
  const [r, s] = [pair.integer('r'), pair.integer('s')]
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const flipped = n - BigInt(`0x${Buffer.from(s).toString('hex')}`)
  const hex = flipped.toString(16).padStart(64, '0')
  const bytes = Buffer.from(Number.parseInt(hex[0] ?? '0', 16) >= 8 ? `00${hex}` : hex, 'hex')
  const signature = der.sequence(der.integer(r), der.integer(bytes))
  return der.sequence(parsed.tbs, parsed.algorithm.der, der.bits(signature))
}

describe('one bit', () => {
  it('nothing changed, everything is accepted', () => {
    expect(reasonOf(() => listed(site('valid')))).toBe('accepted')
    expect(reasonOf(() => listed(site('revoked')))).toBe('tls.revoked')
  })

  it('of a leaf makes it another one, wherever the bit is', () => {
    const reasons = new Set(flips(site('valid')).map((leaf) => reasonOf(() => pathOf(leaf))))
    expect(reasons).not.toContain('accepted')
    for (const reason of reasons) expect(reason).toMatch(/^tls\./)
  })

  it('of an intermediate breaks the chain, wherever the bit is', () => {
    const leaf = site('valid')
    const changed = flips(fixture('e2m03.cer'))
    const reasons = new Set(changed.map((issuer) => reasonOf(() => pathOf(leaf, issuer))))
    expect(reasons).not.toContain('accepted')
    for (const reason of reasons) expect(reason).toMatch(/^tls\./)
  })

  it('of a list makes it say nothing, wherever the bit is', () => {
    const leaf = site('valid')
    const reasons = new Set(flips(fixture('e2m03.crl')).map((list) => reasonOf(() => listed(leaf, list)))) // biome-ignore format: a row
    expect([...reasons]).toEqual(['tls.revocation_unknown'])
  })

  it('of an OCSP response makes it say nothing, wherever the bit is', () => {
    const root = makeRoot({ keys: fixedKeys(1) })
    const leaf = makeLeaf(root, { keys: fixedKeys(2) }).certificate
    const ask = (staple: Buffer) =>
      reasonOf(() =>
        checkRevocation({
          path: [leaf, root.certificate],
          policy: POLICY,
          now: NOW,
          family: 'tls',
          collateral: new Map(),
          staple,
        }),
      )
    const staple = makeOcsp(leaf, root)
    expect(ask(staple)).toBe('accepted')
    expect([...new Set(flips(staple).map(ask))]).toEqual(['tls.revocation_unknown'])
  })
})

describe('another form of the same signature', () => {
  it('verifies, and does not get a revoked certificate past its list', () => {
    const other = otherForm(site('revoked'))
    expect(Certificate.parse(other).sha256).not.toBe(Certificate.parse(site('revoked')).sha256)
    expect(reasonOf(() => pathOf(other))).toBe('accepted')
    expect(reasonOf(() => listed(other))).toBe('tls.revoked')
    expect(reasonOf(() => listed(otherForm(site('valid'))))).toBe('accepted')
  })
})

describe('a cut', () => {
  it('anywhere leaves nothing that is accepted', () => {
    const [leaf, list] = [site('valid'), fixture('e2m03.crl')]
    for (let length = 0; length < list.length; length += 3)
      expect(reasonOf(() => listed(leaf, list.subarray(0, length)))).toBe('tls.revocation_unknown')
    for (let length = 0; length < leaf.length; length += 3)
      expect(reasonOf(() => pathOf(leaf.subarray(0, length)))).toBe('tls.chain')
    const longer = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([1])])
    expect(reasonOf(() => pathOf(longer(leaf)))).toBe('tls.chain')
    expect(reasonOf(() => listed(leaf, longer(list)))).toBe('tls.revocation_unknown')
  })
})
