// Servers with a TPM in software in front of a real gateway: real quotes over fresh nonces, and everything that such a server can do wrong.
import { createHash, createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TpmSourceOptions, tpmSource } from '../../../examples/attested-server/tpm-source.ts'
import type { AuditEvent } from '../../../src/audit/record.ts'
import { BOOT, logOf, registersOf } from '../../attest/synthetic/boot-log.ts'
import { AK_PURPOSE } from '../../attest/synthetic/tpm-authority.ts'
import { makeKeys, makeLeaf, makeRoot, OID, purposes } from '../../support/authority.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { noSoftwareTpm, type SoftwareTpm, startSoftwareTpm } from '../../support/software-tpm.ts'
import { relayTo, repeating } from './answers.ts'
import { liveAuthority, pemOf } from './authority.ts'
import { attestedServer, type TestServer } from './server.ts'
import { type World, world } from './world.ts'

const authority = liveAuthority()
const MEASURED = 'ab'.repeat(32)
/** SHA-256 of a register of zeros and what was measured. */
const EXTENDED = 'debb3e7acfff6dd18d501042273629f0b79cb206bb8c24f59f62ddb80849403b'
const ZERO = '00'.repeat(32)
/** Registers 16 and 23 can be set by anybody; that makes them good for tests. */
const registers = { sha256: [0, 7, 16, 23] }

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const enrolled = (...tpms: readonly SoftwareTpm[]) =>
  tpms.map(({ akPublic }) => `sha256:${sha256Of(akPublic)}`)

const policyOf = (id: string, tpm: object) => ({
  version: 1,
  id,
  tls: {
    anchors: ['live'],
    identity: { any_of: [{ dns: 'localhost' }] },
    revocation: { mode: 'off' },
  },
  evidence: {
    require: { all_of: ['tpm'] },
    binding: ['spki', 'exporter'],
    tpm: {
      ak_trust: ['enrolled'],
      event_log: 'off',
      secure_boot: 'off',
      reference: { pcrs: { 0: [`sha256:${ZERO}`], 16: [`sha256:${EXTENDED}`] } },
      ...tpm,
    },
  },
  result: { ttl: '20s', reattest: { interval: '1s', jitter: '0%' } },
})

/** Of the quote that a record is about. */
function contentOf(record: AuditEvent | undefined): string {
  const { evidence = [] } = (record?.details ?? {}) as {
    readonly evidence?: readonly { readonly contentSha256: string }[]
  }
  return evidence[0]?.contentSha256 ?? 'none'
}

/** A server by name, with the policy of the same name. */
interface Part {
  readonly server: TestServer
  readonly policy: object
}

describe.skipIf(noSoftwareTpm)('a server with a TPM in software', () => {
  const open: AsyncDisposable[] = []
  let tpm: SoftwareTpm
  /** With keys of its own; everything that it measured is in a log. */
  let booted: SoftwareTpm
  let made: World
  let folder: string
  const parts: Record<string, Part> = {}

  async function serve(name: string, of: SoftwareTpm, policy: object, more: TpmSourceOptions = {}) {
    const sources = [tpmSource(of, { registers, ...more })]
    const server = await attestedServer({ serverId: name, ...authority.leaf(), sources })
    open.push(server)
    parts[name] = { server, policy: policyOf(name, policy) }
    return server
  }

  const of = (name: string) => parts[name]?.server as TestServer
  const recordsNow = async (name: string) =>
    (await made.audit('attestation')).filter(({ server }) => server === name)
  /** The audit is written behind what it tells of. */
  const records = async (name: string) => {
    await expect.poll(() => recordsNow(name), { timeout: 10_000 }).not.toEqual([])
    return recordsNow(name)
  }
  const lastCode = (name: string, code: string | undefined) =>
    expect.poll(async () => (await recordsNow(name)).at(-1)?.code, { timeout: 15_000 }).toBe(code)

  /** One interval, and what a busy machine takes for it. */
  async function stops(name: string, code: string) {
    await made.until(name, 'quarantined', 15_000)
    await lastCode(name, code)
    const called = of(name).called()
    const { ok, text } = await made.call(name)
    expect([ok, text.includes('UPSTREAM_QUARANTINED')]).toEqual([false, true])
    expect(of(name).called()).toBe(called)
    const record = (await records(name)).at(-1)
    expect(record).toMatchObject({ verdict: 'deny', effective: true })
    expect(made.admission(name).reason).toBe(`${record?.reason} (${code})`)
  }

  beforeAll(async () => {
    const directory = await temporaryDirectory({})
    open.push(directory)
    folder = directory.path
    ;[tpm, booted] = await Promise.all([startSoftwareTpm(), startSoftwareTpm()])
    open.push(tpm, booted)
    await tpm.extend(16, MEASURED)
    for (const { register, data, of: measured = data } of BOOT)
      await booted.extend(register, sha256Of(measured))
    await makeServers()
    made = await world({
      servers: Object.entries(parts).map(([name, { server }]) => ({
        name,
        url: server.url,
        attestation: name,
      })),
      attestation: {
        anchors: { live: { pem: authority.pem } },
        roots: { lab: { family: 'tpm-ak', pem: pemOf(lab.certificate.der) } },
      },
      policies: Object.values(parts).map(({ policy }) => policy),
    })
    open.push(made)
  }, 60_000)
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  const times = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 86_400_000 }
  const lab = makeRoot({ subject: 'lab', ...times })

  /** Of the attestation key, by the lab. */
  function akCertificate({ akSpki }: SoftwareTpm): Buffer {
    const publicKey = createPublicKey({ key: akSpki, format: 'der', type: 'spki' })
    const keys = { publicKey, privateKey: makeKeys().privateKey }
    const extensions = { [OID.extKeyUsage]: purposes(AK_PURPOSE), [OID.subjectAltName]: undefined }
    return Buffer.from(makeLeaf(lab, { keys, ...times, extensions }).certificate.der)
  }

  async function makeServers() {
    const mine = { enrolled: enrolled(tpm) }
    for (const name of ['used', 'replays', 'relays', 'rekeyed', 'changed']) {
      // of what is changed below another register
      const pcrs = {
        [name === 'changed' ? 23 : 16]: [`sha256:${name === 'changed' ? ZERO : EXTENDED}`],
      }
      await serve(name, tpm, { ...mine, reference: { pcrs } })
    }
    await serve('moved', tpm, {
      enrolled: enrolled(tpm, booted),
      reference: { pcrs: { 23: [`sha256:${ZERO}`] } },
    })
    const wrong = await serve('wrong-nonce', tpm, mine)
    const source = tpmSource(tpm, { registers })
    wrong.attestWith({ ...source, collect: () => source.collect(Buffer.alloc(64, 7)) })
    await serve('stranger', tpm, { enrolled: enrolled(booted) })
    await serve('uncertified', tpm, { ak_trust: ['ak-cert'], ak_anchors: ['lab'] })
    const certificates = { akCertificates: [akCertificate(tpm)] }
    await serve('certified', tpm, { ak_trust: ['ak-cert'], ak_anchors: ['lab'] }, certificates)
    await serve('other-anchor', tpm, { ak_trust: ['ak-cert'], ak_anchors: ['mill'] }, certificates)
    await serve('no-log', tpm, { ...mine, event_log: 'require' })
    await serve('fewer', tpm, mine, { registers: { sha256: [0, 7] } })
    const log = join(folder, 'log')
    writeFileSync(log, logOf(BOOT, ['sha256']))
    const { 0: firmware, 4: programs, 7: secure } = registersOf(BOOT, 'sha256')
    const measured = {
      enrolled: enrolled(booted),
      event_log: 'require',
      secure_boot: 'require',
      reference: {
        pcrs: { 0: [`sha256:${firmware}`], 4: [`sha256:${programs}`], 7: [`sha256:${secure}`] },
        boot_applications: ['loader', 'kernel'].map(
          (name) => `sha256:${sha256Of(Buffer.from(name))}`,
        ),
      },
    }
    const quoted = { registers: { sha256: [0, 4, 7] } }
    await serve('logged', booted, measured, { ...quoted, eventLog: log })
    const short = join(folder, 'short')
    writeFileSync(short, logOf(BOOT.slice(0, -1), ['sha256']))
    await serve('short-log', booted, measured, { ...quoted, eventLog: short })
  }

  it('is admitted with a fresh nonce, used, and attested again', async () => {
    expect(made.admission('used').reason).toBeUndefined()
    expect((await made.call('used')).ok).toBe(true)
    const before = of('used').challenged()
    await expect.poll(() => of('used').challenged(), { timeout: 15_000 }).toBeGreaterThan(before)
    expect((await made.call('used')).ok).toBe(true)
    expect(of('used').called()).toBe(2)
    await expect.poll(async () => (await records('used')).length).toBeGreaterThan(1)
    const [first, second] = await records('used')
    const common = { verdict: 'admit', effective: true, policy: 'used' }
    const details = { freshness: 'checked', level: 'platform' }
    expect(first).toMatchObject({ ...common, details: { cause: 'registration', ...details } })
    expect(second).toMatchObject({ ...common, details: { cause: 'interval', ...details } })
    // of each time another quote
    const contents = [first, second].map(contentOf)
    expect(new Set(contents).size).toBe(2)
  })

  it.each([
    ['evidence over another nonce', 'wrong-nonce', 'evidence.nonce_mismatch'],
    ['a key that is not enrolled', 'stranger', 'evidence.ak_untrusted'],
    ['a key without a certificate where one is asked for', 'uncertified', 'evidence.ak_untrusted'],
    [
      'a certificate of an authority that the policy does not name',
      'other-anchor',
      'evidence.ak_untrusted',
    ],
    ['no event log where one is required', 'no-log', 'evidence.missing'],
    ['an event log that does not add up', 'short-log', 'evidence.measurement_mismatch'],
    ['a register too few', 'fewer', 'evidence.registers_missing'],
  ])('is refused with %s', async (_what, name, code) => {
    await stops(name, code)
    expect((await records(name))[0]).toMatchObject({ code, details: { cause: 'registration' } })
    expect(of(name).called()).toBe(0)
  })

  it('is admitted by a certificate of its key, and by a log that adds up with secure boot on', async () => {
    for (const name of ['certified', 'logged']) {
      // or it is asked again this very moment
      expect(made.admission(name)).toEqual({
        admission: expect.stringMatching(/^(?:admitted|due)$/),
        reason: undefined,
      })
      expect((await made.call(name)).ok).toBe(true)
    }
    expect((await records('certified'))[0]).toMatchObject({
      details: { matched: expect.arrayContaining(['ak-cert:lab']) },
    })
  })

  it('is quarantined when it answers as it did before', async () => {
    of('replays').answerWith(repeating(of('replays').attester()))
    await stops('replays', 'evidence.nonce_mismatch')
  })

  it('is quarantined when it passes the challenge on to who has the TPM, behind another key', async () => {
    const { url } = of('relays')
    const sources = [tpmSource(tpm, { registers })]
    const behind = await attestedServer({
      serverId: 'relays',
      targetUrl: url,
      ...authority.leaf(),
      sources,
    })
    open.push(behind)
    of('relays').answerWith(relayTo(behind))
    await stops('relays', 'evidence.nonce_mismatch')
  })

  it('is quarantined on another TPM, though that one is enrolled too', async () => {
    of('moved').attestWith(tpmSource(booted, { registers }))
    await stops('moved', 'evidence.identity_changed')
  })

  it('is quarantined when it shows another TLS key, and serves with that one once it is attested', async () => {
    const calls = of('rekeyed').called()
    of('rekeyed').answerWith((_request, response) => void response.writeHead(503).end())
    of('rekeyed').rekey(authority.leaf())
    const { ok, text } = await made.call('rekeyed')
    expect([ok, /UPSTREAM_(?:KEY_CHANGED|QUARANTINED)/.test(text)]).toEqual([false, true])
    await made.until('rekeyed', 'quarantined', 15_000)
    expect(made.admission('rekeyed').reason).toContain('another key than the one that was admitted')
    expect(of('rekeyed').called()).toBe(calls)
    of('rekeyed').answerWith(undefined)
    await expect.poll(async () => (await made.call('rekeyed')).ok, { timeout: 15_000 }).toBe(true)
  })

  it('is quarantined when something is measured while it is admitted', async () => {
    expect((await made.call('changed')).ok).toBe(true)
    await tpm.extend(23, MEASURED)
    await stops('changed', 'evidence.measurement_unlisted')
    expect(of('changed').called()).toBe(1)
  })
})
