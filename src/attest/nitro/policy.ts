// What a policy wants of a genuine Nitro document; it checks no signature.
import { Denial } from '../denial.ts'
import { assertAllListed, assertListed } from '../evidence/allow.ts'
import type { AllowList, AppraisalContext, Appraised, Claims } from '../evidence/evidence.ts'

const PCRS = Array.from({ length: 16 }, (_, index) => `pcr${index}` as const)
/** Those that say what runs: image, kernel, application, or who signed the image. */
const CODE = ['pcr0', 'pcr1', 'pcr2', 'pcr8'] as const

/** The section `nitro`, with defaults in place and reference values in place of their ids. */
export interface NitroPolicy {
  readonly allow_debug: boolean
  readonly user_data: 'absent' | 'listed' | 'any'
  readonly revocation: 'require' | 'prefer'
  /** `pcr0` to `pcr15`, and `user_data`: the SHA-256 of what the enclave said of itself. */
  readonly reference: Readonly<Record<string, AllowList>>
}

/** `list`: the schema of a list of reference values. */
export const nitroSection = (list: object) =>
  ({
    type: 'object',
    description: 'documents of AWS Nitro Enclaves',
    additionalProperties: false,
    required: ['reference'],
    properties: {
      allow_debug: {
        type: 'boolean',
        default: false,
        description: 'the parent instance may read the console: for tests only',
      },
      user_data: {
        enum: ['absent', 'listed', 'any'],
        default: 'absent',
        description: 'what the enclave may add: nothing, what reference.user_data has, or anything',
      },
      revocation: {
        enum: ['require', 'prefer'],
        default: 'require',
        description: 'require: the revocation lists of AWS must be there',
      },
      reference: {
        type: 'object',
        description: 'lists that the document must be in; an empty list allows nothing',
        additionalProperties: false,
        anyOf: CODE.map((name) => ({ required: [name] })),
        properties: {
          ...Object.fromEntries(PCRS.map((name) => [name, list])),
          user_data: list,
        },
      },
    },
  }) as const

/** Throws the reason for the first thing that the policy does not want. */
export function appraiseNitro(
  claims: Claims,
  policy: NitroPolicy,
  { now }: AppraisalContext,
): Appraised {
  const { flags, measurements } = claims
  // a flag that is not there counts as the worse one
  if (flags.debug !== false && !policy.allow_debug) throw new Denial('evidence.debug')
  if (policy.revocation === 'require' && flags.revocation !== 'checked')
    throw new Denial('evidence.collateral_missing', 'revocation lists of AWS')
  const { user_data: userData, ...pcrs } = policy.reference
  if (!CODE.some((name) => pcrs[name]))
    throw new Denial('evidence.measurement_unlisted', 'no reference for what runs')
  const matched = assertAllListed(measurements, pcrs, now)
  const data = assertUserData(measurements.user_data, userData, policy.user_data, now)
  return {
    trust: {
      hardware: flags.debug === false ? 2 : 96,
      configuration: flags.debug === false ? 2 : 96,
      executables: 2,
    },
    matched: [...new Set([...matched, ...data])],
    warnings: [
      ...(flags.debug === false ? [] : ['debug is on']),
      ...(flags.revocation === 'checked' ? [] : ['revocation was not checked']),
    ],
  }
}

function assertUserData(
  said: string | undefined,
  list: AllowList | undefined,
  rule: NitroPolicy['user_data'],
  now: number,
): readonly string[] {
  if (rule === 'any') return []
  if (rule === 'listed') return [assertListed('user_data', said, list ?? {}, now)]
  if (said !== undefined) throw new Denial('evidence.configuration', 'user_data is not absent')
  return []
}
