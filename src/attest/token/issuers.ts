// The section `token` of an appraisal policy, and what is common to appraising by it: lists match what they name and nothing else.
import { Denial } from '../denial.ts'
import type { AllowList, Appraised } from '../evidence/evidence.ts'

/** Lists that may be left out say `any` where that is said; else the defaults below are in their place. */
export interface ConfidentialSpaceIssuer {
  readonly type: 'confidential-space'
  /** Images, written out; beside those of `reference`. */
  readonly image_digests?: readonly string[]
  readonly reference?: { readonly image_digest?: AllowList }
  /** One of these must be among the support attributes of the image. */
  readonly support?: readonly string[]
  readonly audiences?: readonly string[]
  readonly hwmodels?: readonly string[]
  /** Of machines with TDX. */
  readonly tdx_tcb_status?: readonly string[]
  /** Any. */
  readonly projects?: readonly string[]
  /** Any. */
  readonly zones?: readonly string[]
  /** Names of environment variables that may be set over those of the image. */
  readonly env_override?: readonly string[]
  readonly allow_cmd_override?: boolean
  /** Of a chain: whether its list must be there. */
  readonly revocation?: 'require' | 'prefer'
  readonly allow_debug?: boolean
}

export interface MaaIssuer {
  readonly type: 'maa'
  /** https, without a path; its keys are those at `/certs` there. */
  readonly provider: string
  readonly reference: { readonly launch_measurement: AllowList }
  /** Least versions, by component. */
  readonly min_tcb: Readonly<Record<(typeof MAA_TCB)[number], number>>
  readonly compliance?: readonly string[]
  readonly vmpl?: readonly number[]
  /** Digests of the policy that the provider applied. Any. */
  readonly policy_hashes?: readonly string[]
  readonly allow_debug?: boolean
  readonly allow_migration?: boolean
  readonly allow_insecure_boot?: boolean
}

export interface GcpIdentityIssuer {
  readonly type: 'gcp-identity'
  readonly projects: readonly string[]
  /** Any. */
  readonly zones?: readonly string[]
  /** Addresses. Any of the projects. */
  readonly service_accounts?: readonly string[]
}

export type TokenIssuer = ConfidentialSpaceIssuer | MaaIssuer | GcpIdentityIssuer

export interface TokenPolicy {
  readonly issuers: readonly TokenIssuer[]
}

export const MAA_TCB = ['bl', 'tee', 'snp', 'ucode'] as const

/** What holds where a policy says nothing. */
export const ISSUER_DEFAULTS = {
  support: ['STABLE'],
  /** The name of the protocol: a token for another service is not for us. */
  audiences: ['portcullis-att-v1'],
  hwmodels: ['GCP_INTEL_TDX'],
  tdx_tcb_status: ['UpToDate'],
  compliance: ['azure-compliant-cvm'],
  vmpl: [0],
  revocation: 'require',
} as const

/** Any of the issuers of a kind may want it; when none does, what the first one says. Throws Denial. */
export function appraiseByAny<T extends TokenIssuer['type']>(
  { issuers }: TokenPolicy,
  type: T,
  appraise: (issuer: Extract<TokenIssuer, { type: T }>) => Appraised,
): Appraised {
  let first: Denial | undefined
  for (const issuer of issuers) {
    if (!isOf(issuer, type)) continue
    try {
      return appraise(issuer)
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      first ??= error
    }
  }
  throw first ?? new Denial('evidence.issuer', `${type}: no issuer of the policy`)
}

function isOf<T extends TokenIssuer['type']>(
  issuer: TokenIssuer,
  type: T,
): issuer is Extract<TokenIssuer, { type: T }> {
  return issuer.type === type
}
