// Trust domains of TDX and Nitro Enclaves through a whole gateway: admitted, and refused where they are debuggable; documents are synthetic.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EvidenceSource } from '../../../examples/attested-server/attester.ts'
import { makeDocument, makeEnclave, nitroItem, pcr } from '../../attest/synthetic/nitro.ts'
import { makeDcap } from '../../attest/synthetic/tdx.ts'
import { liveAuthority, pemOf } from './authority.ts'
import { attestedServer, type TestServer } from './server.ts'
import { type World, world } from './world.ts'

const now = Date.now()
const authority = liveAuthority()
const intel = makeDcap({ now })
const enclave = makeEnclave({ startedAt: now - 60_000 })

const sourceOf = (
  type: string,
  make: (binder: Uint8Array) => {
    bytes: Uint8Array
    endorsements: Readonly<Record<string, unknown>>
  },
): EvidenceSource => ({
  type,
  async collect(binder) {
    const { bytes, endorsements } = make(binder)
    return { cmw: [type, Buffer.from(bytes).toString('base64url'), 4], endorsements }
  },
})

const tdxSource = (body: Readonly<Record<number, Uint8Array>> = {}) =>
  sourceOf(
    'application/vnd.portcullis.tdx-quote',
    (reportData) => makeDcap({ now, pki: intel.pki, reportData, body }).item,
  )

const nitroSource = (pcrs?: Readonly<Record<number, Uint8Array>>) =>
  sourceOf('application/vnd.portcullis.nitro-document+cbor', (nonce) =>
    nitroItem(
      makeDocument(enclave, {
        timestamp: Date.now(),
        nonce,
        ...(pcrs === undefined ? {} : { pcrs }),
      }),
    ),
  )

const policyOf = (id: string, section: object) => ({
  version: 1,
  id,
  tls: {
    anchors: ['live'],
    identity: { any_of: [{ dns: 'localhost' }] },
    revocation: { mode: 'off' },
  },
  evidence: { require: { all_of: [id] }, binding: ['spki', 'exporter'], [id]: section },
})

const digest = (byte: number) => `sha384:${Buffer.alloc(48, byte).toString('hex')}`
const POLICIES = [
  policyOf('tdx', { reference: { mrtd: [digest(0x7d)], rtmr2: [digest(0xa2)] } }),
  policyOf('nitro', {
    revocation: 'prefer',
    // a debuggable one says zeros, which nobody should list; here it is, so that debug alone refuses
    reference: { pcr0: [digest(0xa0), digest(0)], pcr8: [digest(0)] },
  }),
]

/** TD ATTRIBUTES with bit 0, DEBUG, beside SEPT_VE_DISABLE. */
const DEBUG = { 120: Buffer.of(1, 0, 0, 0x10, 0, 0, 0, 0) }
const ZEROS = { 0: pcr(0), 1: pcr(0), 2: pcr(0) }

const SERVERS: Readonly<Record<string, readonly [policy: string, source: EvidenceSource]>> = {
  tdx: ['tdx', tdxSource()],
  'tdx-debug': ['tdx', tdxSource(DEBUG)],
  'tdx-other': ['tdx', tdxSource({ 136: Buffer.alloc(48, 0x7e) })],
  nitro: ['nitro', nitroSource()],
  'nitro-debug': ['nitro', nitroSource(ZEROS)],
  'nitro-other': ['nitro', nitroSource({ 0: pcr(0xa9), 1: pcr(0xa1), 2: pcr(0xa2) })],
}

describe('an enclave', () => {
  const open: AsyncDisposable[] = []
  const servers: Record<string, TestServer> = {}
  let made: World
  beforeAll(async () => {
    for (const [name, [, source]] of Object.entries(SERVERS)) {
      const server = await attestedServer({
        serverId: name,
        ...authority.leaf(),
        sources: [source],
      })
      open.push(server)
      servers[name] = server
    }
    made = await world({
      servers: Object.entries(SERVERS).map(([name, [policy]]) => ({
        name,
        url: servers[name]?.url,
        attestation: policy,
      })),
      attestation: {
        anchors: { live: { pem: authority.pem } },
        roots: {
          'test-intel': { family: 'intel', pem: pemOf(intel.root.der), synthetic: true },
          'test-nitro': { family: 'nitro', pem: pemOf(enclave.root.der), synthetic: true },
        },
      },
      policies: POLICIES,
    })
    open.push(made)
  })
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  async function recordOf(name: string) {
    const records = async () =>
      (await made.audit('attestation')).filter(({ server }) => server === name)
    await expect.poll(async () => (await records()).length, { timeout: 5000 }).toBeGreaterThan(0)
    return (await records())[0]
  }

  it.each([
    ['tdx', 'test-intel'],
    ['nitro', 'test-nitro'],
  ])(
    'of kind %s is admitted and used, and the audit says that it is synthetic',
    async (name, anchor) => {
      expect(made.admission(name)).toEqual({ admission: 'admitted', reason: undefined })
      expect((await made.call(name)).ok).toBe(true)
      expect(await recordOf(name)).toMatchObject({
        verdict: 'admit',
        details: {
          level: 'platform',
          freshness: 'checked',
          evidence: [{ type: name, synthetic: true, anchor }],
        },
      })
    },
  )

  it.each([
    ['tdx-debug', 'evidence.debug'],
    ['tdx-other', 'evidence.measurement_unlisted'],
    ['nitro-debug', 'evidence.debug'],
    ['nitro-other', 'evidence.measurement_unlisted'],
  ])('%s is refused: %s', async (name, code) => {
    expect(made.admission(name).admission).toBe('quarantined')
    expect((await made.call(name)).text).toContain('UPSTREAM_QUARANTINED')
    expect(servers[name]?.called()).toBe(0)
    expect(await recordOf(name)).toMatchObject({
      verdict: 'deny',
      effective: true,
      code,
      details: { evidence: [{ synthetic: true }] },
    })
  })
})
