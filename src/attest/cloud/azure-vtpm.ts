// Evidence of a confidential machine in Azure: a quote of its vTPM, whose key the report of the hardware names. Who it is comes from the hardware, that it is now from the quote.
//
// application/vnd.portcullis.azure-snp-vtpm+json and azure-tdx-vtpm+json, binary members in base64url without padding:
//   { "v": 1, "quote": ..., "signature": ..., "pcrs": ... }  as in the form of a TPM quote, and
//   "hcl_report": as read from the vTPM (NV index 0x01400001), and
//   "td_quote": with TDX, the quote over that report (a DCAP quote).
// Endorsements: those of the report of the hardware (vcek and chain, or those of TDX), and event_log.
import { createHash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { Denial, malformed } from '../denial.ts'
import type {
  AppraisalContext,
  Appraised,
  Claims,
  EvidenceItem,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { sha256Of } from '../tpm/key-trust.ts'
import { type Members, readMembers, requiredBytes } from '../tpm/members.ts'
import { appraiseRegisters, REGISTER_SECTION, type RegisterPolicy } from '../tpm/policy.ts'
import { QUOTE_MEMBERS, readQuote } from '../tpm/quote.ts'
import { checkQuote, measurementsOf, stateOf } from '../tpm/quote-check.ts'
import { measuredBootOf } from '../tpm/tpm.ts'
import { type HclReport, readHclReport } from './hcl-report.ts'

/** The section of one of the two: what is wanted of the hardware, and of the registers. */
export interface AzureVtpmPolicy<P> {
  readonly hardware: P
  readonly registers: RegisterPolicy
}

/** The schema of that section; `hardware`: the section of the kind of hardware. */
export const azureVtpmSection = <S extends object>(hardware: S) =>
  ({
    type: 'object',
    description: 'a confidential machine in Azure: its hardware, and the registers of its vTPM',
    additionalProperties: false,
    required: ['hardware', 'registers'],
    properties: { hardware, registers: REGISTER_SECTION },
  }) as const

const LARGEST = 128 * 1024
const LARGEST_REPORT = 8192
const LARGEST_QUOTE = 16 * 1024

interface Kind<P> {
  readonly type: 'azure-snp-vtpm' | 'azure-tdx-vtpm'
  readonly hardware: Verifier<P>
}

/** `hardware`: the verifier of what the paravisor's report is made by, given the report data that names the key of the vTPM. */
export function createAzureVtpm<P>(kind: Kind<P>): Verifier<AzureVtpmPolicy<P>> {
  return {
    type: kind.type,
    needs: (item, policy, at) => needsOf(kind, { item, policy, at }),
    verify: (item, at) => verify(kind, item, at),
    appraise: (claims, policy, at) => appraise(kind, claims, policy, at),
  }
}

function readForm<P>({ type, hardware }: Kind<P>, { bytes }: EvidenceItem) {
  const isTdx = hardware.type === 'tdx'
  const names = [...QUOTE_MEMBERS, 'hcl_report', ...(isTdx ? ['td_quote'] : [])]
  const members = readMembers(bytes, names, { what: type, limit: LARGEST })
  const hcl = readHclReport(requiredBytes(members, 'hcl_report', LARGEST_REPORT))
  if (hcl.tee !== hardware.type) throw malformed(`${type}: a report of other hardware`)
  return { members, hcl }
}

/** Of a TD report only the quote over it can be checked. */
function hardwareItem(
  { tee, hardware }: HclReport,
  members: Members,
  { endorsements }: EvidenceItem,
): EvidenceItem {
  const bytes = tee === 'tdx' ? requiredBytes(members, 'td_quote', LARGEST_QUOTE) : hardware
  return { type: tee, bytes, endorsements }
}

interface Needing<P> {
  readonly item: EvidenceItem
  readonly policy: AzureVtpmPolicy<P>
  readonly at: Pick<Verification, 'now' | 'roots'> | undefined
}

function needsOf<P>(kind: Kind<P>, { item, policy, at }: Needing<P>): readonly CollateralNeed[] {
  const { members, hcl } = readForm(kind, item)
  return kind.hardware.needs?.(hardwareItem(hcl, members, item), policy.hardware, at) ?? []
}

/** The report names the key, the key signs the quote, the quote answers the challenge: none of the three is enough alone. */
function verify<P>(kind: Kind<P>, item: EvidenceItem, at: Verification): Claims {
  const { members, hcl } = readForm(kind, item)
  const quote = readQuote(members)
  const inner = verifyHardware(kind, hardwareItem(hcl, members, item), {
    ...at,
    expected: { kind: 'exact', bytes: hcl.reportData },
  })
  const binding = checkQuote(quote, hcl.ak.key, at.expected)
  const boot = measuredBootOf(item, quote)
  const state = stateOf(quote.attest)
  return {
    ...inner,
    type: kind.type,
    version: `v1 ${inner.version}`,
    size: item.bytes.length,
    contentSha256: createHash('sha256').update(quote.signed).digest('hex'),
    binding,
    // the machine, which may be moved to another chip while it is stopped
    hardwareSha256: sha256Of(hcl.ak.spki),
    tcb: { ...inner.tcb, ...state.tcb },
    measurements: {
      ...inner.measurements,
      ...measurementsOf(quote.registers),
      ...boot?.measurements,
    },
    flags: {
      ...inner.flags,
      ...state.flags,
      ...boot?.flags,
      // the paravisor and the log must not contradict each other
      secure_boot: hcl.secureBoot && boot?.flags.secure_boot !== false,
      event_log: boot !== undefined,
    },
  }
}

/** Report data that is not of this JSON is no wrong nonce: the report names another key. */
function verifyHardware<P>({ hardware }: Kind<P>, item: EvidenceItem, at: Verification): Claims {
  try {
    return hardware.verify(item, at)
  } catch (error) {
    if (error instanceof Denial && error.reason === 'evidence.nonce_mismatch')
      throw new Denial('evidence.key_mismatch', 'the report of the hardware names another key')
    throw error
  }
}

function appraise<P>(
  { hardware }: Kind<P>,
  claims: Claims,
  policy: AzureVtpmPolicy<P>,
  at: AppraisalContext,
): Appraised {
  const ofHardware = hardware.appraise({ ...claims, type: hardware.type }, policy.hardware, at)
  const ofRegisters = appraiseRegisters(claims, policy.registers, at)
  return {
    ...ofHardware,
    trust: worseOf(ofHardware.trust, ofRegisters.trust),
    matched: [...new Set([...ofHardware.matched, ...ofRegisters.matched])],
    warnings: [...ofHardware.warnings, ...ofRegisters.warnings],
  }
}

function worseOf(a: Appraised['trust'], b: Appraised['trust']): Appraised['trust'] {
  const worse: Record<string, number> = { ...a }
  for (const [name, value] of Object.entries(b)) worse[name] = Math.max(worse[name] ?? 0, value)
  return worse
}
