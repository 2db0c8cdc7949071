// Quotes of a TPM: what is genuine, who vouches for the key, and what a policy makes of it. The TPM of these tests is made up.
import { describe, expect, it } from 'vitest'
import { AK_ROOTS, EK_ROOTS } from '../../../src/attest/tpm/key-chain.ts'
import type { TpmPolicy } from '../../../src/attest/tpm/policy.ts'
import { tpm } from '../../../src/attest/tpm/tpm.ts'
import { denialOf } from '../denials.ts'
import { BOOT, logOf, registersOf } from '../synthetic/boot-log.ts'
import {
  AK,
  areaOf,
  formOf,
  itemOf,
  keyFrom,
  NONCE,
  NOW,
  type QuoteOptions,
  verification,
} from '../synthetic/tpm.ts'
import { AK_PURPOSE, makeAuthority, SERVER_PURPOSE } from '../synthetic/tpm-authority.ts'

const ROOT = makeAuthority('TPM root')
const ISSUER = makeAuthority('TPM issuer', { name: 'TPM root' })
const OTHER = makeAuthority('another root')
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const roots = { [AK_ROOTS]: [{ id: 'lab', der: ROOT.der, synthetic: true }] }
const certified = (certificate: Buffer, chain = [ISSUER.der]) =>
  itemOf(formOf(), { ak_cert: b64(certificate), ak_chain: chain.map(b64) })
const verify = (options: QuoteOptions = {}, at = verification()) =>
  tpm.verify(itemOf(formOf(options)), at)

const list = (...digests: string[]) => Object.fromEntries(digests.map((id) => [id, { id }]))
const POLICY: TpmPolicy = {
  ak_trust: ['ak-cert'],
  ak_anchors: ['lab'],
  enrolled: [],
  revocation: 'require',
  banks: ['sha256'],
  reference: { pcrs: { 7: list(`sha256:${'77'.repeat(32)}`) } },
  event_log: 'off',
  secure_boot: 'off',
}

describe('a quote', () => {
  it('says what was measured, of which hardware, and in which state', () => {
    expect(verify()).toEqual({
      type: 'tpm',
      attests: 'platform',
      version: 'v1',
      size: expect.any(Number),
      contentSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      signerSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      anchor: 'none',
      synthetic: false,
      binding: 'matched',
      hardwareSha256: verify().signerSha256,
      tcb: { reset_count: 7 },
      measurements: {
        'sha256.pcr0': `sha256:${'11'.repeat(32)}`,
        'sha256.pcr4': `sha256:${'44'.repeat(32)}`,
        'sha256.pcr7': `sha256:${'77'.repeat(32)}`,
      },
      flags: {
        clock_safe: true,
        restart_count: 2,
        firmware: '2019102300163636',
        event_log: false,
        ak_trust: 'nobody',
        ak_spki_sha256: verify().signerSha256,
        ak_public_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      collateral: [],
    })
  })

  it('is one document however it was signed', () => {
    expect(verify().contentSha256).toBe(verify().contentSha256)
    expect(verify({ resetCount: 8 }).contentSha256).not.toBe(verify().contentSha256)
  })

  it('carries the first half of a binder, and the whole of any other nonce', () => {
    const binder = Buffer.concat([NONCE, Buffer.alloc(32, 5)])
    const at = (kind: 'binder' | 'exact') => verification({ expected: { kind, bytes: binder } })
    expect(verify({}, at('binder')).binding).toBe('matched')
    expect(denialOf(() => verify({}, at('exact')))).toBe('evidence.nonce_mismatch: extraData')
    expect(verify({ extraData: binder }, at('exact')).binding).toBe('matched')
    expect(denialOf(() => verify({ extraData: binder }, at('binder')))).toBe(
      'evidence.nonce_mismatch: extraData',
    )
  })

  it('without anything to compare with says so', () => {
    expect(verify({}, verification({ expected: undefined })).binding).toBe('not checked')
  })

  it('may be over several banks, each with its digests', () => {
    const values = { sha384: { 0: 'ab'.repeat(48) }, sha256: { 0: 'cd'.repeat(32) } }
    expect(verify({ values }).measurements).toEqual({
      'sha384.pcr0': `sha384:${'ab'.repeat(48)}`,
      'sha256.pcr0': `sha256:${'cd'.repeat(32)}`,
    })
  })

  it('digests registers by the hash of the signature, not by that of the bank', () => {
    const hash = 'sha384' as const
    expect(verify({ hash, keyScheme: 0x0010 }).measurements).toHaveProperty(['sha256.pcr0'])
  })
})

describe('the attestation key', () => {
  it('is vouched for by a certificate that leads to a root of its family', () => {
    const claims = tpm.verify(certified(ISSUER.issue(AK)), verification({ roots }))
    expect(claims).toMatchObject({ anchor: 'lab', synthetic: true, flags: { ak_trust: 'ak-cert' } })
    expect(claims.signerSha256).not.toBe(claims.hardwareSha256)
    expect(tpm.appraise(claims, POLICY, { now: NOW })).toEqual({
      trust: { executables: 2, hardware: 2 },
      matched: [`sha256:${'77'.repeat(32)}`, 'ak-cert:lab'],
      warnings: [],
    })
  })

  it.each([
    ['with the root sent too', certified(ISSUER.issue(AK), [ISSUER.der, ROOT.der])],
    ['issued by the root itself', certified(ROOT.issue(AK), [])],
    ['for attestation keys', certified(ISSUER.issue(AK, { purpose: AK_PURPOSE }))],
  ])('has a certificate %s', (_how, item) => {
    expect(tpm.verify(item, verification({ roots })).anchor).toBe('lab')
  })

  it.each([
    ['under another root', certified(OTHER.issue(AK), []), 'evidence.untrusted_root'],
    ['under a root that came with it', certified(OTHER.issue(AK), [OTHER.der]), 'evidence.untrusted_root'],
    ['of another key', certified(ISSUER.issue(keyFrom('another'))), 'evidence.key_mismatch: ak_cert'],
    ['of a server', certified(ISSUER.issue(AK, { purpose: SERVER_PURPOSE })), 'evidence.chain: ak_cert: issued for another purpose'],
    ['of an authority', certified(ISSUER.issue(AK, { isAuthority: true })), 'evidence.chain: ak_cert: a certificate authority'],
    ['with something critical that is not known', certified(ISSUER.issue(AK, { criticalOid: '1.2.3.4' })), 'evidence.chain: critical extension 1.2.3.4'],
    ['that has expired', certified(ISSUER.issue(AK, { notAfter: NOW - 1000 })), 'evidence.expired: certificate 0'],
    ['that is not valid yet', certified(ISSUER.issue(AK, { notBefore: NOW + 1000 })), 'evidence.not_yet_valid: certificate 0'],
    ['without its issuer', certified(ISSUER.issue(AK), []), 'evidence.untrusted_root'],
    ['with a chain that is no list', itemOf(formOf(), { ak_cert: b64(ROOT.issue(AK)), ak_chain: 'x' }), 'evidence.malformed: ak_chain: no list'],
    ['with a chain too long', certified(ISSUER.issue(AK), Array.from({ length: 7 }, () => ISSUER.der)), 'evidence.too_large: ak_chain'],
  ])('has no certificate %s', (_what, item, denial) => {
    expect(denialOf(() => tpm.verify(item, verification({ roots })))).toBe(denial)
  }) // biome-ignore format: rows

  it('is vouched for by whichever of two roots of one name has issued its certificate', () => {
    const [before, after] = ['before', 'after'].map((seed) =>
      makeAuthority('TPM root', undefined, seed),
    )
    const both = [before, after].map((root, i) => ({ id: `root${i}`, der: root?.der ?? ROOT.der }))
    const of = (root = ROOT) =>
      tpm.verify(certified(root.issue(AK), []), verification({ roots: { [AK_ROOTS]: both } }))
        .anchor
    expect([of(before), of(after)]).toEqual(['root0', 'root1'])
    expect(denialOf(() => of(ROOT))).toBe('evidence.untrusted_root')
    const forged = verification({ roots: { [AK_ROOTS]: both.slice(1) } })
    expect(denialOf(() => tpm.verify(certified(ROOT.issue(AK), []), forged))).toBe(
      'evidence.chain: certificate 0 is not signed by its issuer',
    )
  })

  it('with a certificate that no root could have issued is vouched for by nobody', () => {
    expect(tpm.verify(certified(OTHER.issue(AK)), verification()).flags.ak_trust).toBe('nobody')
  })

  it('is accepted under the anchors of the policy only, and for the reasons it lists', () => {
    const claims = tpm.verify(certified(ISSUER.issue(AK)), verification({ roots }))
    const appraise = (changes: Partial<TpmPolicy>) =>
      denialOf(() => tpm.appraise(claims, { ...POLICY, ...changes }, { now: NOW }))
    expect(appraise({ ak_anchors: [] })).toBe('evidence.ak_untrusted: ak_trust: ak-cert')
    expect(appraise({ ak_trust: ['ek-activation', 'enrolled'] })).toBe(
      'evidence.ak_untrusted: ak_trust: ek-activation, enrolled',
    )
    expect(appraise({ ak_trust: [] })).toBe('evidence.ak_untrusted: ak_trust: empty')
  })

  it('may be enrolled by the digest of its public area or of its SubjectPublicKeyInfo', () => {
    const claims = verify()
    const of = (digest: unknown) =>
      denialOf(() => {
        const enrolled = [`sha256:${digest}`]
        tpm.appraise(claims, { ...POLICY, ak_trust: ['enrolled'], enrolled }, { now: NOW })
      })
    expect(of(claims.flags.ak_public_sha256)).toBe('none')
    expect(of(claims.flags.ak_spki_sha256)).toBe('none')
    expect(of('0'.repeat(64))).toBe('evidence.ak_untrusted: ak_trust: enrolled')
  })

  it('that nobody vouches for is refused', () => {
    expect(denialOf(() => tpm.appraise(verify(), POLICY, { now: NOW }))).toBe(
      'evidence.ak_untrusted: ak_trust: ak-cert',
    )
  })

  it('as SubjectPublicKeyInfo alone has no public area to enrol', () => {
    const { ak_public: _, ...form } = formOf()
    const spki = ISSUER.issue(AK)
    const { flags } = tpm.verify(itemOf({ ...form, ak_spki: spkiOf(spki) }), verification())
    expect(flags.ak_spki_sha256).toBe(verify().flags.ak_spki_sha256)
    expect(flags).not.toHaveProperty('ak_public_sha256')
  })

  it('is not activated without roots of endorsement keys, a certificate or an answer', () => {
    const at = verification({ roots: { [EK_ROOTS]: [{ id: 'ek', der: ROOT.der }] } })
    const endorsements = { ek_public: b64(areaOf()) }
    expect(tpm.verify(itemOf(formOf(), endorsements), at).flags.ak_trust).toBe('nobody')
  })
})

describe('what a policy wants of registers', () => {
  const claims = tpm.verify(certified(ISSUER.issue(AK)), verification({ roots }))
  const appraise = (changes: Partial<TpmPolicy>, of = claims) =>
    denialOf(() => tpm.appraise(of, { ...POLICY, ...changes }, { now: NOW }))
  const pcrs = (of: TpmPolicy['reference']['pcrs']) => ({ reference: { pcrs: of } })

  it.each([
    ['no list at all', pcrs({}), 'evidence.measurement_unlisted: reference is empty'],
    ['an empty list', pcrs({ 7: {} }), 'evidence.measurement_unlisted: sha256.pcr7'],
    ['another value', pcrs({ 7: list(`sha256:${'00'.repeat(32)}`) }), 'evidence.measurement_unlisted: sha256.pcr7'],
    ['a register that is not quoted', pcrs({ 11: list(`sha256:${'77'.repeat(32)}`) }), 'evidence.registers_missing: sha256.pcr11'],
    ['a bank that is not quoted', { banks: ['sha256', 'sha384'] as const }, 'evidence.registers_missing: sha384.pcr7'],
    ['a value that has ended', pcrs({ 7: { [`sha256:${'77'.repeat(32)}`]: { id: 'rv:old', notAfter: NOW - 1 } } }), 'evidence.measurement_unlisted: sha256.pcr7: rv:old has ended'],
    ['an event log that is not there', { event_log: 'require' as const }, 'evidence.missing: event_log'],
    ['programs without a log', { reference: { ...POLICY.reference, boot_applications: {} } }, 'evidence.missing: event_log'],
    ['secure boot that is not shown', { secure_boot: 'require' as const }, 'evidence.configuration: secure boot is not shown to be on'],
  ])('%s refuses', (_what, changes, denial) => {
    expect(appraise(changes)).toBe(denial)
  }) // biome-ignore format: rows

  it('the last millisecond of a reference value still counts', () => {
    const value = { [`sha256:${'77'.repeat(32)}`]: { id: 'rv:old', notAfter: NOW } }
    expect(appraise(pcrs({ 7: value }))).toBe('none')
  })

  it('a clock that is not safe and a log that is preferred are warned of', () => {
    const unsafe = tpm.verify(
      itemOf(formOf({ safe: 0 }), { ak_cert: b64(ROOT.issue(AK)) }),
      verification({ roots }),
    )
    const { warnings } = tpm.appraise(unsafe, { ...POLICY, event_log: 'prefer' }, { now: NOW })
    expect(warnings).toEqual(['no event log was given', 'the TPM lost power without notice'])
  })
})

describe('an event log', () => {
  const values = { sha256: registersOf(BOOT, 'sha256') }
  const withLog = (log: Uint8Array, options: QuoteOptions = { values }) =>
    itemOf(formOf(options), { ak_cert: b64(ROOT.issue(AK)), event_log: b64(log) })
  const at = verification({ roots })
  const mismatch = (register: number) =>
    `evidence.measurement_mismatch: event log: sha256 register ${register}`

  it('that adds up says what was started, by which firmware, and whether secure boot is on', () => {
    const { measurements, flags } = tpm.verify(withLog(logOf(BOOT)), at)
    expect(measurements['sha256.pcr4.application0']).toBe(
      'sha256:d47712cceb4c780603026e6325221c1bcff90679ebc076baa51c71ebe796717c',
    )
    expect(flags).toMatchObject({ event_log: true, firmware_version: '1.2.3', secure_boot: true })
  })

  it('may list the programs that are allowed, all of them', () => {
    const claims = tpm.verify(withLog(logOf(BOOT)), at)
    const [loader, kernel] = [0, 1].map(
      (i) => claims.measurements[`sha256.pcr4.application${i}`] ?? '',
    )
    const appraise = (...allowed: string[]) => {
      const reference = { pcrs: {}, boot_applications: list(...allowed) }
      const policy = { ...POLICY, reference, event_log: 'require', secure_boot: 'require' } as const
      return denialOf(() => tpm.appraise(claims, policy, { now: NOW }))
    }
    expect(appraise(loader ?? '', kernel ?? '')).toBe('none')
    expect(appraise(loader ?? '')).toBe('evidence.measurement_unlisted: sha256.pcr4.application1')
    expect(appraise()).toBe('evidence.measurement_unlisted: sha256.pcr4.application0')
  })

  it.each([
    ['without an event', logOf(BOOT.slice(0, 3)), mismatch(4)],
    ['with one more', logOf([...BOOT, ...BOOT.slice(0, 1)]), mismatch(0)],
    ['in another order', logOf([...BOOT.slice(0, 2), ...BOOT.slice(2).reverse()]), mismatch(4)],
    ['with another event', logOf(BOOT.map((one) => (one.register === 7 ? { ...one, data: Buffer.of(0) } : one))), mismatch(7)],
    ['without all events of a register', logOf(BOOT.filter(({ register }) => register !== 7)), mismatch(7)],
    ['without the bank of the quote', logOf(BOOT, ['sha1']), 'evidence.malformed: event log: no digests of sha256'],
  ])('%s does not add up', (_how, log, denial) => {
    expect(denialOf(() => tpm.verify(withLog(log), at))).toBe(denial)
  }) // biome-ignore format: rows

  it('is believed only where a digest is of what it says', () => {
    const lies = BOOT.map((one) => ({ ...one, of: one.of ?? one.data, data: Buffer.from('x') }))
    const { flags } = tpm.verify(withLog(logOf(lies)), at)
    expect(flags).not.toHaveProperty('firmware_version')
    expect(flags).not.toHaveProperty('secure_boot')
  })

  it('is not believed of registers that were not quoted', () => {
    const { 0: firmware = '' } = values.sha256
    const { flags, measurements } = tpm.verify(
      withLog(logOf(BOOT), { values: { sha256: { 0: firmware } } }),
      at,
    )
    expect(flags).not.toHaveProperty('secure_boot')
    expect(Object.keys(measurements)).toEqual(['sha256.pcr0'])
  })

  it('may leave out registers that are extended after the firmware has gone', () => {
    const more = { values: { sha256: { ...values.sha256, 16: '16'.repeat(32) } } }
    expect(tpm.verify(withLog(logOf(BOOT), more), at).flags.event_log).toBe(true)
  })
})

/** SubjectPublicKeyInfo out of a certificate, by the place where its point begins. */
function spkiOf(certificate: Buffer): string {
  const at = certificate.indexOf(Buffer.from('301306072a8648ce3d0201', 'hex')) - 2
  return certificate.subarray(at, at + 91).toString('base64url')
}
