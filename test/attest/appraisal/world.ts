// A genuine TDX quote with its collateral (Phala-Network/dcap-qvl, see the fixtures), asked as a server would be at the time of its collateral.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Appraising, appraise } from '../../../src/attest/appraisal/appraise.ts'
import { APPRAISING } from '../../../src/attest/appraisal/appraising.ts'
import type { AppraisalRequest, AppraisalResult } from '../../../src/attest/appraisal/result.ts'
import type { EvidenceItem } from '../../../src/attest/evidence/evidence.ts'
import { readPem } from '../../../src/attest/format/pem.ts'
import type { AppraisalPolicy } from '../../../src/attest/policy/policy.ts'
import { VENDOR_ROOTS } from '../../../src/attest/roots/roots.ts'

const folder = join(import.meta.dirname, '../../fixtures/attestation/tdx')
export const fixture = (name: string): Buffer => readFileSync(join(folder, name))

export const AT = Date.parse('2025-06-19T12:00:00Z')
export const QUOTE = fixture('phala-tdx.quote.dat')
/** REPORTDATA of the quote: the nonce that it answers. */
export const REPORT_DATA = QUOTE.subarray(48 + 520, 48 + 584)
export const ENDORSEMENTS = {
  collateral: JSON.parse(fixture('phala-tdx.collateral.json').toString()) as unknown,
}
export const TDX: EvidenceItem = { type: 'tdx', bytes: QUOTE, endorsements: ENDORSEMENTS }
const PEM = join(import.meta.dirname, '../../fixtures/certificates/dns.pem')
export const LEAF = readPem(readFileSync(PEM, 'latin1'))[0]?.bytes as Uint8Array

export function requestOf(
  policy: AppraisalPolicy | undefined,
  changes: Partial<AppraisalRequest> = {},
): AppraisalRequest {
  return {
    now: AT,
    skew: 60_000,
    server: { id: 'files', transport: 'tls' },
    selection: { policy },
    challenge: { id: 'challenge-1', issuedAt: AT - 1000 },
    expected: { value: { kind: 'exact', bytes: REPORT_DATA }, covers: ['spki'] },
    connection: { chain: [LEAF], protocol: 'TLSv1.3', authorized: true },
    evidence: [TDX],
    anchors: [],
    roots: VENDOR_ROOTS,
    collateral: new Map(),
    ...changes,
  }
}

export const using: Appraising = { ...APPRAISING, monotonic: () => 0 }

export function appraised(
  policy: AppraisalPolicy | undefined,
  changes: Partial<AppraisalRequest> = {},
): AppraisalResult {
  return appraise(requestOf(policy, changes), using)
}

/** `accept`, or the reason with its detail. */
export function verdictOf({ decision, says, reason }: AppraisalResult): string {
  return reason === undefined ? decision : `${reason}: ${says}`
}
