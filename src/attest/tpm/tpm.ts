// Evidence of a TPM 2.0: a quote over the registers of measured boot, its key, and the log they were made from.
import { createHash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { Denial } from '../denial.ts'
import type {
  Activating,
  Activation,
  Claims,
  EvidenceItem,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { isCertified, keyRevocationNeeds } from '../tpm/key-chain.ts'
import { type ActivationPair, activationId, SECRET } from '../tpm/key-trust.ts'
import { makeCredential } from '../tpm/make-credential.ts'
import { tpmNameOf } from '../tpm/public.ts'
import {
  type AttestationKey,
  activatableIn,
  areaSha256Of,
  attestationKeyIn,
  keyTrustOf,
} from './key-trust.ts'
import { checkMeasuredBoot, type MeasuredBoot } from './measured-boot.ts'
import { optionalBytes, readMembers } from './members.ts'
import { appraiseTpm, type TpmPolicy } from './policy.ts'
import { isOfScheme } from './public.ts'
import { QUOTE_MEMBERS, readQuote, type TpmQuote } from './quote.ts'
import { checkQuote, measurementsOf, stateOf } from './quote-check.ts'

/** Bytes of the JSON form. */
export const LARGEST_QUOTE = 64 * 1024
const LARGEST_LOG = 1024 * 1024

export const tpm: Verifier<TpmPolicy> = {
  type: 'tpm',
  needs: needsOf,
  activation: activationOf,
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
    contentSha256: createHash('sha256').update(quote.signed).digest('hex'),
    signerSha256: trust.signerSha256,
    anchor: trust.root?.id ?? 'none',
    synthetic: trust.root?.synthetic ?? false,
    binding,
    hardwareSha256: trust.hardwareSha256,
    tcb,
    measurements: { ...measurementsOf(quote.registers), ...boot?.measurements },
    flags: {
      ...flags,
      ...boot?.flags,
      event_log: boot !== undefined,
      ak_trust: trust.by,
      ...(trust.revocation && { revocation: trust.revocation }),
      ...enrolmentOf(ak),
    },
    collateral: trust.collateral,
  }
}

function needsOf(
  { endorsements }: EvidenceItem,
  { ak_trust, revocation }: TpmPolicy,
  at?: Pick<Verification, 'now' | 'roots'>,
): readonly CollateralNeed[] {
  // where no root is known, no chain leads to one, and what it says of lists is nobody's word
  if (revocation === 'off' || !at) return []
  return [
    ...(ak_trust.includes('ak-cert') ? keyRevocationNeeds('ak', endorsements, at) : []),
    ...(ak_trust.includes('ek-activation') ? keyRevocationNeeds('ek', endorsements, at) : []),
  ]
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
export function activatable(item: EvidenceItem): ActivationPair | undefined {
  return activatableIn(readDocument(item).ak.area, item.endorsements)
}

/** Not where the policy is content with less: what a TPM cannot do must not keep an enrolled key out. */
function activationOf(
  item: EvidenceItem,
  { ak_trust, enrolled }: TpmPolicy,
  { expected, roots, random }: Activating,
): Activation | undefined {
  const { endorsements } = item
  const isShown = (kind: 'ak' | 'ek') => isCertified(kind, endorsements, { roots })
  if (!expected || !ak_trust.includes('ek-activation') || !isShown('ek')) return
  if (ak_trust.includes('ak-cert') && isShown('ak')) return
  const { ak } = readDocument(item)
  if (ak_trust.includes('enrolled') && isEnrolled(enrolmentOf(ak), enrolled)) return
  const pair = activatableIn(ak.area, endorsements)
  if (!pair) return
  const sent = random(SECRET)
  const made = makeCredential(pair.ek, tpmNameOf(pair.ak), { secret: sent, random })
  return { id: activationId(pair, expected), ...made, sent }
}

function isEnrolled(digests: Readonly<Record<string, string>>, enrolled: readonly string[]) {
  return Object.values(digests).some((digest) => enrolled.includes(`sha256:${digest}`))
}
