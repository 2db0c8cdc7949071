// Activation of an attestation key over the wire: a gateway, a server over TLS and TPMs in software; who certifies endorsement keys is synthetic.
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { EvidenceSource } from '../../../examples/attested-server/attester.ts'
import { tpmSource } from '../../../examples/attested-server/tpm-source.ts'
import { parseTpmPublic } from '../../../src/attest/tpm/public.ts'
import {
  extension,
  type Issued,
  makeLeaf,
  makeRoot,
  OID,
  purposes,
} from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'
import { noSoftwareTpm, type SoftwareTpm, startSoftwareTpm } from '../../support/software-tpm.ts'
import { liveAuthority, pemOf } from './authority.ts'
import { attestedServer } from './server.ts'
import { world } from './world.ts'

const EK_PURPOSE = '2.23.133.8.1'
const ZERO = `sha256:${'00'.repeat(32)}`
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

const policyOf = (tpm: object = {}) => ({
  version: 1,
  id: 'prod',
  tls: {
    anchors: ['live'],
    identity: { any_of: [{ dns: 'localhost' }] },
    revocation: { mode: 'off' },
  },
  evidence: {
    require: { any_of: ['tpm'] },
    binding: ['spki', 'exporter'],
    tpm: {
      ak_trust: ['ek-activation'],
      ak_anchors: ['vendor'],
      event_log: 'off',
      secure_boot: 'off',
      reference: { pcrs: { 7: [ZERO] } },
      ...tpm,
    },
  },
  result: { ttl: '20s', reattest: { interval: '1s', jitter: '0%' } },
})

/** Made when it is needed: certificates must be valid at the time of the test. */
const validNow = () => ({ notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 })

function certify(vendor: Issued, ekPublic: Uint8Array): Buffer {
  const keys = { publicKey: parseTpmPublic(ekPublic).key, privateKey: vendor.key }
  const extensions = {
    [OID.basicConstraints]: extension(OID.basicConstraints, der.sequence(), true),
    [OID.extKeyUsage]: purposes(EK_PURPOSE),
    [OID.keyUsage]: undefined,
    [OID.subjectAltName]: undefined,
  }
  const { certificate } = makeLeaf(vendor, { subject: 'a TPM', keys, extensions, ...validNow() })
  return Buffer.from(certificate.der)
}

describe.skipIf(noSoftwareTpm)('a policy that asks for activation', () => {
  let own: SoftwareTpm
  let other: SoftwareTpm
  let vendor: Issued
  beforeAll(async () => {
    ;[own, other] = await Promise.all([startSoftwareTpm(), startSoftwareTpm({ ek: 'ecc' })])
    vendor = makeRoot({ subject: 'Synthetic TPM vendor', ...validNow() })
  }, 60_000)
  afterAll(async () => {
    for (const tpm of [own, other]) await tpm?.[Symbol.asyncDispose]()
  })

  const sourceOf = (tpm: SoftwareTpm, changes: Partial<SoftwareTpm> = {}, by = vendor) => {
    const shown = { ...tpm, ...changes }
    const ekCertificates = [certify(by, shown.ekPublic)]
    return tpmSource(shown, { registers: { sha256: [0, 7] }, ekCertificates })
  }

  async function scene(source: EvidenceSource, tpm: object = {}) {
    const authority = liveAuthority()
    const server = await attestedServer({
      serverId: 'files',
      ...authority.leaf(),
      sources: [source],
    })
    open.push(server)
    const made = await world({
      servers: [{ name: 'files', url: server.url, attestation: 'prod' }],
      attestation: {
        anchors: { live: { pem: authority.pem } },
        roots: {
          vendor: { family: 'tpm-ek', pem: pemOf(vendor.certificate.der), synthetic: true },
        },
      },
      policies: [policyOf(tpm)],
    })
    open.push(made)
    const first = async () => {
      await expect.poll(async () => (await made.audit('attestation')).length).toBeGreaterThan(0)
      return (await made.audit('attestation'))[0]
    }
    return { server, made, first }
  }

  it.each([
    ['an RSA endorsement key', () => own],
    ['an elliptic one', () => other],
  ])(
    'admits a server whose keys are in one TPM, with %s, and again when it is asked again',
    async (_what, tpm) => {
      const { server, made, first } = await scene(sourceOf(tpm()))
      expect(made.admission('files')).toEqual({ admission: 'admitted', reason: undefined })
      expect((await made.call('files')).ok).toBe(true)
      expect((await first())?.details).toMatchObject({
        level: 'platform',
        freshness: 'checked',
        matched: expect.arrayContaining(['ek-activation:vendor']),
      })
      // two requests for each challenge
      await expect.poll(() => server.challenged(), { timeout: 8000 }).toBeGreaterThan(3)
      await made.until('files', 'admitted')
    },
  )

  it('asks for none where the key is enrolled as well', async () => {
    const digest = createHash('sha256').update(own.akPublic).digest('hex')
    const broken = { ...sourceOf(own), activate: () => Promise.reject(new Error('no')) }
    const trust = { ak_trust: ['enrolled', 'ek-activation'], enrolled: [`sha256:${digest}`] }
    const { made, first } = await scene(broken, trust)
    expect(made.admission('files').admission).toBe('admitted')
    expect((await first())?.details).toMatchObject({
      matched: expect.arrayContaining([`enrolled:sha256:${digest}`]),
    })
  })

  const refused: readonly (readonly [string, string, () => EvidenceSource])[] = [
    [
      'the certificate of another TPM’s endorsement key',
      'evidence.key_mismatch',
      () => ({
        ...sourceOf(own),
        collect: async (binder) => {
          const made = await sourceOf(own).collect(binder)
          const ek_cert = certify(vendor, other.ekPublic).toString('base64url')
          return { ...made, endorsements: { ...made.endorsements, ek_cert } }
        },
      }),
    ],
    [
      'the endorsement key of another TPM with its certificate',
      'evidence.ak_untrusted',
      () => sourceOf(own, { ekPublic: other.ekPublic }),
    ],
    [
      'the endorsement key of another TPM, which the activation is passed on to',
      'evidence.ak_untrusted',
      () => sourceOf(own, { ekPublic: other.ekPublic, activate: other.activate }),
    ],
    [
      'its own endorsement key, and passes the activation on to another TPM',
      'evidence.ak_untrusted',
      () => sourceOf(own, { activate: other.activate }),
    ],
    [
      'another secret than was sent',
      'evidence.ak_untrusted',
      () => sourceOf(own, { activate: async () => randomBytes(32) }),
    ],
    [
      'no secret',
      'evidence.ak_untrusted',
      () => sourceOf(own, { activate: async () => Buffer.alloc(0) }),
    ],
    [
      'more than it was asked for',
      'evidence.unavailable',
      () => sourceOf(own, { activate: async () => randomBytes(2048) }),
    ],
    [
      'an endorsement key that nobody known certified',
      'evidence.untrusted_root',
      () => sourceOf(own, {}, makeRoot({ subject: 'Another vendor', ...validNow() })),
    ],
    [
      'no certificate of its endorsement key',
      'evidence.ak_untrusted',
      () => tpmSource(own, { registers: { sha256: [0, 7] } }),
    ],
  ]

  it.each(refused)('refuses a server that shows %s: %s', async (_what, code, source) => {
    const { server, made, first } = await scene(source())
    const record = await first()
    expect(record?.code).toBe(code)
    expect(made.admission('files').admission).not.toBe('admitted')
    expect((await made.call('files')).ok).toBe(false)
    expect(server.called()).toBe(0)
  })

  it('quarantines a server that gives back what an earlier challenge sent', async () => {
    const genuine = sourceOf(own)
    let earlier: Uint8Array | undefined
    const repeating: EvidenceSource = {
      ...genuine,
      async activate(credential, secret) {
        earlier ??= await genuine.activate?.(credential, secret)
        return earlier ?? Buffer.alloc(0)
      },
    }
    const { made } = await scene(repeating)
    expect(made.admission('files').admission).toBe('admitted')
    await made.until('files', 'quarantined')
    expect(made.admission('files').reason).toMatch(/^nothing vouches for the attestation key/)
    expect((await made.call('files')).ok).toBe(false)
  })
})
