// Attestation from the policy to the call, over real TLS on loopback; reports of SEV-SNP are synthetic, under a root of a test.
import { afterEach, describe, expect, it } from 'vitest'
import type { EvidenceSource } from '../../../examples/attested-server/attester.ts'
import {
  type Chip,
  makeChip,
  makeReport,
  type ReportOptions,
  snpItem,
} from '../../attest/synthetic/snp.ts'
import { type LiveAuthority, liveAuthority, pemOf } from './authority.ts'
import { attestedServer, type TestServer } from './server.ts'
import { type World, type WorldOptions, world } from './world.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

const MEASUREMENT = '4d'.repeat(48)

/** What a processor says, over the binder or whatever else it is given. */
function snpSource(chip: Chip, options: Partial<ReportOptions> = {}): EvidenceSource {
  return {
    type: 'application/vnd.portcullis.snp-report',
    async collect(binder) {
      const item = snpItem(chip, makeReport(chip, { reportData: binder, ...options }))
      return {
        cmw: [
          'application/vnd.portcullis.snp-report',
          Buffer.from(item.bytes).toString('base64url'),
          4,
        ],
        endorsements: item.endorsements,
      }
    },
  }
}

const policyOf = (
  changes: { tls?: object; evidence?: object; snp?: object; result?: object; top?: object } = {},
) => ({
  version: 1,
  id: 'prod',
  tls: {
    anchors: ['live'],
    identity: { any_of: [{ dns: 'localhost' }] },
    revocation: { mode: 'off' },
    ...changes.tls,
  },
  evidence: {
    require: { any_of: ['sev-snp'] },
    'sev-snp': {
      products: ['Milan'],
      min_tcb: { Milan: { bl: 0, tee: 0, snp: 0, ucode: 0 } },
      revocation: 'off',
      reference: { measurement: ['rv:build'] },
      ...changes.snp,
    },
    ...changes.evidence,
  },
  reference_values: { 'rv:build': { values: [`sha384:${MEASUREMENT}`] } },
  result: { ttl: '20s', reattest: { interval: '1s', jitter: '0%' }, ...changes.result },
  ...changes.top,
})

interface Scene {
  readonly authority: LiveAuthority
  readonly chip: Chip
  readonly server: TestServer
  readonly made: World
}

async function scene(
  options: {
    readonly policy?: object
    readonly source?: (chip: Chip) => EvidenceSource
    readonly attestation?: object
    readonly world?: Partial<WorldOptions>
    readonly server?: object
  } = {},
): Promise<Scene> {
  const authority = liveAuthority()
  const chip = makeChip({ product: 'Milan' })
  const { source = (made: Chip) => snpSource(made) } = options
  const server = await attestedServer({
    serverId: 'files',
    ...authority.leaf(),
    sources: [source(chip)],
  })
  open.push(server)
  const made = await world({
    servers: [{ name: 'files', url: server.url, attestation: 'prod', ...options.server }],
    attestation: {
      anchors: { live: { pem: authority.pem } },
      roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
      ...options.attestation,
    },
    policies: [options.policy ?? policyOf()],
    ...options.world,
  })
  open.push(made)
  return { authority, chip, server, made }
}

describe('a server with an appraisal policy', () => {
  it('is admitted with fresh evidence, used, and attested again', async () => {
    const { server, made } = await scene()
    expect(made.admission('files')).toEqual({ admission: 'admitted', reason: undefined })
    expect(await made.call('files')).toMatchObject({ ok: true })
    const first = server.challenged()
    await expect.poll(() => server.challenged(), { timeout: 5000 }).toBeGreaterThan(first)
    expect((await made.call('files')).ok).toBe(true)
    const [record] = await made.audit('attestation')
    expect(record).toMatchObject({
      server: 'files',
      verdict: 'admit',
      effective: true,
      details: {
        cause: 'registration',
        level: 'platform',
        freshness: 'checked',
        matched: ['rv:build'],
      },
    })
  })
})
