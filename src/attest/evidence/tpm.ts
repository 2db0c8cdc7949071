// Evidence of a TPM 2.0: a quote over the registers of measured boot, its key, and the log they were made from.
import { hash } from 'node:crypto'
import { Denial } from '../denial.ts'
import {
  type AttestationKey,
  activatableIn,
  areaSha256Of,
  attestationKeyIn,
  keyTrustOf,
} from '../tpm/key-trust.ts'
import { checkMeasuredBoot, type MeasuredBoot } from '../tpm/measured-boot.ts'
import { optionalBytes, readMembers } from '../tpm/members.ts'
import { appraiseTpm, type TpmPolicy } from '../tpm/policy.ts'
import { isOfScheme } from '../tpm/public.ts'
import { QUOTE_MEMBERS, readQuote, type TpmQuote } from '../tpm/quote.ts'
import { checkQuote, stateOf } from '../tpm/quote-check.ts'
import type { Claims, EvidenceItem, Verification, Verifier } from './evidence.ts'

/** Bytes of the JSON form. */
export const LARGEST_QUOTE = 64 * 1024
const LARGEST_LOG = 1024 * 1024

export const tpm: Verifier<TpmPolicy> = {
  type: 'tpm',
  verify: verifyTpm,
  appraise: appraiseTpm,
}

interface TpmDocument {
  readonly quote: TpmQuote
  readonly ak: AttestationKey
}

function readDocument({ bytes }: EvidenceItem): TpmDocument {
  const names = [...QUOTE_MEMBERS, 'ak_public', 'ak_spki']
  const members = readMembers(bytes, names, { what: 'TPM quote', limit: LARGEST_QUOTE })
  const [quote, ak] = [readQuote(members), attestationKeyIn(members)]
  if (ak.area && !isOfScheme(ak.area, quote.signature))
    throw new Denial('evidence.weak_algorithm', 'signature of another scheme than the key has')
  return { quote, ak }
}

function verifyTpm(item: EvidenceItem, at: Verification): Claims {
  const { quote, ak } = readDocument(item)
  const trust = keyTrustOf(ak, item.endorsements, at)
  const binding = checkQuote(quote, ak.key, at.expected)
  const boot = measuredBootOf(item, quote)
  const { tcb, flags } = stateOf(quote.attest)
  return {
    type: 'tpm',
    attests: 'platform',
    version: 'v1',
    size: item.bytes.length,
    contentSha256: hash('sha256', quote.signed),
    signerSha256: trust.signerSha256,
    anchor: trust.root?.id ?? 'none',
    synthetic: trust.root?.synthetic ?? false,
    binding,
    hardwareSha256: trust.hardwareSha256,
    tcb,
    measurements: boot ? { ...quote.measurements, ...boot.measurements } : quote.measurements,
    flags: {
      ...flags,
      ...boot?.flags,
      event_log: boot !== undefined,
      ak_trust: trust.by,
      ...enrolmentOf(ak),
    },
    collateral: [],
  }
}

/** Digests by which an operator may have enrolled the key. */
function enrolmentOf({ area, spkiSha256 }: AttestationKey): Record<string, string> {
  return { ak_spki_sha256: spkiSha256, ...(area && { ak_public_sha256: areaSha256Of(area) }) }
}

/** The log of the endorsements, where there is one: it must add up. */
export function measuredBootOf(
  { endorsements }: EvidenceItem,
  { registers }: TpmQuote,
): MeasuredBoot | undefined {
  const log = optionalBytes(endorsements, 'event_log', LARGEST_LOG)
  return log && checkMeasuredBoot(log, registers)
}

/** The keys with which a second round can show that the attestation key is in the TPM of the endorsement key; section 5.1. */
export function activatable(item: EvidenceItem): ReturnType<typeof activatableIn> {
  return activatableIn(readDocument(item).ak.area, item.endorsements)
}
