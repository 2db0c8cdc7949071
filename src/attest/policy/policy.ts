// An appraisal policy as appraisal uses it: plain data that crosses to a thread; types only.
import type { BoundTo } from '../evidence/envelope.ts'
import type { AllowList, EvidenceType } from '../evidence/evidence.ts'

/** One demand: evidence of one of these kinds. */
export interface Requirement {
  readonly anyOf: readonly EvidenceType[]
}

/** What is known of a build besides what is measured of it. */
export interface ReferenceValue {
  readonly imageDigest?: string
  readonly kernel?: string
  readonly firmware?: string
  /** Milliseconds since the epoch. */
  readonly notAfter?: number
}

export interface Builds {
  readonly imageDigests?: readonly string[]
  readonly kernel?: string
  readonly firmware?: string
}

export interface EvidencePolicy {
  /** All of them; empty: no evidence is asked for. */
  readonly require: readonly Requirement[]
  /** Milliseconds. */
  readonly challengeTtl: number
  readonly maxEvidenceAge: number
  readonly binding: readonly BoundTo[]
  readonly builds: Builds | undefined
  /** By name of the section: what the verifier of that kind appraises by. */
  readonly sections: Readonly<Record<string, unknown>>
}

export interface PackagePolicy {
  readonly command: AllowList
  readonly files: AllowList
}

export interface AppraisalPolicy {
  readonly id: string
  /** SHA-256, hex, of the file as it stands. */
  readonly sha256: string
  readonly mode: 'enforce' | 'observe'
  /** Undefined: it is for servers that name it. */
  readonly appliesTo:
    | { readonly servers?: readonly string[]; readonly tags?: readonly string[] }
    | undefined
  /** As its schema has it; judged by whoever judges connections. */
  readonly tls: unknown
  readonly evidence: EvidencePolicy | undefined
  readonly package: PackagePolicy | undefined
  readonly references: Readonly<Record<string, ReferenceValue>>
  /** Milliseconds; the jitter is a share of the interval. */
  readonly result: {
    readonly ttl: number
    readonly interval: number
    readonly jitter: number
    readonly on: readonly ('tls-key-change' | 'policy-change' | 'collateral-revoked')[]
  }
}
