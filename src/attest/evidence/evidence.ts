// What every verifier of evidence is given and gives: types only, no check.
import type { Collateral, CollateralNeed } from '../collateral.ts'
import type { Numbers } from '../path/numbers.ts'

/** The kinds of evidence, as a policy and an envelope name them. */
export const EVIDENCE_TYPES = [
  'sev-snp',
  'tdx',
  'sgx',
  'nitro',
  'tpm',
  'azure-snp-vtpm',
  'azure-tdx-vtpm',
  'confidential-space',
  'gcp-identity',
  'maa',
  'aws-iid',
  'azure-imds',
] as const
export type EvidenceType = (typeof EVIDENCE_TYPES)[number]

/** One item of an envelope, decoded from base64url; `endorsements` is the sender's own JSON, not yet looked at. */
export interface EvidenceItem {
  readonly type: EvidenceType
  readonly bytes: Uint8Array
  readonly endorsements: Readonly<Record<string, unknown>>
}

/**
 * What the evidence must carry to be fresh and bound. `binder`: the 64 bytes of section 5.1, placed as each kind places them (TPM:
 * the first 32). `exact`: these bytes and no others, in the field where the kind has its nonce. Undefined: freshness is not
 * checked, which the claims say and which admits nobody.
 */
export type Expected =
  | { readonly kind: 'binder'; readonly bytes: Uint8Array }
  | { readonly kind: 'exact'; readonly bytes: Uint8Array }

/** A trust anchor for evidence: a pinned vendor root, or a root of a test, which makes what it signs synthetic. */
export interface EvidenceRoot {
  readonly id: string
  readonly der: Uint8Array
  readonly synthetic?: boolean
}

/** How a document is verified; every member is an input, so that the same document at the same time has the same verdict. */
export interface Verification extends Numbers {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Milliseconds that clocks may differ. */
  readonly skew: number
  readonly expected: Expected | undefined
  /** By family; only these are trusted. */
  readonly roots: Readonly<Record<string, readonly EvidenceRoot[]>>
  /** What was asked for by `needs`, as it was received: unchecked bytes. */
  readonly collateral: Collateral
}

/** What a genuine document says, in plain JSON; names of measurements and flags are those of the policy. */
export interface Claims {
  readonly type: EvidenceType
  /** `identity`: who the machine is, not what it runs; never satisfies what requires evidence of a platform. */
  readonly attests: 'platform' | 'identity'
  /** Version of the format, such as `v3`. */
  readonly version: string
  readonly size: number
  /** SHA-256, hex, of the canonical signed content without the signature: two forms of one document are one document. */
  readonly contentSha256: string
  /** SHA-256, hex, of the certificate (or key) that signed. */
  readonly signerSha256: string
  /** Id of the root the chain leads to. */
  readonly anchor: string
  /** True: it leads to a root of a test. */
  readonly synthetic: boolean
  readonly binding: 'matched' | 'not checked'
  /** Milliseconds since the epoch, where the document says when it was made. */
  readonly madeAt?: number
  /** Milliseconds since the epoch until which the document itself holds, such as a token's `exp`. */
  readonly goodUntil?: number
  /** SHA-256, hex, of what identifies the hardware: chip id, EK. Absent where it is masked. */
  readonly hardwareSha256?: string
  readonly product?: string
  /** Components of the TCB by name, as numbers: never compared as one. */
  readonly tcb: Readonly<Record<string, number>>
  /** As the vendor says, such as `UpToDate`. */
  readonly tcbStatus?: string
  readonly advisories?: readonly string[]
  /** Name to `sha384:<hex>` (or sha256, sha512; `raw:` for what is no digest). */
  readonly measurements: Readonly<Record<string, string>>
  readonly flags: Readonly<Record<string, boolean | number | string>>
  /** What was used besides the document: what it is, SHA-256 hex, and until when it holds. */
  readonly collateral: readonly {
    readonly kind: string
    readonly sha256: string
    readonly nextUpdate?: number
    /** Grows monotonically where the vendor numbers it, such as tcbEvaluationDataNumber. */
    readonly number?: number
  }[]
}

/** Values of AR4SI (draft-ietf-rats-ar4si): 2 affirming, 32 and above a warning, 96 and above contraindicated. */
export type TrustVector = Readonly<
  Partial<
    Record<
      | 'instance-identity'
      | 'configuration'
      | 'executables'
      | 'file-system'
      | 'hardware'
      | 'runtime-opaque'
      | 'storage-opaque'
      | 'sourced-data',
      number
    >
  >
>

export interface Appraised {
  readonly trust: TrustVector
  /** Ids of the reference values that matched. */
  readonly matched: readonly string[]
  /** What was tolerated and until when, fit to show. */
  readonly warnings: readonly string[]
  /** Milliseconds since the epoch, where something that was tolerated ends. */
  readonly goodUntil?: number
}

/** A list of a policy, after reference values were put in place of their ids: digests to the id that allows them. */
export interface AllowList {
  /** `sha384:<hex>` to the id of the reference value it is of (or to itself where it was written out). Empty: nothing matches. */
  readonly [digest: string]: { readonly id: string; readonly notAfter?: number }
}

export interface AppraisalContext {
  readonly now: number
}

/** What is encrypted for a key of the machine that an item is of, so that giving it back shows that its other key is there too. */
export interface Activation {
  /** Under which the verifier looks for the proof: `sent` and, behind it, what came back. */
  readonly id: string
  /** TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET. */
  readonly credential: Uint8Array
  readonly secret: Uint8Array
  /** In the clear: never leaves the gateway. */
  readonly sent: Uint8Array
}

export interface Activating extends Pick<Verification, 'expected' | 'roots'> {
  /** Bytes that nobody guesses. */
  readonly random: (size: number) => Uint8Array
}

/** One kind of evidence. `P` is its section of an appraisal policy, closed, with defaults in place. */
export interface Verifier<P> {
  readonly type: EvidenceType
  /**
   * What has to be fetched before `verify`; reads no more of the item than it must. Where the evidence says whose keys it needs, the
   * policy says whether those are asked for; where it says where to look, whether it leads to a root. Throws Denial.
   */
  needs?(
    item: EvidenceItem,
    policy: P,
    at?: Pick<Verification, 'now' | 'roots'>,
  ): readonly CollateralNeed[]
  /** What has to be activated before `verify`, where the policy asks for it and nothing else will do. Throws Denial. */
  activation?(item: EvidenceItem, policy: P, at: Activating): Activation | undefined
  /** Whether it is genuine, within its time, fresh and bound. Throws Denial. */
  verify(item: EvidenceItem, at: Verification): Claims
  /** Whether the policy wants what it claims; the defaults deny. Throws Denial. */
  appraise(claims: Claims, policy: P, at: AppraisalContext): Appraised
}
