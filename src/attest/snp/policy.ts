// What a policy wants of a genuine SEV-SNP report; it checks no signature.
import { Denial } from '../denial.ts'
import { assertAllListed } from '../evidence/allow.ts'
import type { AllowList, AppraisalContext, Appraised, Claims } from '../evidence/evidence.ts'
import { SNP_PRODUCTS, type SnpProduct, type SnpTcb, TCB_COMPONENTS } from './certificate.ts'

const KEY_TYPES = ['vcek', 'vlek'] as const
const REFERENCES = [
  'measurement',
  'host_data',
  'family_id',
  'image_id',
  'id_key_digest',
  'author_key_digest',
] as const

/** The section `sev-snp`, with defaults in place and reference values in place of their ids. */
export interface SevSnpPolicy {
  readonly products: readonly SnpProduct[]
  readonly key_types: readonly (typeof KEY_TYPES)[number][]
  readonly csp_ids: readonly string[]
  readonly vmpl: readonly number[]
  readonly allow_debug: boolean
  readonly allow_migration: boolean
  readonly allow_smt: boolean
  readonly allow_masked_chip: boolean
  readonly require_alias_check: boolean
  readonly revocation: 'require' | 'prefer'
  readonly min_guest_svn: number
  readonly min_tcb: Readonly<Partial<Record<SnpProduct, SnpTcb>>>
  readonly min_tcb_also: readonly ('committed' | 'launch')[]
  readonly reference: Readonly<Partial<Record<(typeof REFERENCES)[number], AllowList>>>
}

const flag = (value: boolean, description: string) =>
  ({ type: 'boolean', default: value, description }) as const
const component = { type: 'integer', minimum: 0, maximum: 255 } as const

const minTcb = {
  type: 'object',
  additionalProperties: false,
  required: ['bl', 'tee', 'snp', 'ucode'],
  properties: Object.fromEntries(TCB_COMPONENTS.map((name) => [name, component])),
} as const

/** `list`: the schema of a list of reference values. */
export const sevSnpSection = (list: object) =>
  ({
    type: 'object',
    description: 'AMD SEV-SNP reports',
    additionalProperties: false,
    required: ['products', 'min_tcb', 'reference'],
    properties: {
      products: {
        type: 'array',
        uniqueItems: true,
        items: { enum: SNP_PRODUCTS },
        description: 'processors that are allowed; Genoa includes Bergamo and Siena',
      },
      key_types: {
        type: 'array',
        uniqueItems: true,
        items: { enum: KEY_TYPES },
        default: ['vcek'],
        description: 'vcek: a key of the chip; vlek: a key that AMD leased to a provider',
      },
      csp_ids: {
        type: 'array',
        maxItems: 64,
        items: { type: 'string', minLength: 1, maxLength: 256 },
        default: [],
        description: 'providers whose VLEK is allowed, as the certificate names them',
      },
      vmpl: {
        type: 'array',
        uniqueItems: true,
        items: { type: 'integer', minimum: 0, maximum: 3 },
        default: [0],
        description: 'privilege levels a report may be made at',
      },
      allow_debug: flag(false, 'the host may look into the guest: for tests only'),
      allow_migration: flag(false, 'a migration agent may move the guest'),
      allow_smt: flag(true, 'the guest may run on a host with simultaneous multithreading'),
      allow_masked_chip: flag(false, 'a VCEK report may leave out which chip it is of'),
      require_alias_check: flag(true, 'the platform looked for aliased memory (CVE-2024-21944)'),
      revocation: {
        enum: ['require', 'prefer'],
        default: 'require',
        description: 'require: AMD’s revocation list must be there',
      },
      min_guest_svn: { type: 'integer', minimum: 0, maximum: 4294967295, default: 0 },
      min_tcb: {
        type: 'object',
        description: 'lowest reported TCB of each product, each component by itself',
        additionalProperties: false,
        properties: Object.fromEntries(SNP_PRODUCTS.map((name) => [name, minTcb])),
      },
      min_tcb_also: {
        type: 'array',
        uniqueItems: true,
        items: { enum: ['committed', 'launch'] },
        default: [],
        description: 'other TCBs of the report that must be as high',
      },
      reference: {
        type: 'object',
        description: 'lists that the report must be in; an empty list allows nothing',
        additionalProperties: false,
        anyOf: [{ required: ['measurement'] }, { required: ['id_key_digest'] }],
        properties: Object.fromEntries(REFERENCES.map((name) => [name, list])),
      },
    },
  }) as const

/** Throws the reason for the first thing that the policy does not want. */
export function appraiseSevSnp(
  claims: Claims,
  policy: SevSnpPolicy,
  { now }: AppraisalContext,
): Appraised {
  assertKey(claims, policy)
  assertFlags(claims, policy)
  assertTcb(claims, policy)
  const { measurement, id_key_digest } = policy.reference
  if (!measurement && !id_key_digest)
    throw new Denial('evidence.measurement_unlisted', 'no reference for what runs')
  const matched = assertAllListed(claims.measurements, policy.reference, now)
  const { debug, migration, revocation } = claims.flags
  const warnings = [
    ...(debug === true ? ['debug is on'] : []),
    ...(migration === true ? ['migration is allowed'] : []),
    ...(revocation !== 'checked' ? ['revocation was not checked'] : []),
  ]
  return {
    trust: {
      hardware: debug === true ? 96 : 2,
      configuration: debug === true ? 96 : migration === true ? 32 : 2,
      executables: 2,
    },
    matched,
    warnings,
  }
}

function assertKey({ product, flags }: Claims, policy: SevSnpPolicy): void {
  if (!policy.products.some((name) => name === product))
    throw new Denial('evidence.product', 'product')
  if (!policy.key_types.some((name) => name === flags.key_type))
    throw new Denial('evidence.product', 'key type')
  if (flags.key_type === 'vlek' && !policy.csp_ids.some((id) => id === flags.csp_id))
    throw new Denial('evidence.product', 'provider of the VLEK')
  if (flags.key_type === 'vcek' && flags.chip_masked !== false && !policy.allow_masked_chip)
    throw new Denial('evidence.configuration', 'the chip id is masked')
  if (policy.revocation === 'require' && flags.revocation !== 'checked')
    throw new Denial('evidence.collateral_missing', 'revocation list of AMD')
}

/** A flag that is not there counts as the worse one. */
function assertFlags({ flags }: Claims, policy: SevSnpPolicy): void {
  if (flags.debug !== false && !policy.allow_debug) throw new Denial('evidence.debug')
  if (!policy.vmpl.some((level) => level === flags.vmpl)) throw new Denial('evidence.privilege')
  if (flags.migration !== false && !policy.allow_migration) throw new Denial('evidence.migration')
  if (flags.smt !== false && !policy.allow_smt)
    throw new Denial('evidence.configuration', 'simultaneous multithreading is allowed')
  if (flags.alias_check !== true && policy.require_alias_check)
    throw new Denial('evidence.configuration', 'memory was not checked for aliases')
  if (!(Number(flags.guest_svn) >= policy.min_guest_svn))
    throw new Denial('evidence.tcb_low', 'guest SVN')
}

function assertTcb({ product, tcb, flags }: Claims, policy: SevSnpPolicy): void {
  const least = policy.min_tcb[product as SnpProduct]
  if (!least) throw new Denial('evidence.tcb_low', `min_tcb has nothing of ${product}`)
  for (const name of TCB_COMPONENTS) {
    const level = least[name] ?? 0
    if (!((tcb[name] ?? 0) >= level)) throw new Denial('evidence.tcb_low', `reported ${name}`)
    for (const of of policy.min_tcb_also)
      if (!(Number(flags[`${of}_${name}`] ?? 0) >= level))
        throw new Denial('evidence.tcb_low', `${of} ${name}`)
  }
}
