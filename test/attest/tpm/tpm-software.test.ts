// Quotes that a TPM made, in software, with keys and registers of its own: what it signs is what is read here, for every scheme.
import { createPublicKey, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Verification } from '../../../src/attest/evidence/evidence.ts'
import { AK_ROOTS, EK_ROOTS } from '../../../src/attest/tpm/key-chain.ts'
import { activationId } from '../../../src/attest/tpm/key-trust.ts'
import { makeCredential } from '../../../src/attest/tpm/make-credential.ts'
import { parseTpmPublic, tpmNameOf } from '../../../src/attest/tpm/public.ts'
import { activatable, tpm } from '../../../src/attest/tpm/tpm.ts'
import {
  noSoftwareTpm,
  type Quote,
  type SoftwareTpm,
  startSoftwareTpm,
} from '../../support/software-tpm.ts'
import { denialOf } from '../denials.ts'
import { areaOf, itemOf, NOW, verification } from '../synthetic/tpm.ts'
import { AK_PURPOSE, EK_PURPOSE, makeAuthority } from '../synthetic/tpm-authority.ts'

const LAB = makeAuthority('lab')
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const MEASURED = 'ab'.repeat(32)
/** SHA-256 of a register of zeros and what was measured. */
const EXTENDED = 'debb3e7acfff6dd18d501042273629f0b79cb206bb8c24f59f62ddb80849403b'

function formOf(tpmOf: SoftwareTpm, { quote, signature, pcrs }: Quote, changes: object = {}) {
  const bytes = { quote: b64(quote), signature: b64(signature), ak_public: b64(tpmOf.akPublic) }
  return { v: 1, ...bytes, pcrs, ...changes }
}

const nonceOf = (bytes: Uint8Array, changes: Partial<Verification> = {}) =>
  verification({ expected: { kind: 'exact', bytes }, ...changes })
const keyOfSpki = (der: Buffer) => createPublicKey({ key: der, format: 'der', type: 'spki' })

describe.skipIf(noSoftwareTpm).each(['ecdsa', 'rsassa', 'rsapss'] as const)('with %s', (scheme) => {
  let made: SoftwareTpm
  beforeAll(async () => {
    made = await startSoftwareTpm({ scheme })
    await made.extend(16, MEASURED)
  }, 30_000)
  afterAll(() => made[Symbol.asyncDispose]())

  it('a quote over two banks answers a fresh nonce', async () => {
    const nonce = randomBytes(32)
    const quote = await made.quote(nonce, { sha256: [16, 0, 7], sha384: [0] })
    const claims = tpm.verify(itemOf(formOf(made, quote)), nonceOf(nonce))
    expect(claims.measurements).toEqual({
      'sha256.pcr0': `sha256:${'00'.repeat(32)}`,
      'sha256.pcr7': `sha256:${'00'.repeat(32)}`,
      'sha256.pcr16': `sha256:${EXTENDED}`,
      'sha384.pcr0': `sha384:${'00'.repeat(48)}`,
    })
    expect(claims.tcb.reset_count).toBe(1)
    expect(denialOf(() => tpm.verify(itemOf(formOf(made, quote)), nonceOf(randomBytes(32))))).toBe(
      'evidence.nonce_mismatch: extraData',
    )
  })

  it('registers of before are not those of the quote', async () => {
    const nonce = randomBytes(32)
    const before = await made.quote(nonce, { sha256: [16] })
    await made.extend(16, MEASURED)
    const after = await made.quote(nonce, { sha256: [16] })
    const mixed = formOf(made, { ...after, pcrs: before.pcrs })
    expect(denialOf(() => tpm.verify(itemOf(mixed), nonceOf(nonce)))).toBe(
      'evidence.measurement_mismatch: pcrDigest',
    )
  })

  it('the key may be given as SubjectPublicKeyInfo, and is the same key', async () => {
    const nonce = randomBytes(32)
    const { ak_public: _, ...form } = formOf(made, await made.quote(nonce, { sha256: [0] }))
    const { flags } = tpm.verify(itemOf({ ...form, ak_spki: b64(made.akSpki) }), nonceOf(nonce))
    const certificate = LAB.issue(keyOfSpki(made.akSpki), { purpose: AK_PURPOSE })
    const claims = tpm.verify(
      itemOf({ ...form, ak_public: b64(made.akPublic) }, { ak_cert: b64(certificate) }),
      nonceOf(nonce, { roots: { [AK_ROOTS]: [{ id: 'lab', der: LAB.der }] } }),
    )
    expect(claims.anchor).toBe('lab')
    expect(claims.hardwareSha256).toBe(flags.ak_spki_sha256)
  })
})

describe.skipIf(noSoftwareTpm)('activation', () => {
  let made: SoftwareTpm
  const nonce = randomBytes(32)
  const secret = randomBytes(32)
  let item: ReturnType<typeof itemOf>
  let ekCertificate: Buffer
  beforeAll(async () => {
    made = await startSoftwareTpm()
    const quote = await made.quote(nonce, { sha256: [0] })
    ekCertificate = LAB.issue(parseTpmPublic(made.ekPublic).key, { purpose: EK_PURPOSE })
    const endorsements = { ek_public: b64(made.ekPublic), ek_cert: b64(ekCertificate) }
    item = itemOf(formOf(made, quote), endorsements)
  }, 30_000)
  afterAll(() => made[Symbol.asyncDispose]())

  const roots = { [EK_ROOTS]: [{ id: 'vendor', der: LAB.der }] }
  const answered = (answer: Uint8Array, of = item, challenge = nonce) => {
    const pair = activatable(of)
    if (!pair) throw new Error('nothing to activate')
    const bytes = Buffer.concat([secret, answer])
    const id = activationId(pair, { kind: 'exact', bytes: challenge })
    const collateral = new Map([[id, { bytes, receivedAt: NOW }]])
    return nonceOf(nonce, { roots, collateral })
  }

  it('shows that the attestation key is in the TPM of the certified endorsement key', async () => {
    const pair = activatable(item)
    if (!pair) throw new Error('nothing to activate')
    const made1 = makeCredential(pair.ek, tpmNameOf(pair.ak), { secret, random: randomBytes })
    const answer = await made.activate(made1.credential, made1.secret)
    const claims = tpm.verify(item, answered(answer))
    expect(claims).toMatchObject({ anchor: 'vendor', flags: { ak_trust: 'ek-activation' } })
    expect(claims.hardwareSha256).not.toBe(claims.flags.ak_spki_sha256)
  })

  it('is not shown by another answer, a short one or none', () => {
    const untrusted = 'evidence.ak_untrusted: the activation was not answered'
    expect(denialOf(() => tpm.verify(item, answered(randomBytes(32))))).toBe(untrusted)
    expect(denialOf(() => tpm.verify(item, answered(secret.subarray(1))))).toBe(untrusted)
    expect(tpm.verify(item, nonceOf(nonce, { roots })).flags.ak_trust).toBe('nobody')
  })

  it('is not shown by an answer for another key', () => {
    const other = itemOf(JSON.parse(Buffer.from(item.bytes).toString()), {
      ...item.endorsements,
      ek_public: b64(areaOf()),
    })
    expect(tpm.verify(item, answered(secret, other)).flags.ak_trust).toBe('nobody')
  })

  it('with the certificate of another endorsement key is refused', () => {
    const ek_cert = b64(LAB.issue(keyOfSpki(made.akSpki), { purpose: EK_PURPOSE }))
    const swapped = { ...item, endorsements: { ...item.endorsements, ek_cert } }
    expect(denialOf(() => tpm.verify(swapped, answered(secret)))).toBe(
      'evidence.key_mismatch: ek_cert',
    )
  })
})
