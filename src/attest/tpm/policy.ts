// What a policy wants of a TPM: who vouches for its key, and the registers and programs that are allowed; whether they are genuine was checked before.
import { Denial } from '../denial.ts'
import { assertListed } from '../evidence/allow.ts'
import type { AllowList, AppraisalContext, Appraised, Claims } from '../evidence/evidence.ts'
import { REFERENCE_LIST } from '../policy/schema.ts'
import type { TpmHash } from './tpms.ts'

/** What registers must hold; also of a vTPM whose key a TEE vouches for. */
export interface RegisterPolicy {
  readonly banks: readonly TpmHash[]
  readonly reference: {
    /** By number. Every one of them must be listed, in every bank. */
    readonly pcrs: Readonly<Record<string, AllowList>>
    /** Undefined: not asked. Every program that the firmware started must be listed. */
    readonly boot_applications?: AllowList
  }
  readonly event_log: 'require' | 'prefer' | 'off'
  readonly secure_boot: 'require' | 'off'
}

export interface TpmPolicy extends RegisterPolicy {
  readonly ak_trust: readonly ('ak-cert' | 'ek-activation' | 'enrolled')[]
  /** Ids of the roots that may vouch. */
  readonly ak_anchors: readonly string[]
  /** `sha256:<hex>` of the public area (the name of the key without its first two bytes) or of the SubjectPublicKeyInfo. */
  readonly enrolled: readonly string[]
  /** Of the certificates that vouch, where they point to lists. */
  readonly revocation: 'require' | 'prefer' | 'off'
}

const REGISTERS = {
  banks: {
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: { enum: ['sha256', 'sha384', 'sha512'] },
    default: ['sha256'],
    description: 'banks that must be quoted, each with every register of reference.pcrs',
  },
  reference: {
    type: 'object',
    description: 'what may be measured; an empty list allows nothing',
    additionalProperties: false,
    required: ['pcrs'],
    properties: {
      pcrs: {
        type: 'object',
        description: 'registers by number, such as 0, 4, 7 or 11',
        propertyNames: { pattern: '^(?:1?[0-9]|2[0-3])$' },
        additionalProperties: REFERENCE_LIST,
      },
      boot_applications: {
        ...REFERENCE_LIST,
        description:
          'digests of programs that the firmware may start (boot loader, kernel), from the event log; without it they are not asked for',
      },
    },
  },
  event_log: {
    enum: ['require', 'prefer', 'off'],
    default: 'require',
    description:
      'whether the log of measured boot must be there; one that is there must add up in any case',
  },
  secure_boot: {
    enum: ['require', 'off'],
    default: 'require',
    description:
      'whether it must be shown that secure boot is on; by the event log, or by the TEE that holds the vTPM',
  },
} as const

/** The section `evidence.tpm`. */
export const TPM_SECTION = {
  type: 'object',
  description: 'quotes of a TPM 2.0',
  additionalProperties: false,
  required: ['ak_trust', 'reference'],
  properties: {
    ak_trust: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ['ak-cert', 'ek-activation', 'enrolled'] },
      description:
        'what may vouch for the attestation key: a certificate of its own, activation with a certified endorsement key, or its digest in enrolled',
    },
    ak_anchors: {
      type: 'array',
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: 128 },
      default: [],
      description: 'anchors that such a certificate may lead to; an empty list allows none',
    },
    enrolled: {
      type: 'array',
      uniqueItems: true,
      maxItems: 4096,
      items: {
        type: 'string',
        pattern: '^sha256:[0-9a-f]{64}$',
        'x-expects': 'sha256: and 64 digits',
      },
      default: [],
      description:
        'SHA-256 of attestation keys: of the public area (TPMT_PUBLIC) or of the SubjectPublicKeyInfo',
    },
    revocation: {
      enum: ['require', 'prefer', 'off'],
      default: 'require',
      description:
        'require: the revocation lists that the certificates of the key point to must be there; off: they are not fetched. One that is there counts in any case; of certificates that point to none, nothing is asked',
    },
    ...REGISTERS,
  },
} as const

/** The members of a section that are about registers, for other kinds that hold a quote. */
export const REGISTER_SECTION = {
  type: 'object',
  description: 'registers of the vTPM',
  additionalProperties: false,
  required: ['reference'],
  properties: REGISTERS,
} as const

/** Throws `evidence.ak_untrusted`, `evidence.collateral_missing` and what `appraiseRegisters` throws. */
export function appraiseTpm(claims: Claims, policy: TpmPolicy, at: AppraisalContext): Appraised {
  const isUnchecked = claims.flags.revocation === 'not checked'
  const isShown = isCertified(claims, policy)
  if (isShown && isUnchecked && policy.revocation === 'require')
    throw new Denial('evidence.collateral_missing', 'revocation lists of the key')
  const voucher = isShown ? `${claims.flags.ak_trust}:${claims.anchor}` : enrolledOf(claims, policy)
  const { trust, matched, warnings } = appraiseRegisters(claims, policy, at)
  return {
    trust: { ...trust, hardware: 2 },
    matched: [...matched, voucher],
    warnings: [...(isShown && isUnchecked ? ['revocation was not checked'] : []), ...warnings],
  }
}

function isCertified({ flags: { ak_trust: by }, anchor }: Claims, policy: TpmPolicy): boolean {
  const isKnown = by === 'ak-cert' || by === 'ek-activation'
  return isKnown && policy.ak_trust.includes(by) && policy.ak_anchors.includes(anchor)
}

function enrolledOf({ flags }: Claims, policy: TpmPolicy): string {
  if (policy.ak_trust.includes('enrolled'))
    for (const digest of [flags.ak_public_sha256, flags.ak_spki_sha256])
      if (digest !== undefined && policy.enrolled.includes(`sha256:${digest}`))
        return `enrolled:sha256:${digest}`
  throw new Denial('evidence.ak_untrusted', `ak_trust: ${policy.ak_trust.join(', ') || 'empty'}`)
}

/** Throws `evidence.missing`, `evidence.registers_missing`, `evidence.measurement_unlisted`, `evidence.configuration`. */
export function appraiseRegisters(
  claims: Claims,
  policy: RegisterPolicy,
  at: AppraisalContext,
): Appraised {
  const warnings: string[] = []
  if (!claims.flags.event_log) {
    const isNeeded = policy.event_log === 'require' || policy.reference.boot_applications
    if (isNeeded) throw new Denial('evidence.missing', 'event_log')
    if (policy.event_log === 'prefer') warnings.push('no event log was given')
  }
  // a clock that may have gone back says something of the clock only: nothing here is judged by it
  if (claims.flags.clock_safe !== true) warnings.push('the TPM lost power without notice')
  const isSecure = policy.secure_boot === 'require'
  if (isSecure && claims.flags.secure_boot !== true)
    throw new Denial('evidence.configuration', 'secure boot is not shown to be on')
  const matched = new Set<string>()
  for (const bank of policy.banks) matchBank({ claims, bank, policy, at, matched })
  if (matched.size === 0) throw new Denial('evidence.measurement_unlisted', 'reference is empty')
  const trust = { executables: 2, ...(isSecure && { configuration: 2 }) }
  return { trust, matched: [...matched], warnings }
}

interface Matching {
  readonly claims: Claims
  readonly bank: TpmHash
  readonly policy: RegisterPolicy
  readonly at: AppraisalContext
  readonly matched: Set<string>
}

function matchBank({ claims, bank, policy, at, matched }: Matching): void {
  const { pcrs, boot_applications: applications } = policy.reference
  const take = (name: string, list: AllowList): void => {
    const value = claims.measurements[name]
    if (value === undefined) throw new Denial('evidence.registers_missing', name)
    matched.add(assertListed(name, value, list, at.now))
  }
  for (const [register, list] of Object.entries(pcrs)) take(`${bank}.pcr${register}`, list)
  if (!applications) return
  // the first must be there, or a log without any program would pass
  for (let i = 0; i === 0 || Object.hasOwn(claims.measurements, programName(bank, i)); i++)
    take(programName(bank, i), applications)
}

/** The `number`th program that the firmware started. */
export function programName(bank: TpmHash, number: number): string {
  return `${bank}.pcr4.application${number}`
}
