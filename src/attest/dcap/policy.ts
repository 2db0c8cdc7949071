// What the sections `tdx` and `sgx` of an appraisal policy share: their schema, and the appraisal of TCB and measurements.
import { Denial, malformed } from '../denial.ts'
import { assertAllListed } from '../evidence/allow.ts'
import type { AllowList, Appraised, Claims } from '../evidence/evidence.ts'
import { DATE_IN_WORDS, DATE_PATTERN } from '../policy/date.ts'
import { TCB_STATUSES } from '../tcb/status.ts'
import { trailingText } from './verify.ts'

/** Statuses that a policy may ask for; what is outdated can only be tolerated until a date, what is revoked not at all. */
export type Tolerable = 'OutOfDate' | 'OutOfDateConfigurationNeeded' | Acceptable
export type Acceptable =
  | 'UpToDate'
  | 'SWHardeningNeeded'
  | 'ConfigurationNeeded'
  | 'ConfigurationAndSWHardeningNeeded'

export interface DcapPolicy {
  /** Accepted without an end; one other than UpToDate only where Intel names no advisory. */
  readonly tcb_status: readonly Acceptable[]
  readonly tolerate: readonly {
    readonly status: Tolerable
    readonly advisories: readonly string[]
    /** Milliseconds since the epoch. */
    readonly until: number
  }[]
  readonly min_tcb_eval?: number
  readonly allow_debug: boolean
  readonly trim_trailing: boolean
}

/** Members of both sections as JSON Schema. */
export const DCAP_PROPERTIES = {
  tcb_status: {
    type: 'array',
    uniqueItems: true,
    items: { enum: TCB_STATUSES.slice(0, 4) as readonly Acceptable[] },
    default: ['UpToDate'],
    description:
      'statuses of the platform that are accepted; one other than UpToDate only while Intel names no advisory for it, see tolerate',
  },
  tolerate: {
    type: 'array',
    maxItems: 32,
    default: [],
    description: 'what is accepted for a while',
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['status', 'until'],
      properties: {
        status: { enum: TCB_STATUSES.slice(1, 6) as readonly Exclude<Tolerable, 'UpToDate'>[] },
        advisories: {
          type: 'array',
          maxItems: 128,
          items: {
            type: 'string',
            pattern: '^INTEL-SA-[0-9]{5}$',
            'x-expects': 'an advisory such as INTEL-SA-00615',
          },
          default: [],
          description: 'advisories that may be open; one that is not listed refuses',
        },
        until: {
          type: 'string',
          pattern: DATE_PATTERN,
          'x-expects': DATE_IN_WORDS,
          description: 'when this ends',
        },
      },
    },
  },
  min_tcb_eval: {
    type: 'integer',
    minimum: 1,
    description:
      'least tcbEvaluationDataNumber of the collateral, so that older one cannot stand in for newer',
  },
  allow_debug: {
    type: 'boolean',
    default: false,
    description: 'accept what anybody may look into',
  },
  trim_trailing: {
    type: 'boolean',
    default: false,
    description: 'cut off bytes after the declared end of the quote, which nobody signed',
  },
} as const

/** What both kinds refuse whatever the TCB: unsigned bytes and debug. */
export function appraiseForm({ flags }: Claims, policy: DcapPolicy): void {
  const trailing = flags.trailing_bytes
  if (trailing !== 0 && !policy.trim_trailing)
    throw malformed(`quote: ${trailingText(Number(trailing))}`)
  // not `=== true`: a claim that does not say it is none is one
  if (flags.debug !== false && !policy.allow_debug) throw new Denial('evidence.debug')
}

export interface TcbVerdict {
  /** Of the trust vector: 2 up to date, 32 tolerated. */
  readonly hardware: 2 | 32
  readonly warnings: readonly string[]
}

/** Throws `evidence.tcb_revoked`, `evidence.tcb_low`, `evidence.collateral_stale`. */
export function appraiseTcb(claims: Claims, policy: DcapPolicy, now: number): TcbVerdict {
  const { tcbStatus = 'Unrecognized', advisories = [] } = claims
  assertEvaluation(claims, policy.min_tcb_eval)
  if (tcbStatus === 'Revoked' || tcbStatus === 'Unrecognized')
    throw new Denial('evidence.tcb_revoked', tcbStatus)
  const isListed = policy.tcb_status.some((status) => status === tcbStatus)
  if (isListed && tcbStatus === 'UpToDate') return { hardware: 2, warnings: [] }
  if (isListed && advisories.length === 0)
    return { hardware: 32, warnings: [`TCB status ${tcbStatus}`] }
  const tolerated = policy.tolerate.find(
    (one) =>
      one.status === tcbStatus &&
      now <= one.until &&
      advisories.every((advisory) => one.advisories.includes(advisory)),
  )
  if (!tolerated) throw new Denial('evidence.tcb_low', [tcbStatus, ...advisories].join(' '))
  const until = new Date(tolerated.until).toISOString()
  return {
    hardware: 32,
    warnings: [`TCB status ${[tcbStatus, ...advisories].join(' ')}, tolerated until ${until}`],
  }
}

function assertEvaluation({ collateral }: Claims, least: number | undefined): void {
  if (least === undefined) return
  const numbers = collateral.flatMap(({ number }) => (number === undefined ? [] : [number]))
  if (numbers.length === 0 || numbers.some((number) => number < least))
    throw new Denial('evidence.collateral_stale', `tcbEvaluationDataNumber below ${least}`)
}

/** Ids of what matched in each list that the policy has. */
export function matchAll(
  { measurements }: Claims,
  lists: Readonly<Record<string, AllowList | undefined>>,
  now: number,
): Appraised['matched'] {
  const matched = assertAllListed(measurements, lists, now)
  // a policy that lists nothing allows nothing
  if (matched.length === 0)
    throw new Denial('evidence.measurement_unlisted', 'the policy lists no measurement')
  return matched
}
