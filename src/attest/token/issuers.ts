// The section `token` of an appraisal policy, and what is common to appraising by it: lists match what they name and nothing else.
import { Denial } from '../denial.ts'
import type { AllowList, Appraised } from '../evidence/evidence.ts'

export interface ConfidentialSpaceIssuer {
  readonly type: 'confidential-space'
  readonly image_digests: AllowList
  /** One of these must be among the support attributes of the image. */
  readonly support: readonly ('STABLE' | 'USABLE' | 'LATEST')[]
  readonly audiences: readonly string[]
  readonly hwmodels: readonly string[]
  /** Of machines with TDX. */
  readonly tdx_tcb_status: readonly string[]
  /** Left out: of any project; so with zones. */
  readonly projects?: readonly string[]
  readonly zones?: readonly string[]
  /** Names of environment variables that may be set over those of the image. */
  readonly env_override: readonly string[]
  readonly allow_cmd_override: boolean
  readonly allow_debug: boolean
}

export interface MaaIssuer {
  readonly type: 'maa'
  /** https, without a path; its keys are those at `/certs` there. */
  readonly provider: string
  readonly launch_measurements: AllowList
  readonly compliance: readonly string[]
  /** Least versions, by component: bl, tee, snp, ucode. */
  readonly min_tcb: Readonly<Record<string, number>>
  readonly vmpl: readonly number[]
  /** Digests of the policy that the provider applied; left out: any. */
  readonly policy_hashes?: readonly string[]
  readonly allow_debug: boolean
  readonly allow_migration: boolean
  readonly require_secure_boot: boolean
}

export interface GcpIdentityIssuer {
  readonly type: 'gcp-identity'
  readonly projects: readonly string[]
  readonly zones?: readonly string[]
  /** Addresses of service accounts; left out: any of the projects. */
  readonly service_accounts?: readonly string[]
}

export type TokenIssuer = ConfidentialSpaceIssuer | MaaIssuer | GcpIdentityIssuer

export interface TokenPolicy {
  readonly issuers: readonly TokenIssuer[]
}

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

/** The id of the reference value that allows a digest. Throws `evidence.measurement_unlisted`. */
export function listedIn(
  list: AllowList,
  digest: string | undefined,
  now: number,
  what: string,
): string {
  const entry = digest !== undefined && Object.hasOwn(list, digest) ? list[digest] : undefined
  if (!entry || (entry.notAfter !== undefined && now > entry.notAfter))
    throw new Denial('evidence.measurement_unlisted', what)
  return entry.id
}
