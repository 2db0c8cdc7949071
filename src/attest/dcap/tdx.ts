// Evidence of kind `tdx`: a DCAP quote of a trust domain (v4, v5); what SGX has in common with it is in verify.ts.

import { Denial, malformed } from '../denial.ts'
import type {
  AllowList,
  AppraisalContext,
  Appraised,
  Claims,
  EvidenceItem,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { hexOf, isZero } from '../format/der.ts'
import { dcapNeeds, type PcsOptions } from '../tcb/needs.ts'
import { appraiseForm, appraiseTcb, DCAP_PROPERTIES, type DcapPolicy, matchAll } from './policy.ts'
import type { TdReport } from './quote.ts'
import { verifyDcap } from './verify.ts'

const MEASUREMENTS = [
  'mrtd',
  'rtmr0',
  'rtmr1',
  'rtmr2',
  'rtmr3',
  'mrseam',
  'mrconfigid',
  'mrowner',
  'mrownerconfig',
  'mrservicetd',
] as const

/** Section `tdx` of a policy, with defaults in place. */
export interface TdxPolicy extends DcapPolicy {
  readonly require_sept_ve_disable: boolean
  readonly allow_migration: boolean
  /** What is left out is not looked at; of what is there each must match, and there must be one. */
  readonly reference: Readonly<Partial<Record<(typeof MEASUREMENTS)[number], AllowList>>>
}

const flag = (value: boolean, description: string) =>
  ({ type: 'boolean', default: value, description }) as const

/** `list`: the schema of a list of reference values. */
export const tdxSection = (list: object) =>
  ({
    type: 'object',
    description: 'Intel TDX: the quote of a trust domain',
    additionalProperties: false,
    required: ['reference'],
    properties: {
      ...DCAP_PROPERTIES,
      require_sept_ve_disable: flag(
        true,
        'refuse a trust domain whose host may make it see exceptions for memory that was taken away',
      ),
      allow_migration: flag(false, 'a migration TD may move the trust domain'),
      reference: {
        type: 'object',
        description: 'lists that the quote must be in; an empty list allows nothing',
        additionalProperties: false,
        minProperties: 1,
        properties: Object.fromEntries(MEASUREMENTS.map((name) => [name, list])),
      },
    },
  }) as const

export function createTdxVerifier(options: PcsOptions = {}): Verifier<TdxPolicy> {
  return {
    type: 'tdx',
    needs: (item) => dcapNeeds('tdx', item, options),
    verify: verifyTdx,
    appraise: appraiseTdx,
  }
}

export const tdx: Verifier<TdxPolicy> = createTdxVerifier()

function verifyTdx(item: EvidenceItem, at: Verification): Claims {
  const { quote, claims, flags } = verifyDcap('tdx', item, at)
  if (quote.tee !== 'tdx') throw new Denial('evidence.unsupported', 'quote that is not of tdx')
  return {
    type: 'tdx',
    ...claims,
    measurements: measurementsOf(quote.body),
    flags: { ...flags, ...attributesOf(quote.body) },
  }
}

function measurementsOf(report: TdReport): Claims['measurements'] {
  const digest = (bytes: Uint8Array): string => `sha384:${hexOf(bytes)}`
  const raw = (bytes: Uint8Array): string => `raw:${hexOf(bytes)}`
  const [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmrs
  return {
    mrtd: digest(report.mrTd),
    rtmr0: digest(rtmr0),
    rtmr1: digest(rtmr1),
    rtmr2: digest(rtmr2),
    rtmr3: digest(rtmr3),
    mrseam: digest(report.mrSeam),
    mrsignerseam: digest(report.mrSignerSeam),
    // what these hold is up to whoever launches
    mrconfigid: raw(report.mrConfigId),
    mrowner: raw(report.mrOwner),
    mrownerconfig: raw(report.mrOwnerConfig),
    ...(report.mrServiceTd && { mrservicetd: digest(report.mrServiceTd) }),
  }
}

/** Bits of TD ATTRIBUTES (Intel TDX module specification, TD_ATTRIBUTES) above the first eight, which are all of debug. */
const BITS = {
  sept_ve_disable: 28,
  migratable: 29,
  pks: 30,
  key_locker: 31,
  perfmon: 63,
} as const
/** LASS and TPA, which say nothing of who may look in. */
const OTHER_BITS = [27, 62]

function attributesOf({ attributes, mrServiceTd }: TdReport): Claims['flags'] {
  const isSet = (bit: number): boolean =>
    (((attributes[bit >> 3] as number) >> (bit & 7)) & 1) === 1
  const known = new Set<number>([...Object.values(BITS), ...OTHER_BITS])
  for (let bit = 8; bit < 64; bit++)
    if (isSet(bit) && !known.has(bit)) throw malformed('TD attributes: reserved bits are set')
  const named = Object.entries(BITS).map(([name, bit]) => [name, isSet(bit)])
  return {
    ...Object.fromEntries(named),
    service_td: mrServiceTd !== undefined && !isZero(mrServiceTd),
  }
}

function appraiseTdx(claims: Claims, policy: TdxPolicy, { now }: AppraisalContext): Appraised {
  const { flags } = claims
  appraiseForm(claims, policy)
  if (flags.migratable !== false && !policy.allow_migration)
    throw new Denial('evidence.migration', 'TD attribute MIGRATABLE')
  const isSafe = flags.sept_ve_disable === true
  if (!isSafe && policy.require_sept_ve_disable)
    throw new Denial('evidence.configuration', 'TD attribute SEPT_VE_DISABLE is 0')
  const { hardware, warnings } = appraiseTcb(claims, policy, now)
  const matched = matchAll(claims, policy.reference, now)
  return {
    trust: {
      hardware: flags.debug === false ? hardware : 96,
      configuration: isSafe && flags.migratable === false ? 2 : 32,
      executables: 2,
    },
    matched,
    warnings,
  }
}
