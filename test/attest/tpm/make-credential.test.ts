// A secret for one TPM and one key, opened by a TPM: what is made here without one is what TPM2_ActivateCredential expects.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCredential } from '../../../src/attest/tpm/make-credential.ts'
import { parseTpmPublic, tpmNameOf } from '../../../src/attest/tpm/public.ts'
import { noSoftwareTpm, type SoftwareTpm, startSoftwareTpm } from '../../support/software-tpm.ts'
import { denialOf } from '../denials.ts'

describe.skipIf(noSoftwareTpm)('a credential', () => {
  const made: SoftwareTpm[] = []
  beforeAll(async () => {
    made.push(await startSoftwareTpm(), await startSoftwareTpm({ scheme: 'rsassa', ek: 'ecc' }))
  }, 30_000)
  afterAll(async () => {
    for (const tpm of made) await tpm[Symbol.asyncDispose]()
  })

  it.each([
    ['an RSA', 0],
    ['an ECC', 1],
  ])('for %s endorsement key is opened by the TPM that has both keys', async (_kind, at) => {
    const tpm = made[at] as SoftwareTpm
    const name = tpmNameOf(parseTpmPublic(tpm.akPublic))
    const secret = Buffer.from('thirty-two bytes that come back.')
    const { credential, secret: encrypted } = makeCredential(parseTpmPublic(tpm.ekPublic), name, {
      secret,
      random: randomBytes,
    })
    expect((await tpm.activate(credential, encrypted)).toString()).toBe(secret.toString())
  })

  it('for another key is not opened', async () => {
    const [tpm, other] = made as [SoftwareTpm, SoftwareTpm]
    const name = tpmNameOf(parseTpmPublic(other.akPublic))
    const ek = parseTpmPublic(tpm.ekPublic)
    const secret = Buffer.alloc(32, 1)
    const { credential, secret: encrypted } = makeCredential(ek, name, {
      secret,
      random: randomBytes,
    })
    await expect(tpm.activate(credential, encrypted)).rejects.toThrow('integrity check failed')
  })

  it('for a key that is no storage key is not made', () => {
    const ak = parseTpmPublic((made[0] as SoftwareTpm).akPublic)
    const options = { secret: Buffer.alloc(32), random: randomBytes }
    expect(denialOf(() => makeCredential(ak, tpmNameOf(ak), options))).toBe(
      'evidence.weak_algorithm: ek_public: no storage key with AES in CFB',
    )
  })
})

describe('a credential for a recorded endorsement key', () => {
  const folder = join(import.meta.dirname, '../../fixtures/attestation/tpm-software')
  const random = (size: number) => Buffer.alloc(size, 5)
  const secret = Buffer.alloc(32, 7)

  it.each([
    // sizes: object (2) of MAC (2 + 32) and secret (2 + 32); secret (2) of one RSA block, or of two coordinates (2 + 32 each)
    ['ek-rsa', 70, 258],
    ['ek-ecc', 70, 70],
  ])('of %s has the sizes that the TPM expects', (name, object, seed) => {
    const ek = parseTpmPublic(readFileSync(join(folder, `${name}.tpmt-public`)))
    const made = makeCredential(ek, tpmNameOf(ek), { secret, random })
    expect([made.credential.length, made.secret.length]).toEqual([object, seed])
    expect(Buffer.from(made.credential).includes(secret)).toBe(false)
  })

  it('is of one name: another name has another MAC and another cipher text', () => {
    const ek = parseTpmPublic(readFileSync(join(folder, 'ek-rsa.tpmt-public')))
    const of = (name: string) =>
      Buffer.from(makeCredential(ek, Buffer.from(name), { secret, random }).credential)
    expect(of('one')).toEqual(of('one'))
    expect(of('one').subarray(4, 36)).not.toEqual(of('two').subarray(4, 36))
    expect(of('one').subarray(36)).not.toEqual(of('two').subarray(36))
  })
})
