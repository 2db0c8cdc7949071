// A policy about SEV-SNP and a source of reports that satisfies it or not; synthetic, under a root of a test.
import type { EvidenceSource } from '../../../examples/attested-server/attester.ts'
import { type Chip, makeReport, type ReportOptions, snpItem } from '../../attest/synthetic/snp.ts'

export const MEASUREMENT = '4d'.repeat(48)

const TYPE = 'application/vnd.portcullis.snp-report'

/** What a processor says, over the binder or whatever else it is given. */
export function snpSource(chip: Chip, options: Partial<ReportOptions> = {}): EvidenceSource {
  return {
    type: TYPE,
    async collect(binder) {
      const item = snpItem(chip, makeReport(chip, { reportData: binder, ...options }))
      return {
        cmw: [TYPE, Buffer.from(item.bytes).toString('base64url'), 4],
        endorsements: item.endorsements,
      }
    },
  }
}

/** Evidence that nobody knows. */
export const NOTHING: EvidenceSource = {
  type: TYPE,
  collect: async () => ({ cmw: ['application/vnd.example', 'AAAA', 4], endorsements: {} }),
}

export const policyOf = (
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
      revocation: 'prefer',
      reference: { measurement: ['rv:build'] },
      ...changes.snp,
    },
    ...changes.evidence,
  },
  reference_values: { 'rv:build': { values: [`sha384:${MEASUREMENT}`] } },
  result: { ttl: '20s', reattest: { interval: '1s', jitter: '0%' }, ...changes.result },
  ...changes.top,
})
